/** Cell-by-cell arithmetic with broadcasting. Additions share one rounding; products with constants are weights. */
import { power } from '../../base/real.js';
import { numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, Tensor } from '../../graph/graph.js';
import { broadcastAxes, broadcastMap, identityMap } from '../../relation/builder.js';
import type { LinearTerm, ValueId } from '../../relation/relation.js';
import { constantPart, intervalOf, lowerSum, quantize, type SumPart, scaledPart, weightedPart } from '../accumulate.js';
import { lowerDivision } from '../division.js';
import {
  composed,
  type LowerContext,
  type Lowered,
  type Lowering,
  type NamedFunction,
  type NodeInputs,
  unsupported,
} from '../lowering.js';
import { pairwiseMax } from '../maximum.js';
import { lowerProduct, roundSum } from '../product.js';
import { lowerFunction } from '../rescale.js';
import { nonNegative, times } from '../sign.js';
import { pinnedQuotient, remainderOf, scaledDivision } from '../steps/lower.js';
import { isWhole, wholeProduct, wholeQuotient, wholeRemainder, wholeSum } from '../whole.js';
import { modulo } from './op.js';

const isAddition = (node: GraphNode): boolean => node.op === 'Add' || node.op === 'Sub' || node.op === 'Sum';

/** How much coarser than the result operands may be to take a constant as it is. */
const COARSE = 4;

/** Σ ±x_i. A constant that fits the input's own integers is added there without rounding. */
function lowerAddition(c: LowerContext): Lowered {
  if (isWhole(c)) return wholeSum(c, (i) => (c.node.op === 'Sub' && i === 1 ? -1 : 1));
  const [{ dims, free }] = c.outputs;
  const sign = (i: number) => (c.node.op === 'Sub' && i === 1 ? -1 : 1);
  const computed = c.inputs.flatMap((t, i) => (t && !t.value ? [i] : []));
  const xs = computed.map((i) => c.operand(i));
  const constants = c.inputs.flatMap((t, i) => (t?.value ? [{ t: signed(t.value, sign(i)), i }] : []));
  const { scale } = xs[0];
  const map = (i: number) => broadcastMap(c.dims(i), dims);
  if (free && !c.activation && c.addends.length === 0 && xs.every((x) => x.scale === scale)) {
    const numbers = constants.map(({ t }) => quantize(t, scale));
    const reach = 2 ** (c.widths.bits + 1);
    const small = numbers.every((n) => n && Math.max(-intervalOf(n).lo, intervalOf(n).hi) < reach);
    // Integers much coarser than the result (whole numbers, often) would take the constant's fraction with them.
    const coarse = scale > COARSE * c.outputs[0].scale;
    const exact = constants.every(({ t }, k) => t.data.every((x, i) => x === (numbers[k]?.[i] ?? 0) * scale));
    const wide = xs.reduce((s, x) => s + Math.max(-c.builder.get(x.value).lo, c.builder.get(x.value).hi), 0);
    if (small && wide < reach && (exact || !coarse)) {
      const terms: LinearTerm[] = xs.map((x, k) => ({ src: x.value, coef: sign(computed[k]), map: map(computed[k]) }));
      constants.forEach(({ t }, k) => {
        const src = c.builder.constant(`${c.name}/constant`, t.dims, numbers[k] as Int32Array);
        terms.push({ src, coef: 1, map: broadcastMap(t.dims, dims) });
      });
      return { value: c.builder.linear(c.name, dims, terms), scale };
    }
  }
  const parts: SumPart[] = [
    ...xs.map((x, k) => scaledPart(c, x, sign(computed[k]), map(computed[k]))),
    ...constants.map(({ t }) => constantPart(c, `${c.node.name}/constant`, t, dims)),
  ];
  return lowerSum(c, dims, parts);
}

const signed = (t: Tensor, sign: number): Tensor => (sign === 1 ? t : { ...t, data: t.data.map((x) => -x) });

/** x·w for constant w: one number scales, more are weights of an element-wise contraction. */
function lowerScaling(c: LowerContext, x: Lowered, xDims: readonly number[], w: Tensor): Lowered {
  const [{ dims, free }] = c.outputs;
  if (w.data.length === 1) {
    const factor = w.data[0];
    if (free && factor !== 0 && !c.activation && c.addends.length === 0) {
      const term: LinearTerm = { src: x.value, coef: Math.sign(factor), map: broadcastMap(xDims, dims) };
      const same = factor > 0 && xDims.length === dims.length;
      return { value: same ? x.value : c.builder.linear(c.name, dims, [term]), scale: x.scale * Math.abs(factor) };
    }
    return lowerSum(c, dims, [scaledPart(c, x, factor, broadcastMap(xDims, dims))]);
  }
  const part = {
    x,
    weights: w,
    rowOf: (i: number) => i,
    rows: w.data.length,
    dims,
    sums: [],
    axesX: broadcastAxes(xDims, dims),
    axesW: broadcastAxes(w.dims, dims),
  };
  return lowerSum(c, dims, [weightedPart(c, part, dims)]);
}

