/**
 * Comparisons, exactly on integers. Operands share a scale; a constant is rounded to it just as the operand was, so that
 * numbers that are equal in the model are equal in the program.
 */
import { broadcastMap } from '../../relation/builder.js';
import type { LinearTerm } from '../../relation/relation.js';
import { type LowerContext, type Lowered, type Lowering, roundToInt } from '../lowering.js';
import { isZero, nonNegative } from '../sign.js';

/** Order of the difference, and what is taken off it: a > b where a - b - 1 >= 0. */
const ORDERS: Readonly<Record<string, { readonly first: 0 | 1; readonly less: 0 | 1 }>> = {
  Greater: { first: 0, less: 1 },
  GreaterOrEqual: { first: 0, less: 0 },
  Less: { first: 1, less: 1 },
  LessOrEqual: { first: 1, less: 0 },
};

function lower(c: LowerContext): Lowered[] {
  const b = c.builder;
  const [{ dims }] = c.outputs;
  const computed = c.constant(0) ? 1 : 0;
  const x = c.operand(computed);
  const own = b.get(x.value);
  const operand = (i: number, coef: number): LinearTerm => {
    const t = c.constant(i);
    if (!t) return { src: c.operand(i).value, coef, map: broadcastMap(c.dims(i), dims) };
    // Beyond the other operand's interval all numbers compare alike.
    const data = Int32Array.from(t.data, (v) => Math.min(own.hi + 1, Math.max(own.lo - 1, roundToInt(v / x.scale))));
    return { src: b.constant(`${c.node.name}/constant-${i}`, t.dims, data), coef, map: broadcastMap(t.dims, dims) };
  };
  const order = ORDERS[c.node.op];
  const first = order?.first ?? 0;
  const difference = b.linear(
    `${c.name}/difference`,
    dims,
    [operand(first, 1), operand(1 - first, -1)],
    -(order?.less ?? 0),
  );
  return [{ value: order ? nonNegative(b, c.name, difference) : isZero(b, c.name, difference), scale: 1 }];
}

export const comparisonLowering: Lowering = {
  ops: ['Equal', ...Object.keys(ORDERS)],
  sharing: () => ({ inputs: [0, 1], outputs: false }),
  jumps: () => [0, 1],
  takesFine: () => true,
  lower,
};
