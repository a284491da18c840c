/**
 * Standardisation of rows, with one correct answer and no tolerance. Of a row x of n cells,
 *
 *     m = round(2^f·Σx / n)            the mean, f bits finer than x
 *     d = 2^f·x - m                    no rounding for a cell
 *     v = Σd² / 4^t + ε                in the bits that n cells leave; at least 1
 *     u = floor(v·4^w / 4^j)           normalised to 12 … 14 bits; w and j from comparisons of v with powers of 4
 *     g = round(2^19 / sqrt(u))        a table
 *     z = round(d·g·2^w / 2^h),  y = round(z / 2^j)   an exact division
 *
 * so a row's precision does not depend on how large its deviation is.
 */
import { numberAttribute } from '../../graph/attributes.js';
import { at, axis, type Interval, identityMap, type RelationBuilder } from '../../relation/builder.js';
import type { AxisIndex, LinearTerm, ValueId } from '../../relation/relation.js';
import { floorQuotient } from '../division.js';
import { ceilLog2, type LowerContext, type Lowered, type Lowering, type NodeInputs, roundToInt } from '../lowering.js';
import { coarsen, finish, gridFor, overflow } from '../rescale.js';
import { nonNegative } from '../sign.js';
import { applyFunction, rangeCheck } from '../tables.js';

/** Bits of d, of the sum of squares, and of the normalised one. */
const DEVIATION_BITS = 16;
const SUM_BITS = 28;
const MANTISSA_BITS = 14;
const MOST_SHIFT = 8;

const ROW: readonly AxisIndex[] = [axis(0), at(0)];
const CELL: readonly AxisIndex[] = [axis(0), axis(1)];
const map = identityMap(2);

const magnitude = (b: RelationBuilder, x: ValueId): number => Math.max(-b.get(x).lo, b.get(x).hi);

/** Widest d for rows of n cells: what its squares are rounded by must leave room in the product. */
const deviationBits = (n: number): number =>
  Math.min(DEVIATION_BITS, Math.floor((SUM_BITS - 1 - ceilLog2(n)) / 2) + MOST_SHIFT);

/** x, rounded where its deviations or sums would not fit. */
function fitting(c: LowerContext, x: Lowered, n: number): Lowered {
  const { lo, hi } = c.builder.get(x.value);
  const bits = Math.max(ceilLog2(hi - lo + 1) - deviationBits(n), ceilLog2(magnitude(c.builder, x.value) * n) - 28);
  return bits < 1 ? x : coarsen(c, `${c.name}/coarse-input`, x, bits);
}

/** d and how many of its units are one of x: d = 2^f·x - m. */
function deviations(c: LowerContext, x: ValueId, center: boolean): { d: ValueId; f: number } {
  const b = c.builder;
  const [rows, n] = b.dims(x);
  const { lo, hi } = b.get(x);
  const most = Math.max(-lo, hi, 1);
  let f = 0;
  while (
    f < 6 &&
    (center ? hi - lo + 1 : most) * 2 ** (f + 1) < 2 ** deviationBits(n) &&
    most * n * 2 ** (f + 3) < 2 ** 29
  )
    f++;
  const lift: LinearTerm = { src: x, coef: 2 ** f, map };
  if (!center) return { d: b.linear(`${c.name}/d`, [rows, n], [lift]), f };
  const sums: LinearTerm = { src: x, coef: 2 ** (f + 1), map: { kind: 'affine', sums: [n], axes: [axis(0), axis(2)] } };
  const double = { lo: lo * n * 2 ** (f + 1) + n, hi: hi * n * 2 ** (f + 1) + n };
  const num = b.linear(`${c.name}/double-sum`, [rows, 1], [sums], n, double);
  const den = b.constant(`${c.node.name}/double-count`, [rows, 1], new Int32Array(rows).fill(2 * n));
  const k = ceilLog2(most * 2 ** f + 1);
  const range = { lo: -(2 ** k), hi: 2 ** k - 1 };
  const mean = floorQuotient(b, `${c.name}/mean`, num, den, [rows, 1], range);
  if (mean === undefined) throw overflow(c);
  rangeCheck(b, mean, range);
  const minus: LinearTerm = { src: mean, coef: -1, map: { kind: 'affine', sums: [], axes: ROW } };
  // The mean lies between the row's ends.
  const span = (hi - lo) * 2 ** f + 1;
  return { d: b.linear(`${c.name}/d`, [rows, n], [lift, minus], 0, { lo: -span, hi: span }), f };
}

