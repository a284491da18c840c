import { describe, expect, it } from 'vitest';
import { floats, runNode } from '../../../../../tests/models/build-model.js';

const x = floats(
  [2001],
  Array.from({ length: 2001 }, (_, i) => (i - 1000) / 100),
);
const positive = floats(
  [1000],
  Array.from({ length: 1000 }, (_, i) => (i + 1) / 50),
);

const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
const softplus = (v: number) => Math.log1p(Math.exp(v));

/** erf by Simpson's rule. */
function erf(v: number): number {
  const n = 400;
  const h = v / n;
  let sum = 1 + Math.exp(-v * v);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2));
  return (2 / Math.sqrt(Math.PI)) * sum * (h / 3);
}

type Attributes = Parameters<typeof runNode>[2];
const CASES: [op: string, f: (v: number) => number, attributes?: Attributes, opset?: number][] = [
  ['Relu', (v) => Math.max(v, 0)],
  ['LeakyRelu', (v) => (v < 0 ? 0.01 * v : v)],
  ['LeakyRelu', (v) => (v < 0 ? 0.25 * v : v), { alpha: { float: 0.25 } }],
  ['ThresholdedRelu', (v) => (v > 0.5 ? v : 0), { alpha: { float: 0.5 } }],
  ['Elu', (v) => (v < 0 ? 2 * Math.expm1(v) : v), { alpha: { float: 2 } }],
  ['Celu', (v) => Math.max(0, v) + Math.min(0, 2 * Math.expm1(v / 2)), { alpha: { float: 2 } }],
  ['Selu', (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v))],
  ['Sigmoid', sigmoid],
  ['HardSigmoid', (v) => Math.min(1, Math.max(0, 0.2 * v + 0.5))],
  ['HardSwish', (v) => v * Math.min(1, Math.max(0, v / 6 + 0.5)), {}, 14],
  ['Tanh', Math.tanh],
  ['Softplus', softplus],
  ['Softsign', (v) => v / (1 + Math.abs(v))],
  ['Mish', (v) => v * Math.tanh(softplus(v)), {}, 18],
  ['Exp', Math.exp],
  ['Erf', erf],
  ['Gelu', (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)), {}, 20],
  [
    'Gelu',
    (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    { approximate: 'tanh' },
    20,
  ],
  ['Abs', Math.abs],
  ['Neg', (v) => -v],
  ['Sign', Math.sign],
  ['Floor', Math.floor],
  ['Ceil', Math.ceil],
  ['Round', (v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v))],
  ['Sin', Math.sin],
  ['Cos', Math.cos],
  ['Atan', Math.atan],
  ['Sinh', Math.sinh],
  ['Cosh', Math.cosh],
  ['Asinh', Math.asinh],
  ['Shrink', (v) => (Math.abs(v) > 1 ? v - 0.25 * Math.sign(v) : 0), { lambd: { float: 1 }, bias: { float: 0.25 } }],
];

describe('functions of one variable on floats', () => {
  it.each(CASES)('%s agrees with its definition', (op, f, attributes, opset = 13) => {
    const [y] = runNode(op, [x], attributes, { opset });
    expect(y.dims).toEqual(x.dims);
    y.data.forEach((v, i) => {
      const want = f(x.data[i]);
      expect(Math.abs(v - want)).toBeLessThan(1e-9 * Math.max(1, Math.abs(want)));
    });
  });

  it.each([
    ['Log', Math.log],
    ['Sqrt', Math.sqrt],
    ['Reciprocal', (v: number) => 1 / v],
  ] as const)('%s agrees with its definition', (op, f) => {
    const [y] = runNode(op, [positive]);
    y.data.forEach((v, i) => {
      expect(v).toBeCloseTo(f(positive.data[i]), 9);
    });
  });

  it('Pow takes whole powers of any number, and others of positive ones', () => {
    const power = (base: typeof x, p: number) => runNode('Pow', [base], {}, { constants: [floats([], [p])] })[0].data;
    for (const p of [0, 1, 2, 3, -1])
      power(x, p).forEach((v, i) => {
        const want = x.data[i] ** p;
        if (Number.isFinite(want)) expect(Math.abs(v - want)).toBeLessThan(1e-9 * Math.max(1, Math.abs(want)));
      });
    for (const p of [0.5, 1.5, -0.5])
      power(positive, p).forEach((v, i) => {
        expect(v).toBeCloseTo(positive.data[i] ** p, 9);
      });
  });
});
