/** Small relations, each with an honest input, for the attacks. */
import type { LowerContext } from '../../packages/core/src/layers/lowering.js';
import { axisMax } from '../../packages/core/src/layers/maximum.js';
import { softmaxLowering } from '../../packages/core/src/layers/softmax/lower.js';
import { axis, identityMap, RelationBuilder } from '../../packages/core/src/relation/builder.js';
import type { ValueId } from '../../packages/core/src/relation/relation.js';
import type { Model } from './dishonest-prover.js';

export const ramp = (n: number, f: (i: number) => number): Int32Array => Int32Array.from({ length: n }, (_, i) => f(i));

/** The id of a value by its name. */
export function named({ relation }: Model, name: string): ValueId {
  const id = relation.values.findIndex((v) => v.name === name);
  if (id < 0) throw new Error(`no value ${name}`);
  return id;
}

/** A copy of some numbers with a few changed. */
export function changed(data: Int32Array, changes: Record<number, number>): Int32Array {
  const out = data.slice();
  for (const [i, x] of Object.entries(changes)) out[Number(i)] = x;
  return out;
}

/** z = x·w + bias over [4,3]·[3,6], q = round(z / 16), y = relu(q); y is the output. A second table of 2^9 rows. */
export function denseLayer(
  weight = (i: number) => ((i * 7) % 11) - 5,
  activation = (x: number) => Math.max(0, x),
): Model {
  const b = new RelationBuilder();
  const dims = [5, 6];
  const x = b.input('x', [5, 3], { lo: -8, hi: 7 });
  const w = b.constant('w', [3, 6], ramp(18, weight));
  const bias = b.constant(
    'bias',
    [6],
    ramp(6, (i) => 3 * i - 8),
  );
  const acc = b.contract('acc', dims, x, w, [3], [axis(0), axis(2)], [axis(2), axis(1)]);
  const map = identityMap(2);
  const spread = { kind: 'affine' as const, sums: [], axes: [axis(1)] };
  const z = b.linear('z', dims, [
    { src: acc, coef: 1, map },
    { src: bias, coef: 1, map: spread },
  ]);
  const q = b.witness('q', dims, { lo: -16, hi: 15 }, { kind: 'quotient', src: z, shift: 4 });
  const terms = [
    { src: z, coef: 1, map },
    { src: q, coef: -16, map },
  ];
  b.lookup(b.rangeTable(4), b.linear('r', dims, terms, 8));
  const table = b.functionTable('activation', -16, () => ramp(32, (i) => activation(i - 16)));
  const y = b.witness('y', dims, { lo: -64, hi: 63 }, { kind: 'table', src: q, table });
  b.lookup(table, q, y);
  const square = b.contract('square', dims, q, q, [], [axis(0), axis(1)], [axis(0), axis(1)]);
  b.lookup(b.rangeTable(9), square);
  b.output(y);
  return { relation: b.build(), constants: b.constants, inputs: [ramp(15, (i) => ((i * 5) % 16) - 8)] };
}

/** A tensor of the witness in a range of 2^bits, copied to the output. */
export function rangeCheck(bits: number, data: Int32Array): Model {
  const b = new RelationBuilder();
  const range = { lo: 0, hi: 2 ** bits - 1 };
  const x = b.input('x', [data.length], range);
  const y = b.witness('y', [data.length], range, { kind: 'copy', src: x });
  b.lookup(b.rangeTable(bits), y);
  b.output(y);
  return { relation: b.build(), constants: b.constants, inputs: [data] };
}

/** out = Σ x over a vector, in a zero-constraint; nothing else is asked of x but its interval. */
export function total(data: Int32Array, range: { lo: number; hi: number }): Model {
  const b = new RelationBuilder();
  const n = data.length;
  const x = b.input('x', [n], range);
  const read = { kind: 'affine' as const, sums: [n], axes: [axis(1)] };
  const sum = b.linear('sum', [1], [{ src: x, coef: 1, map: read }], 0, { lo: -(2 ** 30), hi: 2 ** 30 });
  const out = b.witness('out', [1], { lo: -(2 ** 30), hi: 2 ** 30 }, { kind: 'copy', src: sum });
  const map = identityMap(1);
  const terms = [
    { src: out, coef: 1, map },
    { src: sum, coef: -1, map },
  ];
  b.zero(b.linear('same', [1], terms, 0, { lo: 0, hi: 0 }));
  b.output(out);
  return { relation: b.build(), constants: b.constants, inputs: [data] };
}

