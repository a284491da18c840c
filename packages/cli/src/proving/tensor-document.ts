/** Tensors in JSON documents. */
import { type BoundaryTensor, dequantize } from '@dsperse/core/program';
import type { VerifierKey } from '@dsperse/core/verify';
import { formatDims, formatNumber } from '../terminal/format.js';

export interface TensorDocument {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** Real numbers of public tensors, by name. */
export function tensorDocuments(
  key: Pick<VerifierKey, 'tensors'>,
  integers: ReadonlyMap<string, Int32Array>,
): Record<string, TensorDocument> {
  return Object.fromEntries(
    [...integers].map(([name, values]) => {
      const tensor = key.tensors.get(name) as BoundaryTensor;
      return [name, { dims: tensor.dims, data: [...dequantize(tensor, values)] }];
    }),
  );
}

/** One line for each tensor: its shape, its first numbers, and which is largest. */
export function describeTensors(documents: Readonly<Record<string, TensorDocument>>): string {
  return Object.entries(documents)
    .map(([name, { dims, data }]) => {
      const first = data.slice(0, 10).map(formatNumber).join(', ');
      const rest = data.length > 10 ? ', …' : '';
      const largest = data.length > 1 ? `  (largest at ${argmax(data)})` : '';
      return `${name} ${formatDims(dims)}  ${first}${rest}${largest}`;
    })
    .join('\n');
}

export function argmax(data: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < data.length; i++) if (data[i] > data[best]) best = i;
  return best;
}