/** v, and the shift of what it sums. */
function squares(c: LowerContext, d: ValueId, unit: number): { v: ValueId; shift: number } {
  const b = c.builder;
  const [rows, n] = b.dims(d);
  let shift = 0;
  while ((magnitude(b, d) / 2 ** shift + 1) ** 2 * n > 2 ** (SUM_BITS - 1)) shift++;
  const coarse = shift === 0 ? d : coarsen(c, `${c.name}/coarse`, { value: d, scale: 1 }, shift).value;
  const epsilon = (numberAttribute(c.node, 'epsilon', 0) * n) / (unit * 2 ** shift) ** 2;
  const offset = Math.max(2, Math.min(2 ** (SUM_BITS - 2), roundToInt(epsilon)));
  const read: readonly AxisIndex[] = [axis(0), axis(2)];
  const sumOf = (name: string, x: ValueId, y: ValueId, range: Interval): ValueId =>
    b.contract(`${c.name}/${name}`, [rows, 1], x, y, [n], read, read, range);
  const most = magnitude(b, coarse);
  const sum = sumOf('squares', coarse, coarse, { lo: 0, hi: most ** 2 * n });
  const terms: LinearTerm[] = [{ src: sum, coef: 1, map }];
  if (shift >= 2) {
    // d = 2^t·e + r, and what Σe² lacks of Σd²/4^t is (4·Σer + Σr²/2^(t-1)) / 2^(t+1): sums of a row, nothing of a cell.
    const half = 2 ** (shift - 1);
    const parts = [
      { src: d, coef: 1, map },
      { src: coarse, coef: -(2 ** shift), map },
    ];
    const r = b.linear(`${c.name}/beyond-coarse`, [rows, n], parts, 0, { lo: -half, hi: half });
    const cross = sumOf('cross', coarse, r, { lo: -n * most * half, hi: n * most * half });
    const own = sumOf('own', r, r, { lo: 0, hi: n * half * half });
    const low = coarsen(c, `${c.name}/own-rounded`, { value: own, scale: 1 }, shift - 1).value;
    const lacking = b.linear(
      `${c.name}/lacking`,
      [rows, 1],
      [
        { src: cross, coef: 4, map },
        { src: low, coef: 1, map },
      ],
    );
    terms.push({
      src: coarsen(c, `${c.name}/lacking-rounded`, { value: lacking, scale: 1 }, shift + 1).value,
      coef: 1,
      map,
    });
  }
  const hi = terms.reduce((total, t) => total + b.get(t.src).hi, offset);
  // A sum of squares, rounded: it is not negative, though its parts may be.
  const v = b.linear(`${c.name}/v`, [rows, 1], terms, offset, { lo: offset - 1, hi });
  return { v, shift };
}

interface Normalised {
  /** 12 to 14 bits. */
  readonly u: ValueId;
  /** 2^w and 2^j, one of which is 1: v = u·4^(j - w). */
  readonly up: ValueId;
  readonly down: ValueId;
}

/** Σ of comparisons picks the powers: each one that v reaches moves on from one power to the next. */
function normalise(c: LowerContext, v: ValueId): Normalised {
  const b = c.builder;
  const [rows] = b.dims(v);
  const top = ceilLog2(b.get(v).hi + 1);
  const steps: { at: number; bit: ValueId }[] = [];
  for (let k = 2; k < top; k += 2) {
    const above = b.linear(`${c.name}/above-2^${k}`, [rows, 1], [{ src: v, coef: 1, map }], -(2 ** k));
    steps.push({ at: k, bit: nonNegative(b, `${c.name}/reaches-2^${k}`, above) });
  }
  const power = (name: string, base: number, exponent: (reached: number) => number): ValueId => {
    const value = (reached: number): number => base ** exponent(reached);
    const all = [0, ...steps.map((s) => s.at)].map(value);
    const range: Interval = { lo: Math.min(...all), hi: Math.max(...all) };
    const terms = steps.map(({ at: k, bit }): LinearTerm => ({ src: bit, coef: value(k) - value(k - 2), map }));
    return b.linear(`${c.name}/${name}`, [rows, 1], terms, value(0), range);
  };
  // 2^k <= v < 2^(k+2), k even, becomes 2^12 <= u < 2^14.
  const up = (k: number): number => Math.max(0, (MANTISSA_BITS - 2 - k) / 2);
  const down = (k: number): number => Math.max(0, (k + 2 - MANTISSA_BITS) / 2);
  const [upSquare, downSquare] = [power('4^w', 4, up), power('4^j', 4, down)];
  // 4^w is more than 1 only where v is small.
  const most = Math.max(b.get(v).hi, 2 ** MANTISSA_BITS);
  const lifted = b.contract(`${c.name}/lifted`, [rows, 1], v, upSquare, [], CELL, CELL, { lo: 0, hi: most });
  const range = { lo: 0, hi: 2 ** MANTISSA_BITS - 1 };
  const u = floorQuotient(b, `${c.name}/u`, lifted, downSquare, [rows, 1], range);
  if (u === undefined) throw overflow(c);
  return { u, up: power('2^w', 2, up), down: power('2^j', 2, down) };
}