/** Two ranges (tables 0 and 1, of two and three bits) and two functions of the same domain (tables 2 and 3). */
export function twoTables(): Model {
  const b = new RelationBuilder();
  const dims = [3, 5];
  const x = b.input('x', dims, { lo: 0, hi: 3 });
  const narrow = b.witness('narrow', dims, { lo: 0, hi: 7 }, { kind: 'copy', src: x });
  const wide = b.witness('wide', dims, { lo: 0, hi: 7 }, { kind: 'copy', src: x });
  b.lookup(b.rangeTable(2), narrow);
  b.lookup(b.rangeTable(3), wide);
  const squares = b.functionTable('square', 0, () => ramp(4, (i) => i * i));
  const others = b.functionTable('other', 0, () => ramp(4, (i) => 9 - i));
  const f = b.witness('f', dims, { lo: 0, hi: 9 }, { kind: 'table', src: x, table: squares });
  const g = b.witness('g', dims, { lo: 0, hi: 9 }, { kind: 'table', src: x, table: others });
  b.lookup(squares, x, f);
  b.lookup(others, x, g);
  b.output(f);
  return { relation: b.build(), constants: b.constants, inputs: [ramp(15, (i) => (i * 2 + (i >> 2)) % 4)] };
}

/** The copy of a value to the slice's output. */
export function toOutput(b: RelationBuilder, value: ValueId): void {
  const { dims, lo, hi } = b.get(value);
  const out = b.witness('out', dims, { lo, hi }, { kind: 'copy', src: value });
  const map = identityMap(dims.length);
  const terms = [
    { src: out, coef: 1, map },
    { src: value, coef: -1, map },
  ];
  b.zero(b.linear('same', dims, terms, 0, { lo: 0, hi: 0 }));
  b.output(out);
}

/** The maximum of a vector, by packages/core/src/layers/maximum.ts. */
export function maximum(data: Int32Array): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [data.length], { lo: -8, hi: 7 });
  toOutput(b, axisMax(b, 'max', x, 0));
  return { relation: b.build(), constants: b.constants, inputs: [data] };
}

/** Softmax of a vector, by packages/core/src/layers/softmax/lower.ts. */
export function softmax(data: Int32Array): Model {
  const b = new RelationBuilder();
  const dims = [1, data.length];
  const x = b.input('x', dims, { lo: -8, hi: 7 });
  const context: Partial<LowerContext> = {
    node: { op: 'Softmax', name: 'softmax', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} },
    opset: 13,
    builder: b,
    widths: { bits: 6, maxShift: 8, splits: false },
    operand: () => ({ value: x, scale: 0.25 }),
    dims: () => dims,
    outputs: [{ dims, scale: 1 / 63, reach: 1, free: true }],
    name: 'softmax',
    activation: undefined,
    addends: [],
  };
  const [y] = softmaxLowering.lower(context as LowerContext);
  toOutput(b, y.value);
  return { relation: b.build(), constants: b.constants, inputs: [data] };
}