function lowerMultiplication(c: LowerContext): Lowered {
  if (isWhole(c)) return wholeProduct(c);
  const [{ dims }] = c.outputs;
  const [a, b] = [c.constant(0), c.constant(1)];
  if (a) return lowerScaling(c, c.operand(1), c.dims(1), a);
  if (b) return lowerScaling(c, c.operand(0), c.dims(0), b);
  const axesA = broadcastAxes(c.dims(0), dims);
  const axesB = broadcastAxes(c.dims(1), dims);
  return lowerProduct(c, { a: c.operand(0), b: c.operand(1), dims, sums: [], axesA, axesB });
}

function lowerQuotient(c: LowerContext): Lowered {
  const divisor = c.constant(1);
  if (isWhole(c)) return wholeQuotient(c);
  if (divisor) {
    if (divisor.data.some((x) => x === 0))
      throw unsupported(c.node, 'it divides by a constant zero', 'repair the model');
    return lowerScaling(c, c.operand(0), c.dims(0), { ...divisor, data: divisor.data.map((x) => 1 / x) });
  }
  const numerator = c.constant(0);
  if (numerator?.data.length === 1 && c.dims(1).length === c.outputs[0].dims.length) {
    // A function of the divisor, however wide the range that it spans.
    const [k] = numerator.data;
    const f = { key: `Div ${k}/`, f: (x: number) => k / x, homogeneous: false };
    return c.activation
      ? lowerFunction({ ...c, activation: undefined }, c.operand(1), composed(f, c.activation), c.reach(1))
      : lowerFunction(c, c.operand(1), f, c.reach(1));
  }
  return lowerDivision(c);
}

function lowerExtremum(c: LowerContext): Lowered {
  const b = c.builder;
  const [{ dims, scale: planned }] = c.outputs;
  const computed = c.inputs.findIndex((t) => t && !t.value);
  const scale = computed >= 0 ? c.operand(computed).scale : planned;
  const terms = c.inputs.map((t, i): LinearTerm => {
    if (!t?.value) return { src: c.operand(i).value, coef: 1, map: broadcastMap(c.dims(i), dims) };
    const data = quantize(t.value, scale);
    if (!data) throw unsupported(c.node, 'a constant is far larger than the tensor it is compared with', 'use Clip');
    return { src: b.constant(`${c.node.name}/constant`, t.dims, data), coef: 1, map: broadcastMap(t.dims, dims) };
  });
  const range = {
    lo: Math.min(...terms.map((t) => b.get(t.src).lo)),
    hi: Math.max(...terms.map((t) => b.get(t.src).hi)),
  };
  // min(a, b) = -max(-a, -b)
  const sign = c.node.op === 'Min' ? -1 : 1;
  const mirrored = sign === 1 ? range : { lo: -range.hi, hi: -range.lo };
  let best: LinearTerm[] = [{ ...terms[0], coef: sign }];
  terms.slice(1).forEach((t, k) => {
    const value = pairwiseMax(b, `${c.name}/${k}`, dims, best, [{ ...t, coef: sign }], mirrored);
    best = [{ src: value, coef: 1, map: identityMap(dims.length) }];
  });
  const final = best.map((t) => ({ ...t, coef: t.coef * sign }));
  return { value: b.linear(c.name, dims, final, 0, range), scale };
}

/**
 * The remainder: exact of whole numbers; of real ones by a constant as the exact one of their integers, rounded once, or
 * by a table where those are no wider than one.
 */
function lowerModulo(c: LowerContext): Lowered {
  const fmod = numberAttribute(c.node, 'fmod', 0) === 1;
  if (isWhole(c)) return wholeRemainder(c, fmod);
  const divisor = c.constant(1);
  if (!divisor) throw unsupported(c.node, 'it divides real numbers by a computed tensor', 'divide by a constant');
  const x = c.operand(0);
  const { lo, hi } = c.builder.get(x.value);
  const f = moduloOf(c.node, c.inputs);
  const isNarrow = hi - lo < 2 ** (c.widths.bits + 3) && c.dims(0).length === c.outputs[0].dims.length;
  if (f && isNarrow) return lowerFunction(c, x, f, c.reach(0));
  return realRemainder(c, x, divisor, fmod);
}

