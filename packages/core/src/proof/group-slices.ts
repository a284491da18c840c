/** Which slices are proven together: as few proofs as a prover's memory allows. */
import { InputError } from '../base/errors.js';
import { type ProverMemory, proverBytes, proverMemory } from './prover-memory.js';
import type { SliceShape } from './slice-protocol.js';
import { unitOf, type VerifierKey } from './verifier-key.js';

/** Slices [index, index + count). */
export interface SliceGroup {
  readonly index: number;
  readonly count: number;
}

/** What pointers of 32 bits reach, less what an estimate may be wrong by. */
const KERNEL_BYTES = 3.5e9;

/**
 * @param memoryBytes that proving one group may take, as prover-memory.ts estimates it; a slice that alone takes more is
 *   a group by itself
 * @param slices those to prove, ascending; all of the program's where nothing is said
 * @returns them all, in order, consecutive ones in groups as long as memory and one proof's limits allow
 */
export function groupSlices(
  key: VerifierKey,
  memoryBytes: number,
  slices: readonly number[] = key.slices.map((_, i) => i),
): SliceGroup[] {
  const groups: SliceGroup[] = [];
  for (let at = 0; at < slices.length; ) {
    const index = slices[at];
    let run = 1;
    while (slices[at + run] === index + run) run++;
    // All at once may take less than some of them: a whole program's constants are in one tree.
    let count = run > 1 && fits(key, { index, count: run }, memoryBytes) ? run : 1;
    while (slices[at + count] === index + count && fits(key, { index, count: count + 1 }, memoryBytes)) count++;
    groups.push({ index, count });
    at += count;
  }
  return groups;
}

function fits(key: VerifierKey, group: SliceGroup, memoryBytes: number): boolean {
  const shape = shapeOf(key, group);
  return shape !== undefined && proverBytes(shape) <= memoryBytes && proverMemory(shape).kernelBytes <= KERNEL_BYTES;
}

/** Memory that one proof of a group takes, as it is estimated; undefined where no proof can hold it. */
export function groupMemory(key: VerifierKey, group: SliceGroup): ProverMemory | undefined {
  const shape = shapeOf(key, group);
  return shape && proverMemory(shape);
}

function shapeOf(key: VerifierKey, { index, count }: SliceGroup): SliceShape | undefined {
  try {
    return unitOf(key, index, count).shape;
  } catch (error) {
    if (error instanceof InputError && error.code === 'slice-too-large') return undefined;
    throw error;
  }
}
