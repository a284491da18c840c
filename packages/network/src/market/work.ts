/** Grouping the slices of an order into chunks. */
import { InputError } from '@dsperse/core/verify';
import type { Chunk, SliceWork } from './types.js';

export interface ChunkPlan {
  /** Work units that a chunk should have. */
  readonly targetWorkUnits: number;
  /** Exceeded only where slices are too many for one proof. */
  readonly maxChunks: number;
  /** Whether one proof can hold `count` slices from `index` on; asked of two or more. All where nothing is said. */
  readonly isProvable?: (index: number, count: number) => boolean;
}

function checkSlices(slices: readonly SliceWork[], plan: ChunkPlan): number {
  const positive = (value: number) => Number.isSafeInteger(value) && value >= 1;
  if (!positive(plan.targetWorkUnits) || !positive(plan.maxChunks)) {
    throw new InputError('bad-chunk-plan', 'target and number of chunks must be whole and at least 1', 'correct them');
  }
  let total = 0;
  slices.forEach((slice, k) => {
    if (!positive(slice.workUnits)) {
      throw new InputError('bad-work', `slice ${slice.index} has ${slice.workUnits} work units`, 'give at least 1');
    }
    if (k > 0 && slice.index !== slices[k - 1].index + 1) {
      throw new InputError('bad-slices', `slice ${slice.index} is not the neighbour of the one before`, 'sort them');
    }
    total += slice.workUnits;
  });
  if (!Number.isSafeInteger(total)) throw new InputError('bad-work', 'too much work for one order', 'split it');
  return total;
}

/** How many chunks are needed when none may have more than `limit`. */
function countWithin(slices: readonly SliceWork[], limit: number): number {
  let count = 1;
  let filled = 0;
  for (const { workUnits } of slices) {
    if (filled + workUnits > limit) {
      count++;
      filled = 0;
    }
    filled += workUnits;
  }
  return count;
}

/** How many chunks the slices from each on need when none may have more than `limit`. */
function neededFrom(slices: readonly SliceWork[], limit: number): number[] {
  const needed = new Array<number>(slices.length + 1).fill(0);
  let end = slices.length;
  let filled = 0;
  for (let k = slices.length - 1; k >= 0; k--) {
    filled += slices[k].workUnits;
    while (filled > limit) filled -= slices[--end].workUnits;
    needed[k] = 1 + needed[end];
  }
  return needed;
}

/** The smallest largest chunk with which `count` chunks suffice. */
function smallestLimit(slices: readonly SliceWork[], count: number, total: number): number {
  let low = Math.max(...slices.map((slice) => slice.workUnits), Math.ceil(total / count));
  let high = total;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (countWithin(slices, middle) <= count) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Neighbouring slices, ceil(work / target) chunks or as many as are allowed. The largest chunk is as small as it can
 * be; within that, each takes its share of what is left. A chunk that no proof can hold is halved by work until its parts
 * can be proven.
 * Throws InputError where slices are not neighbours in order or work is not a positive whole number.
 */
export function chunkSlices(slices: readonly SliceWork[], plan: ChunkPlan): Chunk[] {
  const total = checkSlices(slices, plan);
  if (slices.length === 0) return [];
  const byIndex = new Map(slices.map((slice) => [slice.index, slice]));
  const { isProvable = () => true } = plan;
  const provable = (chunk: Chunk): Omit<Chunk, 'index'>[] => {
    if (chunk.slices.length === 1 || isProvable(chunk.slices[0], chunk.slices.length)) return [chunk];
    const members = chunk.slices.map((index) => byIndex.get(index) as SliceWork);
    return dealSlices(members, chunk.workUnits, { targetWorkUnits: 1, maxChunks: 2 }).flatMap(provable);
  };
  return dealSlices(slices, total, plan)
    .flatMap(provable)
    .map(({ slices, workUnits }, index) => ({ index, slices, workUnits }));
}

function dealSlices(slices: readonly SliceWork[], total: number, plan: ChunkPlan): Chunk[] {
  const count = Math.min(Math.max(Math.ceil(total / plan.targetWorkUnits), 1), plan.maxChunks, slices.length);
  const limit = smallestLimit(slices, count, total);
  const needed = neededFrom(slices, limit);
  const chunks: Chunk[] = [];
  let next = 0;
  let left = total;
  while (next < slices.length) {
    const chunksLeft = count - chunks.length;
    let end = next + 1;
    let work = slices[next].workUnits;
    while (end < slices.length) {
      const more = work + slices[end].workUnits;
      if (more > limit || slices.length - end < chunksLeft) break;
      // Nearer to an equal share of what is left without the next slice than with it, where the others can take it.
      const isNearer = BigInt(more + work) * BigInt(chunksLeft) > 2n * BigInt(left);
      if (isNearer && needed[end] < chunksLeft) break;
      work = more;
      end++;
    }
    chunks.push({ index: chunks.length, slices: slices.slice(next, end).map((slice) => slice.index), workUnits: work });
    left -= work;
    next = end;
  }
  return chunks;
}
