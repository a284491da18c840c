/**
 * Linear functionals on tensors, in product form, and how they are pulled back through virtual values.
 *
 * A functional on a tensor T is coef · Σ_cells T[cell] · Π_blocks values[coordinates of the cell on the block's axes].
 * The blocks' axes partition the tensor's axes. Every claim of the protocol is a sum of such functionals; a multilinear
 * evaluation is the special case in which each block is a vector eq(r, ·), cut to the axis.
 *
 * Pulling a functional on a linear value back to its sources costs no message: ⟨f, Σ coef·map(src) + offset⟩ is
 * rearranged into Σ ⟨f_src, src⟩ + constant (Thaler 2013 calls it a wiring predicate; here it is evaluated densely,
 * one group of axes at a time, so it costs the sum and not the product of the groups).
 */
import { type Box, stridesOf } from '../base/dims.js';
import { invariant } from '../base/errors.js';
import { add, type Ext, mul, ONE, ZERO } from '../field/qm31.js';
import type { AxisIndex, LinearMap } from '../relation/relation.js';
import { sizeOf } from '../relation/relation.js';
import type { EqTables } from './eq-tables.js';
import {
  addEntry,
  dotSigned,
  type ExtVector,
  extVector,
  getExt,
  lengthOf,
  mulInteger,
  outer,
  setExt,
} from './ext-vector.js';
import { Vector } from './vector.js';

export interface Block {
  /** Increasing axis numbers of the tensor. */
  readonly axes: readonly number[];
  /** One entry per cell of those axes, row-major. */
  readonly values: Vector;
}

export interface Functional {
  readonly coef: Ext;
  readonly blocks: readonly Block[];
}

/** A functional whose block i weighs axis i alone. */
export function axisFunctional(vectors: readonly Vector[], coef: Ext = ONE): Functional {
  return { coef, blocks: vectors.map((values, i) => ({ axes: [i], values })) };
}

/** ⟨f, 1⟩: the sum of all weights. */
export function weightOf(f: Functional): Ext {
  let w = f.coef;
  for (const b of f.blocks) w = mul(w, b.values.total);
  return w;
}

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
  // Connected components of weight blocks and source axes.
  const component = weights.map((_, i) => i);
  const find = (i: number): number => (component[i] === i ? i : find(component[i]));
  const blockOf = new Map<number, number>();
  weights.forEach((w, i) => {
    for (const x of w.indices) blockOf.set(x, i);
  });
  const axisRoot: number[] = [];
  axes.forEach((a, k) => {
    let root = -1;
    for (const t of a.terms) {
      const b = find(blockOf.get(t.index) as number);
      if (root < 0) root = b;
      else component[b] = root;
    }
    axisRoot[k] = root;
  });
  const blocks: Block[] = [];
  const used = new Set<number>();
  for (let k = 0; k < axes.length; k++) {
    if (axisRoot[k] < 0) {
      const start = axes[k].start;
      if (start < 0 || start >= srcDims[k]) return undefined;
      const values = new Uint32Array(4 * srcDims[k]);
      values[4 * start] = 1;
      blocks.push({ axes: [k], values: Vector.of(values) });
      continue;
    }
    const root = find(axisRoot[k]);
    if (used.has(root)) continue;
    used.add(root);
    const own = axes.map((_, j) => j).filter((j) => axisRoot[j] >= 0 && find(axisRoot[j]) === root);
    const members = weights.filter((_, i) => find(i) === root);
    blocks.push(scatter(members, sizes, own, axes, srcDims, tables));
  }
  weights.forEach((w, i) => {
    if (!used.has(find(i))) coef = mul(coef, w.values.total);
  });
  return { coef, blocks };
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
  switch (map.kind) {
    case 'affine':
      return pullAffine(f, outDims, map.sums, map.axes, srcDims, tables);
    case 'reshape':
      return pullReshape(f, outDims, srcDims, tables);
    case 'gather':
      return pullGather(f, outDims, map.axis, map.index, srcDims);
  }
}

