import { describe, expect, it } from 'vitest';
import { sizeOf } from '../base/dims.js';
import { createKernels } from '../kernels/index.js';
import { axis } from '../relation/builder.js';
import { contractInto } from '../relation/execute-contract.js';
import type { AxisIndex, Value } from '../relation/relation.js';
import { contractOn } from './contract-by-matmul.js';

type ContractValue = Extract<Value, { kind: 'contract' }>;

const numbers = (dims: readonly number[], seed: number): Int32Array =>
  Int32Array.from({ length: sizeOf(dims) }, (_, i) => (Math.imul(i + seed, 2654435761) >> 12) % 4096);

const window = (at: number, step: number, tap: number, start: number): AxisIndex => ({
  start,
  terms: [
    { index: at, step },
    { index: tap, step: 1 },
  ],
});

/** dims, sums, operand shapes and readings. */
const cases: readonly [string, number[], number[], number[], number[], AxisIndex[], AxisIndex[]][] = [
  ['a matrix product', [7, 9], [11], [7, 11], [11, 9], [axis(0), axis(2)], [axis(2), axis(1)]],
  ['a batched product', [3, 5, 6], [4], [3, 5, 4], [3, 6, 4], [axis(0), axis(1), axis(3)], [axis(0), axis(2), axis(3)]],
  [
    'a padded, strided convolution',
    [1, 6, 5, 4],
    [3, 3, 3],
    [1, 3, 9, 8],
    [9, 6, 3],
    [axis(0), axis(4), window(2, 2, 5, -1), window(3, 2, 6, -1)],
    [
      {
        start: 0,
        terms: [
          { index: 5, step: 3 },
          { index: 6, step: 1 },
        ],
      },
      axis(1),
      axis(4),
    ],
  ],
  [
    'a grouped convolution',
    [1, 2, 4, 6],
    [3, 2],
    [1, 6, 7],
    [2, 8, 3],
    [
      axis(0),
      {
        start: 0,
        terms: [
          { index: 1, step: 3 },
          { index: 4, step: 1 },
        ],
      },
      window(3, 1, 5, 0),
    ],
    [
      axis(5),
      {
        start: 0,
        terms: [
          { index: 1, step: 4 },
          { index: 2, step: 1 },
        ],
      },
      axis(4),
    ],
  ],
  [
    'windows in runs of four',
    [5, 4, 5],
    [2, 2],
    [5, 6],
    [2, 2, 5],
    [window(1, 1, 3, 0), window(2, 1, 4, 0)],
    [axis(3), axis(4), axis(0)],
  ],
  ['few rows', [2, 9], [11], [11, 9], [2, 11], [axis(2), axis(1)], [axis(0), axis(2)]],
  ['element by element', [6, 8], [], [6, 8], [8], [axis(0), axis(1)], [axis(1)]],
];

describe('contractOn', () => {
  it.each(cases)('gives the numbers of contractInto for %s', async (_, dims, sums, dimsA, dimsB, axesA, axesB) => {
    const kernels = await createKernels({ threads: 1 });
    const v: ContractValue = { kind: 'contract', name: 'v', dims, sums, a: 0, b: 1, axesA, axesB, lo: 0, hi: 0 };
    const [a, b] = [numbers(dimsA, 1), numbers(dimsB, 5)];
    const want = new Int32Array(sizeOf(dims));
    contractInto(want, v, a, dimsA, b, dimsB);
    const got = new Int32Array(want.length);
    contractOn(kernels)(got, v, a, dimsA, b, dimsB);
    expect(got).toEqual(want);
    for (const narrow of [Int8Array, Int16Array]) {
      const w = narrow.from(b);
      contractInto(want.fill(0), v, a, dimsA, w, dimsB);
      contractOn(kernels)(got.fill(0), v, a, dimsA, w, dimsB);
      expect(got).toEqual(want);
      contractInto(want.fill(0), v, a, dimsA, Int32Array.from(w), dimsB);
      expect(got).toEqual(want);
    }
    await kernels.close();
  });
});