/** x - c·floor(x / c), or (fmod) with the sign of x. */
function realRemainder(c: LowerContext, x: Lowered, divisor: Tensor, fmod: boolean): Lowered {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const map = identityMap(dims.length);
  const d = scaledDivision(c, x, fmod ? { ...divisor, data: divisor.data.map(Math.abs) } : divisor);
  let num = d.num;
  let sign: ValueId | undefined;
  if (fmod) {
    const isPositive = nonNegative(b, `${c.name}/is-positive`, num);
    sign = b.linear(`${c.name}/sign`, dims, [{ src: isPositive, coef: 2, map }], -1, { lo: -1, hi: 1 });
    num = times(b, `${c.name}/magnitude`, num, sign);
  } else if (divisor.data.some((v) => v < 0)) {
    const signs = b.constant(`${c.name}/divisor-signs`, divisor.dims, Int32Array.from(divisor.data, Math.sign));
    sign = b.linear(`${c.name}/sign`, dims, [{ src: signs, coef: 1, map: broadcastMap(divisor.dims, dims) }]);
  }
  const y = pinnedQuotient(c, `${c.name}/quotient`, num, d.den, d.most + 1);
  const left = remainderOf(c, num, d.den, y, b.get(d.den).hi - 1);
  // The numerator has the divisor's sign: so has what is left of it.
  const value = sign === undefined ? left : times(b, `${c.name}/signed-left`, left, sign);
  return roundSum(c, value, x.scale / d.factor);
}

function moduloOf(node: GraphNode, inputs: NodeInputs): NamedFunction | undefined {
  const y = inputs[1]?.value;
  if (y?.data.length !== 1) return undefined;
  const fmod = numberAttribute(node, 'fmod', 0) === 1;
  return { key: `Mod ${y.data[0]} ${fmod}`, f: (x) => modulo(x, y.data[0], fmod), homogeneous: false };
}

/** x^k and k^x for a constant number k. */
function powerOf(_node: GraphNode, inputs: NodeInputs): NamedFunction | undefined {
  const [base, exponent] = [inputs[0]?.value, inputs[1]?.value];
  if (exponent?.data.length === 1) {
    const k = exponent.data[0];
    return { key: `Pow ^${k}`, f: (x) => power(x, k), homogeneous: k === 1 };
  }
  if (base?.data.length === 1) {
    const k = base.data[0];
    return { key: `Pow ${k}^`, f: (x) => power(k, x), homogeneous: false };
  }
  return undefined;
}

function lower(c: LowerContext): Lowered[] {
  switch (c.node.op) {
    case 'Mul':
      return [lowerMultiplication(c)];
    case 'Div':
      return [lowerQuotient(c)];
    case 'Mod':
      return [lowerModulo(c)];
    case 'Min':
    case 'Max':
      return [lowerExtremum(c)];
    case 'Pow': {
      const f = powerOf(c.node, c.inputs);
      if (!f) throw unsupported(c.node, 'the exponent is no single constant number', 'use a constant exponent');
      const x = c.inputs[0]?.value ? 1 : 0;
      return [lowerFunction(c, c.operand(x), f, c.reach(x))];
    }
    default:
      return [lowerAddition(c)];
  }
}

export const arithmeticLowering: Lowering = {
  ops: ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Pow', 'Min', 'Max', 'Sum'],
  sameScale: (node) => node.op === 'Min' || node.op === 'Max',
  jumps: (node, inputs) => (node.op === 'Mod' && inputs[0]?.dtype.includes('float') ? [0] : []),
  takesFine: (node) => node.op === 'Min' || node.op === 'Max' || node.op === 'Mod',
  fusesFunction: (node) => isAddition(node) || node.op === 'Mul' || node.op === 'Div',
  fusesAddend: (node, inputs) => isAddition(node) || (node.op === 'Mul' && inputs.some((i) => i?.value)),
  asFunction: (node, inputs) => (node.op === 'Pow' ? powerOf(node, inputs) : undefined),
  asAddition(node, index) {
    if (!isAddition(node) || node.inputs.length !== 2) return undefined;
    if (node.op === 'Sub') return index === 0 ? { other: 1, sign: -1 } : undefined;
    return { other: 1 - index, sign: 1 };
  },
  lower,
};
