/**
 * How functionals are pulled back through virtual values.
 *
 * Pulling a functional on a linear value back to its sources costs no message: ⟨f, Σ coef·map(src) + offset⟩ is
 * rearranged into Σ ⟨f_src, src⟩ + constant (Thaler 2013 calls it a wiring predicate; here it is evaluated densely,
 * one group of axes at a time, so it costs the sum and not the product of the groups).
 */
import { type Ext, mul } from '../field/qm31.js';
import { identityMap } from '../relation/readings.js';
import type { AxisIndex, LinearMap } from '../relation/relation.js';
import { sizeOf } from '../relation/relation.js';
import type { EqTables } from './eq-tables.js';
import { addEntry, type ExtVector, lengthOf, outer } from './ext-vector.js';
import { type Block, type Functional, productOver } from './functional.js';
import { Vector } from './vector.js';

/** An index of an expression together with the weights that range over it (a block over several indices). */
export interface Weights {
  readonly indices: readonly number[];
  readonly values: Vector;
}

/**
 * Pulls coef · Π weights back through an affine reading: the functional on the source, or undefined where nothing of it
 * is read. `weights` partition the indices; `sizes` are the indices' sizes.
 */
export function pullWeights(
  coef: Ext,
  weights: readonly Weights[],
  sizes: readonly number[],
  axes: readonly AxisIndex[],
  srcDims: readonly number[],
  tables: EqTables,
): Functional | undefined {
  const plain = pullPlain(coef, weights, sizes, axes, srcDims);
  if (plain) return plain;
  const weighed = weights.map((w) => bitsOf(w.indices));
  const read = axes.map((a) => bitsOf(a.terms.map((t) => t.index)));
  const blocks: Block[] = [];
  let used = 0;
  for (let k = 0; k < axes.length; k++) {
    if (read[k] === 0) {
      const start = axes[k].start;
      if (start < 0 || start >= srcDims[k]) return undefined;
      const values = new Uint32Array(4 * srcDims[k]);
      values[4 * start] = 1;
      blocks.push({ axes: [k], values: Vector.of(values) });
      continue;
    }
    if ((read[k] & used) !== 0) continue;
    // The indices that weights and axes tie to those of this axis.
    let tied = read[k];
    for (let before = 0; before !== tied; ) {
      before = tied;
      for (const bits of weighed) if ((bits & tied) !== 0) tied |= bits;
      for (const bits of read) if ((bits & tied) !== 0) tied |= bits;
    }
    used |= tied;
    const own = axes.flatMap((_, j) => ((read[j] & tied) !== 0 ? [j] : []));
    const members = weights.filter((_, i) => (weighed[i] & tied) !== 0);
    blocks.push(scatter(members, sizes, own, axes, srcDims, tables));
  }
  weights.forEach((w, i) => {
    if ((weighed[i] & used) === 0) coef = mul(coef, w.values.total);
  });
  return { coef, blocks };
}

/** A bit for each index: a tensor has at most 16 axes, a sum as many. */
function bitsOf(indices: readonly number[]): number {
  let bits = 0;
  for (const x of indices) bits |= 1 << x;
  return bits;
}

/** The same where each axis is read by one index of its own from end to end; undefined where that is not so. */
function pullPlain(
  coef: Ext,
  weights: readonly Weights[],
  sizes: readonly number[],
  axes: readonly AxisIndex[],
  srcDims: readonly number[],
): Functional | undefined {
  /** Bit i where weights i are read: a tensor has at most 16 axes, a sum as many. */
  let read = 0;
  const blocks: Block[] = [];
  for (let k = 0; k < axes.length; k++) {
    const { start, terms } = axes[k];
    if (start !== 0 || terms.length > 1) return undefined;
    if (terms.length === 0) {
      if (srcDims[k] !== 1) return undefined;
      blocks.push({ axes: [k], values: Vector.one });
      continue;
    }
    const [{ index, step }] = terms;
    if (step !== 1 || sizes[index] !== srcDims[k]) return undefined;
    let own = 0;
    while (!weights[own].indices.includes(index)) own++;
    if (weights[own].indices.length !== 1 || (read & (1 << own)) !== 0) return undefined;
    read |= 1 << own;
    blocks.push({ axes: [k], values: weights[own].values });
  }
  for (let i = 0; i < weights.length; i++) if ((read & (1 << i)) === 0) coef = mul(coef, weights[i].values.total);
  return { coef, blocks };
}

/** The block on the axes `own`: each assignment of the members' indices adds its weight where it reads. */
function scatter(
  members: readonly Weights[],
  sizes: readonly number[],
  own: readonly number[],
  axes: readonly AxisIndex[],
  srcDims: readonly number[],
  tables: EqTables,
): Block {
  const indices = members.flatMap((m) => m.indices);
  const dims = own.map((k) => srcDims[k]);
  if (own.length === 1 && indices.length === 1) {
    const { start, terms } = axes[own[0]];
    const whole = start === 0 && terms.length === 1 && terms[0].step === 1 && sizes[indices[0]] === dims[0];
    if (whole) return { axes: own, values: members[0].values };
  }
  const ranges = indices.map((index) => sizes[index]);
  // position on each own axis = start + Σ step·index
  const steps = indices.map((index) =>
    own.map((k) => axes[k].terms.reduce((s, t) => (t.index === index ? s + t.step : s), 0)),
  );
  const start = own.map((k) => axes[k].start);
  const values = tables.made(
    `scatter ${ranges} by ${steps} from ${start} to ${dims}`,
    members.map((m) => m.values),
    (from) => Vector.of(scatterEntries(from.map((v) => v.entries).reduce(outer), ranges, steps, start, dims)),
  );
  return { axes: own, values };
}

