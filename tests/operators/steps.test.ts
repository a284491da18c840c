/** Steps of quotients by constants that are no powers of two, and remainders: exact also beside their jumps. */
import { describe, expect, it } from 'vitest';
import { compileModel, dequantize } from '../../packages/core/src/program/index.js';
import { buildModel, floats, ints, type ModelSpec, node, wave } from '../models/build-model.js';
import { only } from './operator-cases.js';
import { runProgram } from './prove-program.js';

const line = wave([3, 4], 2);
const byChannel = floats([3, 1], [0.3, 0.07, 1.1]);
const over = (op: string, c: ReturnType<typeof floats>, divide: 'Div' | 'Mul' = 'Div'): ModelSpec => ({
  nodes: [node(divide, ['x', 'c'], ['q']), node(op, ['q'], ['y'])],
  inputs: { x: [3, 4] },
  outputs: ['y'],
  initializers: { c },
});

/** Integers of the program's output as reals. */
function run(spec: ModelSpec, x: ReturnType<typeof floats>): Float64Array {
  const inputs = new Map([['x', x]]);
  const program = compileModel(buildModel({ ...spec, inputs: { x: x.dims } }), { calibration: [inputs] });
  const tensor = program.tensors.get('y');
  if (!tensor) throw new Error('no output');
  return dequantize(tensor, runProgram(program, inputs).get('y') as Int32Array);
}

/** Half to even. */
const even = (x: number) => {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x);
};
const FUNCTIONS = { Floor: Math.floor, Ceil: Math.ceil, Round: even } as const;

describe('beside a jump', () => {
  // 2^-17 is a few units of the input's integers, whose reach is 8.
  const near = 2 ** -17;
  for (const c of [0.3, 0.75, -0.7, 0.1]) {
    const multiples = Array.from({ length: 12 }, (_, i) => i - 6).flatMap((k) => [k * c - near, k * c + near]);
    const halves = Array.from({ length: 12 }, (_, i) => i - 5.5).flatMap((k) => [k * c - near, k * c + near]);
    const data = [...multiples, ...halves].filter((v) => Math.abs(v) < 4);
    const x = floats([data.length], data);
    const divisor = floats([], [c]);
    const one = divisor.data[0];
    it(`of multiples of ${c}`, () => {
      for (const [op, f] of Object.entries(FUNCTIONS)) {
        const want = [...x.data].map((v) => f(v / one) + 0);
        expect([...run(over(op, floats([], [Math.fround(c)])), x)].map((v) => v + 0)).toEqual(want);
      }
      for (const fmod of c > 0 ? [0, 1] : [1]) {
        const spec = { ...over('Floor', divisor), nodes: [node('Mod', ['x', 'c'], ['y'], { fmod })] };
        const got = run(spec, x);
        x.data.forEach((v, i) => {
          const rest = fmod ? v % one : v - one * Math.floor(v / one);
          expect(Math.abs(got[i] - rest)).toBeLessThan(2e-3);
        });
      }
    });
  }
});

for (const op of ['Floor', 'Ceil', 'Round'] as const) {
  only(op, [
    {
      name: 'of a quotient',
      x: [line],
      before: ['Div', floats([], [0.3])],
      check: { tolerance: { fast: 0.5, standard: 0, high: 0 } },
    },
    {
      name: 'of quotients by channels',
      x: [line],
      before: ['Div', byChannel],
      check: { tolerance: { fast: 0.5, standard: 0, high: 0 } },
    },
    {
      name: 'of a product',
      x: [line],
      before: ['Mul', floats([4], [3.3, -2, 7.7, 0.5])],
      check: { tolerance: { fast: 0.5, standard: 0, high: 0 } },
    },
  ]);
}
only('Mod', [
  { name: 'by channels', x: [line], constants: [byChannel], attributes: { fmod: 1 } },
  { name: 'by channels of either sign', x: [line], constants: [floats([3, 1], [0.3, -0.07, 1.1])] },
]);
only('QuantizeLinear', [
  {
    name: 'by channels',
    x: [line],
    constants: [floats([3], [0.3, 0.07, 1.1]), { ...ints([3, 100, 200]), dtype: 'uint8' }],
    attributes: { axis: 0 },
    check: { tolerance: { fast: 0.1, standard: 0, high: 0 } },
  },
]);
