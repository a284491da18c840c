import { describe, expect, it } from 'vitest';
import {
  buildModel,
  floats,
  ints,
  type ModelSpec,
  node,
  runModel,
  runNode,
  wave,
} from '../../../../../tests/models/build-model.js';
import { cell, expectCells } from '../../../../../tests/models/cells.js';
import { semanticsOf } from '../../layers/registry.js';
import { decodeOnnx } from '../decode.js';
import { resolveGraph } from '../resolve.js';

const data = (...args: Parameters<typeof runNode>) => [...runNode(...args)[0].data];

describe('truth values and comparisons that depend on the inputs', () => {
  const a = floats([6], [0, 0.5, 1, -2, 3, 3]);
  const b = floats([6], [0, 1, 0.5, -2, 2, 4]);
  const p = floats([4], [0, 0, 1, 1]);
  const q = floats([4], [0, 1, 0, 1]);

  it('agree with their definition', () => {
    const comparisons: [string, (x: number, y: number) => boolean][] = [
      ['Greater', (x, y) => x > y],
      ['GreaterOrEqual', (x, y) => x >= y],
      ['Less', (x, y) => x < y],
      ['LessOrEqual', (x, y) => x <= y],
      ['Equal', (x, y) => x === y],
    ];
    for (const [op, f] of comparisons) {
      const want = [...a.data].map((x, i) => Number(f(x, b.data[i])));
      expect([op, data(op, [a, b], {}, { opset: 16 })]).toEqual([op, want]);
      // Whole numbers go another way.
      const whole: ModelSpec = {
        nodes: [
          node('Cast', ['x'], ['i'], { to: 7 }),
          node('Cast', ['z'], ['j'], { to: 7 }),
          node(op, ['i', 'j'], ['y']),
        ],
        inputs: { x: [6], z: [6] },
        outputs: ['y'],
        opset: 16,
      };
      const trunc = [...a.data].map((x, i) => Number(f(Math.trunc(x), Math.trunc(b.data[i]))));
      expect([op, [...runModel(whole, { x: a, z: b })[0].data]]).toEqual([op, trunc]);
    }
    expect(data('And', [p, q])).toEqual([0, 0, 0, 1]);
    expect(data('Or', [p, q])).toEqual([0, 1, 1, 1]);
    expect(data('Xor', [p, q])).toEqual([0, 1, 1, 0]);
    expect(data('Not', [q])).toEqual([1, 0, 1, 0]);
  });

  it('choose by a condition that is computed or constant', () => {
    expect(data('Where', [p, floats([4], [1, 2, 3, 4]), floats([1], [9])])).toEqual([9, 9, 3, 4]);
    const masked: ModelSpec = {
      nodes: [node('Less', ['k', 'two'], ['mask']), node('Where', ['mask', 'x', 'low'], ['y'])],
      inputs: { x: [4] },
      outputs: ['y'],
      initializers: { k: ints([0, 1, 2, 3]), two: ints([2], []), low: floats([], [-5]) },
    };
    expect([...runModel(masked, { x: floats([4], [1, 2, 3, 4]) })[0].data]).toEqual([1, 2, -5, -5]);
    const graph = resolveGraph(decodeOnnx(buildModel(masked)), { semantics: semanticsOf });
    expect(graph.nodes.map((n) => n.op)).toEqual(['Where']);
  });
});

describe('positions that depend on the inputs', () => {
  const x = floats([2, 4], [1, 3, 3, -1, 0, -2, 5, 5]);

  it('ArgMax, ArgMin and Hardmax take the first extremum, or the last', () => {
    expect(data('ArgMax', [x], { axis: 1 })).toEqual([1, 2]);
    expect(data('ArgMax', [x], { axis: -1, select_last_index: 1 })).toEqual([2, 3]);
    expect(data('ArgMin', [x], { axis: 0 })).toEqual([1, 1, 0, 0]);
    expect(runNode('ArgMax', [x], { axis: 0, keepdims: 0 })[0].dims).toEqual([4]);
    expect(data('Hardmax', [x])).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
    const whole = wave([2, 2, 2]);
    const best = (block: number) =>
      [0, 1, 2, 3].reduce((m, i) => (whole.data[block * 4 + i] > whole.data[block * 4 + m] ? i : m), 0);
    expectCells(runNode('Hardmax', [whole], {}, { opset: 11 })[0], [2, 2, 2], ([i, j, k]) =>
      Number(2 * j + k === best(i)),
    );
  });

  it('OneHot along any axis, with any values', () => {
    const index = floats([3], [2, 0, -1]);
    const constants = [ints([4], []), floats([2], [0, 1])];
    expectCells(runNode('OneHot', [index], {}, { constants })[0], [3, 4], ([i, k]) => Number([2, 0, 3][i] === k));
    const values = [ints([4], []), floats([2], [-1, 5])];
    const first = runNode('OneHot', [index], { axis: 0 }, { constants: values })[0];
    expectCells(first, [4, 3], ([k, i]) => ([2, 0, 3][i] === k ? 5 : -1));
  });

  it('Gather and GatherElements at computed indices', () => {
    const table = wave([3, 4, 2]);
    const index = floats([2, 2], [1, 0, -1, 2]);
    const at = [
      [1, 0],
      [-1, 2],
    ];
    for (const axis of [0, 1, 2]) {
      const n = table.dims[axis];
      const inside = axis === 2 ? floats([2, 2], [1, 0, -1, 0]) : index;
      const pick =
        axis === 2
          ? [
              [1, 0],
              [-1, 0],
            ]
          : at;
      const spec: ModelSpec = {
        nodes: [node('Gather', ['table', 'i'], ['y'], { axis })],
        inputs: { i: [2, 2] },
        outputs: ['y'],
        initializers: { table },
      };
      const [y] = runModel(spec, { i: inside });
      const dims = [...table.dims.slice(0, axis), 2, 2, ...table.dims.slice(axis + 1)];
      expectCells(y, dims, (o) => {
        const k = pick[o[axis]][o[axis + 1]];
        return cell(table, [...o.slice(0, axis), (k + n) % n, ...o.slice(axis + 2)]);
      });
    }
    const rows = wave([2, 4]);
    const [y] = runNode('GatherElements', [rows, floats([2, 3], [3, 0, 1, -1, 2, 2])], { axis: 1 });
    const want = [
      [3, 0, 1],
      [3, 2, 2],
    ];
    expectCells(y, [2, 3], ([i, j]) => cell(rows, [i, want[i][j]]));
    const [corner] = runNode('GatherElements', [rows, floats([1, 2], [3, -3])], { axis: 1 });
    expectCells(corner, [1, 2], ([i, j]) => cell(rows, [i, [3, 1][j]]));
  });
});
