/** The row space of an opening, cut in blocks of rows that are worked on together. */
import type { Kernels, Ptr } from '../kernels/kernels.js';
import { ceilLog2 } from './layout.js';
import type { Placement } from './oracles.js';
import { type CommittedOracle, messages } from './prove-oracles.js';
import { addWeights, type Weights } from './prove-weights.js';

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
  /** Calls `visit` for each block, with where the rows stand during the call. */
  visit(kernels: Kernels, visit: (block: RowBlock, at: (row: BlockRow) => Ptr) => void): void;
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
    const key = oraclesOf(rows).join();
    const group = groups.get(key) ?? [];
    group.push({ index, rows });
    groups.set(key, group);
  }
  return [...groups.values()].map((list) => ({
    blocks: list,
    visit(kernels, visit) {
      for (const block of list) {
        const mark = kernels.mark();
        const filled = new Map(
          oraclesOf(block.rows).map((o) => {
            const own = block.rows.flatMap((r) => (r?.oracle === o ? [r.row] : []));
            const { shape, data } = oracles[o];
            return [o, { first: own[0], ptr: messages(kernels, shape, data, own[0], own.length) }] as const;
          }),
        );
        visit(block, ({ oracle, row, log }) => {
          const { first, ptr } = filled.get(oracle) as { first: number; ptr: Ptr };
          return ptr + 4 * (row - first) * 2 ** log;
        });
        kernels.release(mark);
      }
    },
  }));
}

const oraclesOf = (rows: RowBlock['rows']): number[] => [...new Set(rows.flatMap((r) => (r ? [r.oracle] : [])))];

/** Makes the weights of a block as they are; where those of a row stand. */
export function blockWeights(kernels: Kernels, weights: Weights, block: RowBlock): (row: BlockRow) => Ptr {
  const windows = new Map(
    oraclesOf(block.rows).map((o) => {
      const { rows, logRow } = weights.shapes[o];
      const first = block.rows.find((r) => r?.oracle === o)?.row ?? 0;
      // An oracle of fewer rows than a block has is a window as a whole.
      const count = Math.min(block.rows.length, 2 ** ceilLog2(rows));
      const w = kernels.alloc(EXT_BYTES * count * 2 ** logRow);
      addWeights(kernels, weights, o, w, first, count);
      return [o, { first, w }] as const;
    }),
  );
  return ({ oracle, row, log }) => {
    const { first, w } = windows.get(oracle) as { first: number; w: Ptr };
    return w + EXT_BYTES * (row - first) * 2 ** log;
  };
}
