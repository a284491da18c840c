import { describe, expect, it } from 'vitest';
import type { Integers } from '../base/integers.js';
import { createKernels, createReferenceKernels, type Kernels } from '../kernels/index.js';
import type { ConstantsStore, StoredPart, StoredPiece } from './constants-store.js';
import { stack } from './layout.js';
import { logWord, type OracleShape } from './oracles.js';
import { commitTree, fillPadded, forRuns, HELD_BYTES, leafBytes, rowsAtOnce } from './prove-oracles.js';

/** An entry in memory. */
function entry(): ConstantsStore & { readonly bytes: () => Uint8Array } {
  let kept = new Uint8Array(0);
  return {
    bytes: () => kept,
    read: (_, parts: readonly StoredPart[]) =>
      parts.every(({ offset, into }) => {
        if (offset + into.length > kept.length) return false;
        into.set(kept.subarray(offset, offset + into.length));
        return true;
      }),
    write(_, size: number, pieces: Iterable<StoredPiece>) {
      const next = new Uint8Array(size);
      let covered = 0;
      for (const { offset, bytes } of pieces) {
        next.set(bytes, offset);
        covered += bytes.length;
      }
      expect(covered).toBe(size);
      kept = next;
      return true;
    },
    remove: () => {
      kept = new Uint8Array(0);
    },
  };
}

/** Kernels that seem to have given out all the memory in which words are held. */
function filledUp(kernels: Kernels): Kernels {
  const own = Object.create(kernels) as Kernels;
  own.mark = () => kernels.mark() + HELD_BYTES;
  own.release = (mark) => kernels.release(mark - HELD_BYTES);
  return own;
}

describe('an oracle of more rows than are encoded at once', () => {
  const layout = stack([[70, 16], [5, 3], [9]]);
  const logRow = 4;
  const shape: OracleShape = { layout, logRow, rows: Math.ceil(layout.cells / 2 ** logRow), gap: false };
  const numbers = (n: number, seed: number): number[] =>
    Array.from({ length: n }, (_, i) => ((Math.imul(i + seed, 2654435761) >>> 9) % 256) - 128);
  const lists = [numbers(1120, 1), numbers(15, 2), numbers(9, 3)];
  const leaves = [0, 1, 17, 2 ** logWord(shape) - 1];
  const wide = lists.map((x): Integers => Int32Array.from(x));
  const widths: Integers[][] = [
    lists.map((x) => Int8Array.from(x)),
    lists.map((x) => Int16Array.from(x)),
    [Int8Array.from(lists[0]), Int32Array.from(lists[1]), Int16Array.from(lists[2])],
  ];

  it('has the same root and leaves whether its words are held, made again or stored, at any width', async () => {
    expect(shape.rows).toBeGreaterThan(2 * rowsAtOnce(shape.logRow));
    const reference = createReferenceKernels();
    const first = commitTree(reference, [{ shape, data: wide }]);
    const words = leafBytes(reference, first.oracles[0], leaves);
    const wasm = await createKernels({ threads: 2 });
    for (const kernels of [reference, wasm]) {
      for (const data of [wide, ...widths]) {
        const store = entry();
        const kept = { store, root: first.root };
        const trees = [
          commitTree(kernels, [{ shape, data }]),
          commitTree(filledUp(kernels), [{ shape, data }]),
          commitTree(kernels, [{ shape, data, kept }]),
          commitTree(kernels, [{ shape, data, kept }]),
        ];
        expect(trees.map((t) => t.oracles[0].word !== undefined)).toEqual([true, false, false, false]);
        for (const tree of trees) {
          expect(tree.root).toEqual(first.root);
          expect(leafBytes(kernels, tree.oracles[0], leaves)).toEqual(words);
        }
        expect(store.bytes().length).toBe(2 ** logWord(shape) * (32 + 4 * Math.ceil(shape.rows / 4) * 4));
      }
    }
    await wasm.close();
  });
});

describe('cells of a tensor in the stack', () => {
  // The axis that padding would lengthen most leads: the last one, so that neighbours in the stack are far apart.
  it.each([[[4, 300]], [[8, 77]], [[3, 1, 200]], [[129, 4]], [[2, 3, 33]]])(
    'of dims %j stand in any window where the runs say',
    (dims) => {
      const { tensors, cells } = stack([[7, 5], dims]);
      const size = dims.reduce((a, b) => a * b, 1);
      const [, t] = tensors;
      const data = Int16Array.from({ length: size }, (_, i) => i + 1);
      const whole = new Int16Array(2 ** Math.ceil(Math.log2(cells)));
      forRuns(t, whole, (all, cell, position, length, step) => {
        for (let i = 0; i < length; i++) all[position + i] = data[cell + step * i];
      });
      expect(whole.filter((x) => x !== 0).sort()).toEqual(data);
      for (let log = 0; 2 ** log <= whole.length; log++) {
        for (let first = 0; first < whole.length; first += 2 ** log) {
          const window = new Int16Array(2 ** log);
          fillPadded(window, t, data, first);
          expect(window).toEqual(whole.subarray(first, first + 2 ** log));
        }
      }
    },
  );
});
