import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, node, resolveModel, runModel, runNode, wave } from '../../../../tests/models/build-model.js';
import { broadcastCell, expectCells } from '../../../../tests/models/cells.js';
import { InputError } from '../base/errors.js';
import type { Tensor } from '../graph/graph.js';

/** Shapes that broadcast to one: axes left out in front, sizes of one. */
const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }).chain((dims) => {
  const operand = fc
    .tuple(
      fc.integer({ min: 0, max: dims.length }),
      fc.array(fc.boolean(), { minLength: dims.length, maxLength: dims.length }),
    )
    .map(([drop, ones]) => dims.map((d, i) => (ones[i] ? 1 : d)).slice(drop));
  return fc.array(operand, { minLength: 2, maxLength: 2 });
});

const common = (operands: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(...operands.map((d) => d.length));
  return Array.from({ length: rank }, (_, i) => Math.max(...operands.map((d) => d[i - rank + d.length] ?? 1)));
};

const BINARY: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Min: Math.min,
  Max: Math.max,
  Sum: (a, b) => a + b,
};

describe('broadcasting arithmetic on floats', () => {
  it('agrees with its definition for every pair of shapes', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(...Object.keys(BINARY)), ([p, q], op) => {
        const [a, b] = [wave(p), wave(q, 2)];
        const [y] = runNode(op, [a, b]);
        expectCells(y, common([p, q]), (i) => BINARY[op](broadcastCell(a, i), broadcastCell(b, i)));
      }),
      { numRuns: 500 },
    );
  });

  it('takes any number of operands where the operator does', () => {
    const operands = [wave([2, 1]), wave([3], 2), wave([2, 3], 3), wave([], 4)];
    for (const [op, f] of [
      ['Max', Math.max],
      ['Min', Math.min],
      ['Sum', (...v: number[]) => v.reduce((a, b) => a + b)],
    ] as const) {
      const [y] = runNode(op, operands);
      expectCells(y, [2, 3], (i) => f(...operands.map((t) => broadcastCell(t, i))));
    }
    expect([...runNode('Max', [floats([2], [1, -1])])[0].data]).toEqual([1, -1]);
  });

  it('gives PRelu slopes that broadcast to its input only', () => {
    fc.assert(
      fc.property(shapes, ([p, q]) => {
        const x = wave(p);
        const slope = wave(q, 2);
        const fits = common([p, q]).join() === p.join();
        const run = () => runNode('PRelu', [x], {}, { constants: [slope] })[0];
        if (!fits) expect(run).toThrow(InputError);
        else
          expectCells(run(), p, (i) => (broadcastCell(x, i) < 0 ? broadcastCell(slope, i) : 1) * broadcastCell(x, i));
      }),
      { numRuns: 300 },
    );
  });

  it('divides whole numbers towards zero, and refuses shapes that do not fit', () => {
    const int = (data: number[]): Tensor => ({ dtype: 'int32', dims: [data.length], data: Float64Array.from(data) });
    const divided = runModel(
      {
        nodes: [node('Div', ['a', 'b'], ['q']), node('Cast', ['q'], ['c'], { to: 1 }), node('Mul', ['x', 'c'], ['y'])],
        inputs: { x: [4] },
        outputs: ['y'],
        initializers: { a: int([7, -7, 7, -7]), b: int([2, 2, -2, -2]) },
      },
      { x: floats([4], [1, 1, 1, 1]) },
    );
    expect([...divided[0].data]).toEqual([3, -3, -3, 3]);
    const odd = { nodes: [node('Add', ['a', 'b'], ['y'], {}, 'sum')], inputs: { a: [2, 3], b: [2] }, outputs: ['y'] };
    expect(() => resolveModel(odd)).toThrow(/sum \(Add\): cannot broadcast \[2,3\] and \[2\]/);
  });
});
