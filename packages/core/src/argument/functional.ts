/**
 * Linear functionals on tensors, in product form.
 *
 * A functional on a tensor T is coef · Σ_cells T[cell] · Π_blocks values[coordinates of the cell on the block's axes].
 * The blocks' axes partition the tensor's axes. Every claim of the protocol is a sum of such functionals; a multilinear
 * evaluation is the special case in which each block is a vector eq(r, ·), cut to the axis.
 */
import { type Box, stridesOf } from '../base/dims.js';
import { invariant } from '../base/errors.js';
import { add, type Ext, mul, ONE, ZERO } from '../field/qm31.js';
import { sizeOf } from '../relation/relation.js';
import type { EqTables } from './eq-tables.js';
import {
  copyEntries,
  dotSigned,
  type ExtVector,
  extVector,
  getExt,
  lengthOf,
  mulInteger,
  outer,
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
  for (const { values } of f.blocks) if (values !== Vector.one) w = mul(w, values.total);
  return w;
}

/** The same sum of functionals on one tensor, in their order, with those that have the same blocks added up. */
export function distinct(fs: readonly Functional[]): Functional[] {
  if (fs.length < 2) return [...fs];
  const keyOf = (f: Functional, of: (v: Vector) => unknown): string =>
    [...f.blocks]
      .sort((a, b) => a.axes[0] - b.axes[0])
      .map((b) => `${b.axes}:${of(b.values)}`)
      .join(' ');
  // Most are told apart by a word of their first entries; what is left by all of them.
  const firsts = fs.map((f) => keyOf(f, (v) => v.first[0]));
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

/** The functional on a part of its tensor. */
export function restrictedTo(
  f: Functional,
  dims: readonly number[],
  { starts, dims: sizes }: Box,
  tables: EqTables,
): Functional {
  if (sizes.every((d, i) => d === dims[i])) return f;
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
        copyEntries(out, i / 4, from[0].entries, at);
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

/** The product of blocks as one vector over `axes` (their union, in that order). */
export function productOver(
  blocks: readonly Block[],
  axes: readonly number[],
  dims: readonly number[],
  tables: EqTables,
): Vector {
  // A block's axes are in order.
  if (blocks.length === 1) return blocks[0].values;
  const what = `product over ${blocks.map((b) => b.axes).join(' ')} in ${dims} as ${axes}`;
  const made = (): Vector => {
    if (blocks.length === 2 && (blocks[0].axes.at(-1) as number) < blocks[1].axes[0]) {
      return Vector.outer(blocks[0].values, blocks[1].values);
    }
    return Vector.of(denseOver(blocks, axes, dims));
  };
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
    copyEntries(out, i, dense, from);
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

/** ⟨f, g⟩ of two functionals on the same tensor: Σ_cells f[cell]·g[cell], group by group of connected axes. */
export function innerProduct(f: Functional, g: Functional, dims: readonly number[], tables: EqTables): Ext {
  let result = mul(f.coef, g.coef);
  if (f.blocks.length === dims.length && g.blocks.length === dims.length) {
    // Axis by axis, whatever the order of the blocks.
    for (let i = 0; i < dims.length; i++) {
      const { axes, values } = f.blocks[i];
      let other = g.blocks[i];
      if (other.axes[0] !== axes[0]) other = g.blocks.find((c) => c.axes[0] === axes[0]) as Block;
      if (values === Vector.one && other.values === Vector.one) continue;
      result = mul(result, tables.dot(values, other.values));
    }
    return result;
  }
  let done = 0;
  for (const first of f.blocks) {
    let axes = axesOf(first);
    if ((done & axes) !== 0) continue;
    for (let before = 0; before !== axes; ) {
      before = axes;
      for (const b of f.blocks) if ((axes & axesOf(b)) !== 0) axes |= axesOf(b);
      for (const b of g.blocks) if ((axes & axesOf(b)) !== 0) axes |= axesOf(b);
    }
    done |= axes;
    const list = dims.flatMap((_, i) => ((axes & (1 << i)) === 0 ? [] : [i]));
    const [mine, theirs] = [f, g].map(({ blocks }) => blocks.filter((b) => (axes & axesOf(b)) !== 0));
    result = mul(result, tables.dot(productOver(mine, list, dims, tables), productOver(theirs, list, dims, tables)));
  }
  return result;
}

/** The axes of a block, a bit for each: a tensor has at most MAX_RANK. */
function axesOf({ axes }: Block): number {
  let bits = 0;
  for (const x of axes) bits |= 1 << x;
  return bits;
}

/** ⟨f, data⟩ for a tensor of signed integers. */
export function evaluate(f: Functional, dims: readonly number[], data: Int32Array, tables: EqTables): Ext {
  if (f.blocks.length === 0) return mulInteger(f.coef, data[0]);
  // Rows are weighed by the block that holds the last axis, where it holds no others but those before it.
  const last = f.blocks.reduce((b, c) => ((c.axes.at(-1) as number) > (b.axes.at(-1) as number) ? c : b));
  const from = dims.length - last.axes.length;
  const isSuffix = last.axes.every((x, i) => x === from + i);
  const lead = isSuffix ? f.blocks.filter((b) => b !== last) : f.blocks;
  const axes = dims.slice(0, isSuffix ? from : dims.length).map((_, i) => i);
  const weights = denseOver(lead, axes, dims);
  if (!isSuffix) return mul(f.coef, dotSigned(weights, data, 0));
  const inner = last.values.length;
  invariant(lengthOf(weights) * inner === data.length, 'blocks of a functional do not cover the tensor');
  let s: Ext = ZERO;
  for (let r = 0; r * inner < data.length; r++) {
    s = add(s, mul(getExt(weights, r), Vector.dotSigned(last.values, data, r * inner, tables)));
  }
  return mul(f.coef, s);
}