/** conv 2→3 channels over 4×5, 3×3, stride 2 by rows, padding 1; rescaled by 2^4; flattened, then multiplied pairwise. */
export function convolution(): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [1, 2, 4, 5], { lo: -8, hi: 7 });
  const w = b.constant(
    'w',
    [3, 2, 3, 3],
    ramp(54, (i) => ((i * 7) % 11) - 5),
  );
  const dims = [1, 3, 2, 5];
  const window = (out: number, sum: number, step: number) => ({
    start: -1,
    terms: [
      { index: out, step },
      { index: sum, step: 1 },
    ],
  });
  const acc = b.contract(
    'acc',
    dims,
    x,
    w,
    [2, 3, 3],
    [axis(0), axis(4), window(2, 5, 2), window(3, 6, 1)],
    [axis(1), axis(4), axis(5), axis(6)],
  );
  const map = identityMap(4);
  const q = b.witness('q', dims, { lo: -64, hi: 63 }, { kind: 'quotient', src: acc, shift: 4 });
  const terms = [
    { src: acc, coef: 1, map },
    { src: q, coef: -16, map },
  ];
  b.lookup(b.rangeTable(4), b.linear('r', dims, terms, 8));
  b.lookup(b.rangeTable(7), b.linear('q/from', dims, [{ src: q, coef: 1, map }], 64));
  const flat = b.linear('flat', [5, 6], [{ src: q, coef: 1, map: { kind: 'reshape' } }]);
  const gram = b.contract('gram', [5, 5], flat, flat, [6], [axis(0), axis(2)], [axis(1), axis(2)]);
  toOutput(b, gram);
  return { relation: b.build(), constants: b.constants, inputs: [ramp(40, (i) => ((i * 5) % 16) - 8)] };
}

/** Gather with a missing row, transposition, and a reshape that splits an axis; squared. */
export function reshaped(): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [3, 4], { lo: -8, hi: 7 });
  const gathered = b.linear(
    'gathered',
    [4, 4],
    [{ src: x, coef: 3, map: { kind: 'gather', axis: 0, index: [2, -1, 0, 2] } }],
  );
  const axes = [axis(1), axis(0)];
  const turned = b.linear('turned', [4, 4], [{ src: gathered, coef: 1, map: { kind: 'affine', sums: [], axes } }], 2);
  const split = b.linear('split', [2, 1, 8], [{ src: turned, coef: 1, map: { kind: 'reshape' } }]);
  const three = [axis(0), axis(1), axis(2)];
  toOutput(b, b.contract('square', [2, 1, 8], split, split, [], three, three));
  return { relation: b.build(), constants: b.constants, inputs: [ramp(12, (i) => i - 6)] };
}

/** A depthwise convolution whose result, with an axis of size 1 for each group's one output, is seen without that axis. */
export function depthwise(): Model {
  const b = new RelationBuilder();
  const x = b.input('x', [1, 3, 4], { lo: -8, hi: 7 });
  const w = b.constant('w', [2, 3, 1], Int32Array.from([1, -2, 3, 4, -5, 2]));
  const window = { start: 0, terms: [axis(3).terms[0], axis(5).terms[0]] };
  const grouped = b.contract(
    'grouped',
    [1, 3, 1, 3],
    x,
    w,
    [1, 2],
    [axis(0), { start: 0, terms: [axis(1).terms[0], axis(4).terms[0]] }, window],
    [axis(5), { start: 0, terms: [axis(1).terms[0], axis(2).terms[0]] }, axis(4)],
  );
  toOutput(b, b.linear('shaped', [1, 3, 3], [{ src: grouped, coef: 1, map: { kind: 'reshape' } }]));
  return { relation: b.build(), constants: b.constants, inputs: [ramp(12, (i) => i - 6)] };
}

/** s = floor(√x), pinned from both sides: x - s² and s² + 2s - x are looked up in the range of four bits. */
export function squareRoot(data: Int32Array): Model {
  const b = new RelationBuilder();
  const dims = [data.length];
  const x = b.input('x', dims, { lo: 0, hi: 63 });
  const s = b.witness('s', dims, { lo: 0, hi: 7 }, { kind: 'sqrt', src: x });
  const square = b.contract('square', dims, s, s, [], [axis(0)], [axis(0)]);
  const map = identityMap(1);
  const below = [
    { src: x, coef: 1, map },
    { src: square, coef: -1, map },
  ];
  const above = [
    { src: square, coef: 1, map },
    { src: s, coef: 2, map },
    { src: x, coef: -1, map },
  ];
  b.lookup(b.rangeTable(4), b.linear('below', dims, below));
  b.lookup(b.rangeTable(4), b.linear('above', dims, above));
  b.lookup(b.rangeTable(3), s);
  b.output(s);
  return { relation: b.build(), constants: b.constants, inputs: [data] };
}