/** Same cells under other dimensions: groups of axes with equal products correspond. */
function pullReshape(
  f: Functional,
  outDims: readonly number[],
  srcDims: readonly number[],
  tables: EqTables,
): Functional {
  const groups: { out: number[]; src: number[] }[] = [];
  let i = 0;
  let j = 0;
  while (i < outDims.length || j < srcDims.length) {
    const g = { out: [] as number[], src: [] as number[] };
    // An axis of size 1 on one side only stands by itself, so that it ties no others together.
    if ((outDims[i] === 1) !== (srcDims[j] === 1)) {
      if (outDims[i] === 1) g.out.push(i++);
      else g.src.push(j++);
      groups.push(g);
      continue;
    }
    let a = 1;
    let b = 1;
    if (i < outDims.length) {
      a = outDims[i];
      g.out.push(i++);
    }
    if (j < srcDims.length) {
      b = srcDims[j];
      g.src.push(j++);
    }
    while (a !== b) {
      if (a < b) {
        a *= outDims[i];
        g.out.push(i++);
      } else {
        b *= srcDims[j];
        g.src.push(j++);
      }
    }
    groups.push(g);
  }
  // Blocks that span several groups join them; a group's axes are consecutive, so joined ranges are filled in.
  const groupOf = new Map<number, number>();
  groups.forEach((g, k) => {
    for (const x of g.out) groupOf.set(x, k);
  });
  const last = groups.map((_, k) => k);
  for (const b of f.blocks) {
    const touched = b.axes.map((x) => groupOf.get(x) as number);
    const from = Math.min(...touched);
    last[from] = Math.max(last[from], ...touched);
  }
  let coef = f.coef;
  const blocks: Block[] = [];
  for (let k = 0; k < groups.length; ) {
    let end = k;
    for (let m = k; m <= end; m++) end = Math.max(end, last[m]);
    const out = groups.slice(k, end + 1).flatMap((g) => g.out);
    const src = groups.slice(k, end + 1).flatMap((g) => g.src);
    const own = f.blocks.filter((b) => b.axes.some((x) => out.includes(x)));
    const values = productOver(own, out, outDims, tables);
    if (src.length > 0) blocks.push({ axes: src, values });
    else coef = mul(coef, values.total);
    k = end + 1;
  }
  return { coef, blocks };
}

/** The product of blocks as one vector over `axes` (their union, in that order). */
function productOver(
  blocks: readonly Block[],
  axes: readonly number[],
  dims: readonly number[],
  tables: EqTables,
): Vector {
  // A block's axes are in order.
  if (blocks.length === 1) return blocks[0].values;
  const what = `product over ${blocks.map((b) => b.axes).join(' ')} in ${dims} as ${axes}`;
  const made = (): Vector => Vector.of(denseOver(blocks, axes, dims));
  return tables.made(
    what,
    blocks.map((b) => b.values),
    made,
  );
}