/** Adds entry i of `dense`, i being an assignment of indices in `ranges`, at start + Σ step·index of an array of `dims`. */
function scatterEntries(
  dense: ExtVector,
  ranges: readonly number[],
  steps: readonly (readonly number[])[],
  start: readonly number[],
  dims: readonly number[],
): ExtVector {
  const values = new Uint32Array(4 * sizeOf(dims));
  // Maintained as an odometer over the indices.
  const position = [...start];
  const counter = ranges.map(() => 0);
  const n = lengthOf(dense);
  for (let i = 0; i < n; i++) {
    let offset = 0;
    for (let a = 0; a < dims.length; a++) {
      const p = position[a];
      if (p < 0 || p >= dims[a]) {
        offset = -1;
        break;
      }
      offset = offset * dims[a] + p;
    }
    if (offset >= 0) addEntry(values, offset, dense, i);
    for (let j = ranges.length - 1; j >= 0; j--) {
      counter[j]++;
      for (let a = 0; a < dims.length; a++) position[a] += steps[j][a];
      if (counter[j] < ranges[j]) break;
      for (let a = 0; a < dims.length; a++) position[a] -= steps[j][a] * counter[j];
      counter[j] = 0;
    }
  }
  return values;
}

/**
 * Pulls a functional back through an affine reading with weighted indices.
 * @param f weights on the output's axes (indices 0 … rank-1)
 * @param sums sizes of the summed indices, from number `rank` on
 */
export function pullAffine(
  f: Functional,
  outDims: readonly number[],
  sums: readonly number[],
  axes: readonly AxisIndex[],
  srcDims: readonly number[],
  tables: EqTables,
): Functional | undefined {
  const weights: Weights[] = f.blocks.map((b) => ({ indices: b.axes, values: b.values }));
  sums.forEach((n, i) => {
    weights.push({ indices: [outDims.length + i], values: tables.ones(n) });
  });
  return pullWeights(f.coef, weights, [...outDims, ...sums], axes, srcDims, tables);
}

/** The functional on the source of a linear map; undefined where the map reads nothing. */
export function pullMap(
  f: Functional,
  outDims: readonly number[],
  map: LinearMap,
  srcDims: readonly number[],
  tables: EqTables,
): Functional | undefined {
  if (map === identityMap(outDims.length) && outDims.every((d, i) => d === srcDims[i])) return f;
  switch (map.kind) {
    case 'affine':
      return pullAffine(f, outDims, map.sums, map.axes, srcDims, tables);
    case 'reshape':
      return pullReshape(f, outDims, srcDims, tables);
    case 'gather':
      return pullGather(f, outDims, map.axis, map.index, srcDims);
  }
}

/** Same cells under other dimensions: ranges of axes with equal products correspond. */
function pullReshape(
  f: Functional,
  outDims: readonly number[],
  srcDims: readonly number[],
  tables: EqTables,
): Functional {
  let coef = f.coef;
  const blocks: Block[] = [];
  for (let [i, j] = [0, 0]; i < outDims.length || j < srcDims.length; ) {
    const [firstOut, firstSrc] = [i, j];
    // The least range, and those after it that a block ties to it.
    do [i, j] = equalRange(outDims, i, srcDims, j);
    while (f.blocks.some(({ axes }) => axes[0] < i && (axes.at(-1) as number) >= i));
    const own = f.blocks.filter(({ axes }) => axes[0] >= firstOut && axes[0] < i);
    const values = own.length === 0 ? Vector.one : productOver(own, range(firstOut, i), outDims, tables);
    if (j > firstSrc) blocks.push({ axes: range(firstSrc, j), values });
    else coef = mul(coef, values.total);
  }
  return { coef, blocks };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/**
 * The ends of the shortest ranges of axes from i and from j on that have as many cells. An axis of size 1 on one side only
 * stands by itself, so that it ties no others together.
 */
function equalRange(outDims: readonly number[], i: number, srcDims: readonly number[], j: number): [number, number] {
  if ((outDims[i] === 1) !== (srcDims[j] === 1)) return outDims[i] === 1 ? [i + 1, j] : [i, j + 1];
  let a = outDims[i++];
  let b = srcDims[j++];
  while (a !== b) {
    if (a < b) a *= outDims[i++];
    else b *= srcDims[j++];
  }
  return [i, j];
}

function pullGather(
  f: Functional,
  outDims: readonly number[],
  axis: number,
  index: readonly number[],
  srcDims: readonly number[],
): Functional {
  const blocks = f.blocks.map((b): Block => {
    const at = b.axes.indexOf(axis);
    if (at < 0) return b;
    const before = sizeOf(b.axes.slice(0, at).map((x) => outDims[x]));
    const after = sizeOf(b.axes.slice(at + 1).map((x) => outDims[x]));
    const values = new Uint32Array(4 * before * srcDims[axis] * after);
    for (let i = 0; i < before; i++) {
      for (let j = 0; j < index.length; j++) {
        if (index[j] < 0) continue;
        for (let k = 0; k < after; k++) {
          const from = (i * index.length + j) * after + k;
          addEntry(values, (i * srcDims[axis] + index[j]) * after + k, b.values.entries, from);
        }
      }
    }
    return { axes: b.axes, values: Vector.of(values) };
  });
  return { coef: f.coef, blocks };
}
