/** Operators that only move numbers: linear maps, which cost nothing. */
import { type Interval, identityMap } from '../../relation/builder.js';
import type { LinearTerm, ValueId } from '../../relation/relation.js';
import { quantize } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, roundToInt, unsupported } from '../lowering.js';
import { READINGS, type Reading } from './readings.js';

const union = (ranges: readonly Interval[]): Interval => ({
  lo: Math.min(...ranges.map((r) => r.lo)),
  hi: Math.max(...ranges.map((r) => r.hi)),
});

const ZERO: Interval = { lo: 0, hi: 0 };

/** y = fill + Σ map(x - fill): cells that nothing reads hold the fill. */
function lowerReading(c: LowerContext, r: Reading, scale: number, name: string): ValueId {
  const b = c.builder;
  const fill = roundToInt((r.fill ?? 0) / scale);
  const ranges: Interval[] = [];
  const terms = r.terms.map((t): LinearTerm => {
    let value = source(c, t.input, scale);
    let range: Interval = { lo: b.get(value).lo, hi: b.get(value).hi };
    ranges.push(range);
    if (fill !== 0) {
      range = { lo: range.lo - fill, hi: range.hi - fill };
      value = b.linear(
        `${name}/less-fill`,
        b.dims(value),
        [{ src: value, coef: 1, map: identityMap(b.dims(value).length) }],
        -fill,
        range,
      );
    }
    t.steps.slice(0, -1).forEach((s, i) => {
      range = union([range, ZERO]);
      value = b.linear(`${name}/step-${i}`, s.dims, [{ src: value, coef: 1, map: s.map }], 0, range);
    });
    return { src: value, coef: 1, map: t.steps[t.steps.length - 1].map };
  });
  const reads = fill !== 0 || (terms.length === 1 && terms[0].map.kind === 'reshape');
  const range = union([...ranges, ...(reads ? [] : [ZERO]), ...(fill !== 0 ? [{ lo: fill, hi: fill }] : [])]);
  return b.linear(name, r.dims, terms, fill, range);
}

function source(c: LowerContext, index: number, scale: number): ValueId {
  const t = c.constant(index);
  if (!t) return c.operand(index).value;
  const data = quantize(t, scale);
  if (!data)
    throw unsupported(c.node, 'a constant is far larger than the tensor it is joined with', 'rescale the constant');
  return c.builder.constant(`${c.node.name}/constant-${index}`, t.dims, data);
}

function lower(c: LowerContext): Lowered[] {
  const readings = READINGS[c.node.op](c.node, c.inputs, c.opset);
  const first = readings[0].terms.find((t) => !c.constant(t.input));
  if (!first)
    throw unsupported(c.node, 'the tensor it reads is constant and its indices are not', 'use constant indices');
  const { scale } = c.operand(first.input);
  return readings.map((r, i) => ({ value: lowerReading(c, r, scale, c.node.outputs[i] || c.name), scale }));
}

export const layoutLowering: Lowering = {
  ops: Object.keys(READINGS),
  sameScale: () => true,
  takesFine: () => true,
  lower,
};
