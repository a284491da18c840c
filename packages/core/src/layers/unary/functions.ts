/** Functions of one variable: what each means on the reals. The integer program has a table of it (lower.ts). */
import { erf, exp, log, sigmoid, softplus, tanh } from '../../base/real.js';
import { acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan } from '../../base/trigonometry.js';
import { numberAttribute, stringAttribute } from '../../graph/attributes.js';
import type { GraphNode, Tensor } from '../../graph/graph.js';

export type RealFunction = (x: number) => number;

const gelu: RealFunction = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
const geluTanh: RealFunction = (x) => 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));

/** Nearest integer; halves go to the even one. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

type Make = (node: GraphNode, inputs: readonly (Tensor | undefined)[]) => RealFunction;

const fixed =
  (f: RealFunction): Make =>
  () =>
    f;

/** ONNX operator → function, given its attributes (and constant inputs). */
export const FUNCTIONS: Readonly<Record<string, Make>> = {
  Identity: fixed((x) => x),
  Dropout: fixed((x) => x),
  Cast: fixed((x) => x),
  Relu: fixed((x) => (x > 0 ? x : 0)),
  LeakyRelu: (n) => {
    const alpha = numberAttribute(n, 'alpha', 0.01);
    return (x) => (x >= 0 ? x : alpha * x);
  },
  ThresholdedRelu: (n) => {
    const alpha = numberAttribute(n, 'alpha', 1);
    return (x) => (x > alpha ? x : 0);
  },
  Elu: (n) => {
    const alpha = numberAttribute(n, 'alpha', 1);
    return (x) => (x >= 0 ? x : alpha * (exp(x) - 1));
  },
  Celu: (n) => {
    const alpha = numberAttribute(n, 'alpha', 1);
    return (x) => (x >= 0 ? x : alpha * (exp(x / alpha) - 1));
  },
  Selu: (n) => {
    const alpha = numberAttribute(n, 'alpha', 1.6732632423543772);
    const gamma = numberAttribute(n, 'gamma', 1.0507009873554805);
    return (x) => (x > 0 ? gamma * x : gamma * alpha * (exp(x) - 1));
  },
  Sigmoid: fixed(sigmoid),
  HardSigmoid: (n) => {
    const alpha = numberAttribute(n, 'alpha', 0.2);
    const beta = numberAttribute(n, 'beta', 0.5);
    return (x) => Math.min(1, Math.max(0, alpha * x + beta));
  },
  HardSwish: fixed((x) => x * Math.min(1, Math.max(0, x / 6 + 0.5))),
  Tanh: fixed(tanh),
  Softplus: fixed(softplus),
  Softsign: fixed((x) => x / (1 + Math.abs(x))),
  Mish: fixed((x) => x * tanh(softplus(x))),
  Erf: fixed(erf),
  Exp: fixed(exp),
  Log: fixed(log),
  Sqrt: fixed(Math.sqrt),
  Reciprocal: fixed((x) => 1 / x),
  Gelu: (n) => (stringAttribute(n, 'approximate', 'none') === 'tanh' ? geluTanh : gelu),
  Abs: fixed(Math.abs),
  Neg: fixed((x) => -x),
  Sign: fixed(Math.sign),
  Round: fixed(roundHalfEven),
  Sin: fixed(sin),
  Cos: fixed(cos),
  Tan: fixed(tan),
  Asin: fixed(asin),
  Acos: fixed(acos),
  Atan: fixed(atan),
  Sinh: fixed(sinh),
  Cosh: fixed(cosh),
  Asinh: fixed(asinh),
  Acosh: fixed(acosh),
  Atanh: fixed(atanh),
  Shrink: (n) => {
    const lambda = numberAttribute(n, 'lambd', 0.5);
    const bias = numberAttribute(n, 'bias', 0);
    return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
  },
  Floor: fixed(Math.floor),
  Ceil: fixed(Math.ceil),
  Clip: (n, inputs) => {
    const lo = inputs[1]?.data[0] ?? numberAttribute(n, 'min', Number.NEGATIVE_INFINITY);
    const hi = inputs[2]?.data[0] ?? numberAttribute(n, 'max', Number.POSITIVE_INFINITY);
    return (x) => Math.min(hi, Math.max(lo, x));
  },
};
