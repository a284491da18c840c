/** The integers of an order's input, with a remark where numbers were clamped. */
import type { Tensor } from '@dsperse/core/graph';
import { quantizeInputs } from '@dsperse/core/program';
import type { VerifierKey } from '@dsperse/core/verify';
import pc from 'picocolors';
import type { Terminal } from '../terminal/terminal.js';

export function quantizedFor(
  key: VerifierKey,
  tensors: ReadonlyMap<string, Tensor>,
  clamp: boolean,
  terminal: Terminal,
): ReadonlyMap<string, Int32Array> {
  const { integers, clamped } = quantizeInputs(key, tensors, { clamp });
  for (const { tensor, count } of clamped) {
    terminal.note(`${pc.yellow('clamped')} ${count} of ${integers.get(tensor)?.length} numbers of ${tensor}`);
  }
  return integers;
}