function lower(c: LowerContext): Lowered[] {
  const b = c.builder;
  const [rows, n] = c.dims(0);
  const x = fitting(c, c.operand(0), n);
  const center = numberAttribute(c.node, 'center', 1) === 1;
  const { d, f } = deviations(c, x.value, center);
  const { v, shift } = squares(c, d, x.scale / 2 ** f);
  const { u, up, down } = normalise(c, v);
  const inverse = { key: '2^19/sqrt', f: (k: number) => (k > 0 ? 2 ** 19 / Math.sqrt(k) : 0), homogeneous: false };
  const mantissa = { scale: 1, lo: 0, hi: 2 ** MANTISSA_BITS - 1 };
  // Below 2^12 there is nothing: the table ends there, which also pins u.
  const g = applyFunction(b, `${c.name}/root`, u, inverse, { ...mantissa, lo: 2 ** 12 }, { ...mantissa, hi: 2 ** 13 });
  const factor = b.contract(`${c.name}/factor`, [rows, 1], g, up, [], CELL, CELL, {
    lo: 2 ** 12,
    hi: b.get(up).hi * 2 ** 13,
  });
  // |d| <= 2^shift·(sqrt(v) + 1), and sqrt(v)·2^w < 2^7 where w > 0.
  const highest = b.get(up).hi;
  const small = highest > 1 ? (2 ** 7 + highest) * 2 ** shift * 2 ** 13 : 0;
  const most = Math.max(magnitude(b, d) * 2 ** 13, small);
  const product = b.contract(`${c.name}/product`, [rows, n], d, factor, [], CELL, ROW, { lo: -most, hi: most });
  // One unit of the product over 2^j, in reals; z and y stand 2^h units apart.
  const unit = (Math.sqrt(n) / 2 ** 19) * 2 ** -shift;
  const [{ scale: planned, reach }] = c.outputs;
  const goal = Math.min(planned, reach / (2 ** c.widths.bits - 1));
  let h = 1;
  while (unit * 2 ** (h + 1) <= goal * 1.0001) h++;
  const { value: z, scale } = coarsen(c, `${c.name}/z`, { value: product, scale: unit }, h);
  // A row of one cell and zeros reaches √n where the mean is not taken off it, and a unit more by rounding.
  const q = gridFor(scale, Math.min(Math.sqrt(n) + (center ? 0 : scale), 4 * reach), c.widths.bits);
  const most2 = 2 * magnitude(b, z);
  const num = b.linear(
    `${c.name}/rounded`,
    [rows, n],
    [
      { src: z, coef: 2, map },
      { src: down, coef: 1, map: { kind: 'affine', sums: [], axes: ROW } },
    ],
    0,
    { lo: -most2, hi: most2 + b.get(down).hi },
  );
  const den = b.linear(`${c.name}/divisor`, [rows, 1], [{ src: down, coef: 2, map }]);
  const y = floorQuotient(b, `${c.name}/y`, num, den, [rows, n], q);
  if (y === undefined) throw overflow(c);
  return [finish(c, y, q)];
}

const root = (inputs: NodeInputs): number => Math.sqrt(inputs[0]?.dims[1] ?? 1);

export const standardizeLowering: Lowering = {
  ops: ['Standardize'],
  bound: (_, inputs) => root(inputs),
  // A row that is nearly constant is standardised like others when its cells are rounded.
  reaches: (_, inputs) => Math.min(4, root(inputs)),
  lower,
};
