/** The row space of an opening, cut in blocks of rows that are worked on together. */
import type { Kernels, Ptr } from '../kernels/kernels.js';
import { ceilLog2 } from './layout.js';
import type { Placement } from './oracles.js';
import { type CommittedOracle, messages } from './prove-oracles.js';
import type { Weights } from './prove-weights.js';

const EXT_BYTES = 16;

/** A row of an oracle, of 2^log cells. */
export interface BlockRow {
  readonly oracle: number;
  readonly row: number;
  readonly log: number;
}

export interface RowBlock {
  /** Of the block in the row space. */
  readonly index: number;
  /** By their place in the block. */
  readonly rows: readonly (BlockRow | undefined)[];
}

export interface BlockGroup {
  readonly blocks: readonly RowBlock[];
  /** Calls `visit` for each block, with where the rows and their weights stand during the call. */
  visit(
    kernels: Kernels,
    weights: Weights,
    visit: (block: RowBlock, at: (row: BlockRow) => { f: Ptr; w: Ptr }) => void,
  ): void;
}

/**
 * Blocks of `size` rows, in groups that share their oracles: those of one oracle that fills blocks by itself, or one
 * block of several small ones.
 */
export function rowBlocks(oracles: readonly CommittedOracle[], placement: Placement, size: number): BlockGroup[] {
  const blocks = new Map<number, (BlockRow | undefined)[]>();
  oracles.forEach(({ shape }, oracle) => {
    for (let row = 0; row < shape.rows; row++) {
      const place = placement.firstRow[oracle] + row;
      const index = Math.floor(place / size);
      const rows = blocks.get(index) ?? new Array<BlockRow | undefined>(size).fill(undefined);
      rows[place % size] = { oracle, row, log: shape.logRow };
      blocks.set(index, rows);
    }
  });
  const groups = new Map<string, RowBlock[]>();
  for (const [index, rows] of blocks) {
    const key = [...new Set(rows.flatMap((r) => (r ? [r.oracle] : [])))].join();
    const group = groups.get(key) ?? [];
    group.push({ index, rows });
    groups.set(key, group);
  }
  return [...groups.values()].map((list) => ({
    blocks: list,
    visit(kernels, weights, visit) {
      const before = kernels.mark();
      const members = new Set(list.flatMap((b) => b.rows.flatMap((r) => (r ? [r.oracle] : []))));
      const filled = new Map([...members].map((o) => [o, messages(kernels, oracles[o].shape, oracles[o].data)]));
      for (const block of list) {
        const mark = kernels.mark();
        const windows = new Map(
          [...members].map((o) => {
            const { shape } = oracles[o];
            const first = block.rows.find((r) => r?.oracle === o)?.row ?? 0;
            // An oracle of fewer rows than a block has is a window as a whole.
            const length = Math.min(size, 2 ** ceilLog2(shape.rows)) * 2 ** shape.logRow;
            const w = kernels.alloc(EXT_BYTES * length);
            weights(o, w, first * 2 ** shape.logRow, length);
            return [o, { first, w }] as const;
          }),
        );
        visit(block, ({ oracle, row, log }) => {
          const { first, w } = windows.get(oracle) as { first: number; w: Ptr };
          return {
            f: (filled.get(oracle) as Ptr) + 4 * row * 2 ** log,
            w: w + EXT_BYTES * (row - first) * 2 ** log,
          };
        });
        kernels.release(mark);
      }
      kernels.release(before);
    },
  }));
}