/** Its entries. */
export function denseOver(blocks: readonly Block[], axes: readonly number[], dims: readonly number[]): ExtVector {
  if (blocks.length === 0) return extVector([ONE]);
  const order = blocks.flatMap((b) => b.axes);
  const dense = blocks.map((b) => b.values.entries).reduce(outer);
  if (order.length === axes.length && order.every((x, i) => x === axes[i])) return dense;
  const n = lengthOf(dense);
  const out = new Uint32Array(dense.length);
  const stride = new Map<number, number>();
  let s = 1;
  for (let i = order.length - 1; i >= 0; i--) {
    stride.set(order[i], s);
    s *= dims[order[i]];
  }
  const counter = axes.map(() => 0);
  let from = 0;
  for (let i = 0; i < n; i++) {
    out.set(dense.subarray(4 * from, 4 * from + 4), 4 * i);
    for (let j = axes.length - 1; j >= 0; j--) {
      const step = stride.get(axes[j]) as number;
      counter[j]++;
      from += step;
      if (counter[j] < dims[axes[j]]) break;
      from -= step * counter[j];
      counter[j] = 0;
    }
  }
  return out;
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

/** The functional on a part of its tensor. */
export function restrictedTo(
  f: Functional,
  dims: readonly number[],
  { starts, dims: sizes }: Box,
  tables: EqTables,
): Functional {
  let coef = f.coef;
  const blocks = f.blocks.map((b): Block => {
    if (b.axes.every((x) => sizes[x] === dims[x])) return b;
    const [axis] = b.axes;
    if (b.axes.length === 1) {
      const { scale, values } = Vector.cut(b.values, starts[axis], sizes[axis], tables);
      coef = mul(coef, scale);
      return { axes: b.axes, values };
    }
    const own = b.axes.map((x) => dims[x]);
    const part = b.axes.map((x) => sizes[x]);
    const made = (from: readonly Vector[]): Vector => {
      const out = new Uint32Array(4 * sizeOf(part));
      const strides = stridesOf(own);
      const counter = part.map(() => 0);
      for (let i = 0; i < out.length; i += 4) {
        const at = counter.reduce((o, c, k) => o + (starts[b.axes[k]] + c) * strides[k], 0);
        out.set(from[0].entries.subarray(4 * at, 4 * at + 4), i);
        for (let k = part.length - 1; k >= 0; k--) {
          counter[k] = counter[k] + 1 < part[k] ? counter[k] + 1 : 0;
          if (counter[k] > 0) break;
        }
      }
      return Vector.of(out);
    };
    const what = `${part} from ${b.axes.map((x) => starts[x])} in ${own}`;
    return { axes: b.axes, values: tables.made(what, [b.values], made) };
  });
  return { coef, blocks };
}

/** The same sum of functionals on one tensor, in their order, with those that have the same blocks added up. */
export function distinct(fs: readonly Functional[]): Functional[] {
  if (fs.length < 2) return [...fs];
  const keyOf = (f: Functional, of: (v: Vector) => unknown): string =>
    [...f.blocks]
      .sort((a, b) => a.axes[0] - b.axes[0])
      .map((b) => `${b.axes}:${of(b.values)}`)
      .join(' ');
  // Most are told apart by their first entries; what is left by all of them.
  const firsts = fs.map((f) => keyOf(f, (v) => v.first));
  const alike = new Map<string, number>();
  for (const first of firsts) alike.set(first, (alike.get(first) ?? 0) + 1);
  const out = new Map<string, Functional>();
  fs.forEach((f, i) => {
    const key = alike.get(firsts[i]) === 1 ? firsts[i] : keyOf(f, (v) => v.digest);
    const known = out.get(key);
    out.set(key, known ? { coef: add(known.coef, f.coef), blocks: known.blocks } : f);
  });
  return [...out.values()];
}

/** The same sum of functionals on one tensor, with those that differ in one block only added up. */
export function merged(fs: readonly Functional[]): Functional[] {
  const out: Functional[] = [];
  for (const f of fs) {
    const at = out.findIndex((g) => differences(f, g) <= 1);
    if (at < 0) out.push(f);
    else out[at] = sum(out[at], f);
  }
  return out;
}

/** Number of blocks in which two functionals differ; infinite where their axes are grouped differently. */
function differences(f: Functional, g: Functional): number {
  if (f.blocks.length !== g.blocks.length) return Number.POSITIVE_INFINITY;
  let n = 0;
  for (let i = 0; i < f.blocks.length; i++) {
    const [a, b] = [f.blocks[i], g.blocks[i]];
    if (a.axes.length !== b.axes.length || a.axes.some((x, k) => x !== b.axes[k])) return Number.POSITIVE_INFINITY;
    if (!sameVector(a.values, b.values)) n++;
  }
  return n;
}

/** f + g, which differ in one block at most. */
function sum(f: Functional, g: Functional): Functional {
  const at = Math.max(
    0,
    f.blocks.findIndex((b, i) => !sameVector(b.values, g.blocks[i].values)),
  );
  if (f.blocks.length === 0) return { coef: add(f.coef, g.coef), blocks: [] };
  const [a, b] = [f.blocks[at], g.blocks[at]];
  const values = new Uint32Array(4 * a.values.length);
  const [x, y] = [a.values.entries, b.values.entries];
  for (let i = 0, n = lengthOf(values); i < n; i++) {
    setExt(values, i, add(mul(f.coef, getExt(x, i)), mul(g.coef, getExt(y, i))));
  }
  const summed = { axes: a.axes, values: Vector.of(values) };
  return { coef: ONE, blocks: f.blocks.map((block, i) => (i === at ? summed : block)) };
}

function sameVector(v: Vector, w: Vector): boolean {
  if (v === w) return true;
  if (v.length !== w.length) return false;
  const [a, b] = [v.entries, w.entries];
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** ⟨f, g⟩ of two functionals on the same tensor: Σ_cells f[cell]·g[cell], group by group of connected axes. */
export function innerProduct(f: Functional, g: Functional, dims: readonly number[], tables: EqTables): Ext {
  let result = mul(f.coef, g.coef);
  if (f.blocks.length === dims.length && g.blocks.length === dims.length) {
    // Axis by axis, whatever the order of the blocks.
    for (let i = 0; i < dims.length; i++) {
      const { axes, values } = f.blocks[i];
      let other = g.blocks[i];
      if (other.axes[0] !== axes[0]) other = g.blocks.find((c) => c.axes[0] === axes[0]) as Block;
      result = mul(result, tables.dot(values, other.values));
    }
    return result;
  }
  const done = new Set<Block>();
  for (const first of f.blocks) {
    if (done.has(first)) continue;
    const mine = new Set<Block>([first]);
    const theirs = new Set<Block>();
    for (let grew = true; grew; ) {
      grew = false;
      for (const [from, to, all] of [
        [mine, theirs, g.blocks],
        [theirs, mine, f.blocks],
      ] as const) {
        for (const b of all) {
          if (to.has(b)) continue;
          if ([...from].some((c) => c.axes.some((x) => b.axes.includes(x)))) {
            to.add(b);
            grew = true;
          }
        }
      }
    }
    for (const b of mine) done.add(b);
    const axes = [...mine].flatMap((b) => b.axes).sort((a, b) => a - b);
    result = mul(
      result,
      tables.dot(productOver([...mine], axes, dims, tables), productOver([...theirs], axes, dims, tables)),
    );
  }
  return result;
}

/** ⟨f, data⟩ for a tensor of signed integers. */
export function evaluate(f: Functional, dims: readonly number[], data: Int32Array): Ext {
  // Contract the last axes first: they are the contiguous ones.
  const blocks = [...f.blocks].sort((a, b) => b.axes[b.axes.length - 1] - a.axes[a.axes.length - 1]);
  if (blocks.length === 0) return mulInteger(f.coef, data[0]);
  const last = blocks[0];
  const from = dims.length - last.axes.length;
  const suffix = last.axes.every((x, i) => x === from + i);
  if (!suffix) {
    const dense = denseOver(
      f.blocks,
      dims.map((_, i) => i),
      dims,
    );
    return mul(f.coef, dotSigned(dense, data, 0));
  }
  const inner = last.values.length;
  const rest = { coef: f.coef, blocks: f.blocks.filter((b) => b !== last) };
  const rows = data.length / inner;
  const lead = denseOver(
    rest.blocks,
    dims.slice(0, from).map((_, i) => i),
    dims,
  );
  invariant(lengthOf(lead) === rows, 'blocks of a functional do not cover the tensor');
  let s: Ext = ZERO;
  for (let r = 0; r < rows; r++) s = add(s, mul(getExt(lead, r), dotSigned(last.values.entries, data, r * inner)));
  return mul(f.coef, s);
}
