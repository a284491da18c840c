/**
 * Attention, softmax(Q·Kᵀ·scale + mask)·V for each head, and rotary positions: the operators of ONNX, and what those of
 * com.microsoft share with them.
 */
import { badShape, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** Added where nothing is attended to; as much as it takes of it is kept (program/masks.ts). */
const LOWEST = -3.4028234663852886e38;

/** Numbers of a mask from here on hide a key. */
const HIDING = -1000;

/** onnx.TensorProto.DataType. */
const INT64 = 7;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** A tensor on the way and its shape. */
export interface Part {
  readonly x: string;
  readonly dims: readonly number[];
}

export const part = (c: Composer, index: number): Part => ({ x: c.node.inputs[index], dims: c.dims(index) });

const transposed = (c: Composer, { x, dims }: Part, perm: readonly number[]): Part => ({
  x: c.add('Transpose', [x], { perm }),
  dims: perm.map((i) => dims[i]),
});

const reshaped = (c: Composer, { x }: Part, dims: readonly number[]): Part => ({ x: c.reshape(x, dims), dims });

/** [batch, tokens, heads·depth] as [batch, heads, tokens, depth]; four axes are left as they are. */
export function inHeads(c: Composer, p: Part, heads: number): Part {
  if (p.dims.length === 4) return p;
  const [batch, tokens, width] = p.dims;
  if (p.dims.length !== 3 || !(heads >= 1) || width % heads !== 0)
    throw badShape(c.node, `${heads} heads do not fit [${p.dims}]`);
  return transposed(c, reshaped(c, p, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** [batch, heads, tokens, depth] as [batch, tokens, heads·depth]. */
export function together(c: Composer, p: Part): Part {
  const [batch, heads, tokens, depth] = p.dims;
  return reshaped(c, transposed(c, p, [0, 2, 1, 3]), [batch, tokens, heads * depth]);
}

/** Tokens of an earlier run before those of this one. */
export function after(c: Composer, past: Part | undefined, p: Part): Part {
  if (!past || past.dims[2] === 0) return p;
  const [batch, heads, tokens, depth] = p.dims;
  const [, own, before, width] = past.dims;
  if (past.dims.length !== 4 || own !== heads || width !== depth)
    throw badShape(c.node, `[${past.dims}] does not continue with [${p.dims}]`);
  return { x: c.add('Concat', [past.x, p.x], { axis: 2 }), dims: [batch, heads, before + tokens, depth] };
}

/** Every head `times` in a row: heads of keys that several heads of queries share. */
function repeated(c: Composer, p: Part, times: number): Part {
  if (times === 1) return p;
  const [batch, heads, tokens, depth] = p.dims;
  const apart = c.reshape(p.x, [batch, heads, 1, tokens, depth]);
  const spread = c.add('Expand', [apart, c.ints([batch, heads, times, tokens, depth])]);
  return { x: c.reshape(spread, [batch, heads * times, tokens, depth]), dims: [batch, heads * times, tokens, depth] };
}

/** Which of the keys before, at and after its own position a query attends to. */
export interface Window {
  readonly isCausal: boolean;
  /** Keys that stand before the first query; one number, or one for each sequence of the batch. */
  readonly offsets: readonly number[];
  readonly left?: number;
  readonly right?: number;
}

export interface Mask {
  readonly x: string;
  readonly isTruth: boolean;
  /** Known when the model is read: joined with the others that are. */
  readonly isConstant?: boolean;
}

/** What is done to the scores between the product and the softmax. */
export interface Scoring {
  readonly scale: number;
  /** cap·tanh(score / cap); none where it is 0. */
  readonly cap: number;
  readonly window: Window;
  /** Truth values where attention is paid, or numbers that are added; they broadcast to [batch, heads, queries, keys]. */
  readonly masks: readonly Mask[];
  /** Whether a query whose keys are all hidden gets zeros, as ONNX says; else what the lowered scores give. */
  readonly isZeroWhereEmpty: boolean;
}

/** The scores of masked positions lowered, and which queries attend to any key where some may not. */
function masked(
  c: Composer,
  scores: string,
  queries: number,
  keys: number,
  s: Scoring,
): { readonly y: string; readonly attends: string | undefined } {
  let y = scores;
  const { isCausal, offsets, left = -1, right = -1 } = s.window;
  const isSeen = (at: number, j: number): boolean =>
    !(isCausal && j > at) && !(left >= 0 && at - j > left) && !(right >= 0 && j - at > right);
  const cells = range(queries * keys).map((k) => [Math.floor(k / keys), k % keys]);
  const seen = offsets.flatMap((offset) => cells.map(([i, j]) => isSeen(i + offset, j)));
  for (const { x, isTruth, isConstant } of s.masks) {
    if (isTruth) y = c.add('Where', [x, y, c.floats([LOWEST])]);
    else if (!isConstant) y = c.add('Add', [y, x]);
  }
  const constants = s.masks.filter((m) => !m.isTruth && m.isConstant).map((m) => m.x);
  const dims = [offsets.length, 1, queries, keys];
  if (!seen.every(Boolean)) {
    const bias = seen.map((isOpen) => (isOpen ? 0 : LOWEST));
    constants.push(c.floats(bias, dims));
  }
  if (constants.length > 0) y = c.add('Add', [y, constants.reduce((sum, m) => c.add('Add', [sum, m]))]);
  // A causal window alone leaves every query its own key; masks, and windows that end before the first key, may not.
  const hasKey = (row: number): boolean => seen.slice(row * keys, (row + 1) * keys).some(Boolean);
  const isNeverEmpty = s.masks.length === 0 && range(seen.length / keys).every(hasKey);
  if (isNeverEmpty || !s.isZeroWhereEmpty) return { y, attends: undefined };
  const open = s.masks.map(({ x, isTruth }) => (isTruth ? x : c.add('Greater', [x, c.floats([HIDING])])));
  const all = open.reduce((both, x) => c.add('And', [both, x]), c.truths(seen.map(Number), dims));
  const count = c.add('ReduceSum', [c.add('Cast', [all], { to: INT64 }), c.ints([-1])], { keepdims: 1 });
  return { y, attends: c.add('Greater', [count, c.scalar(0)]) };
}

export interface Attended {
  /** [batch, heads, queries, depth of the values]. */
  readonly y: Part;
  /** The scores before masks, after the cap, with masks, and as weights. */
  readonly scores: readonly [string, string, string, string];
}

/** Attention of queries [batch, heads, queries, depth] to keys and values, whose heads may be fewer. */
export function attend(c: Composer, q: Part, k: Part, v: Part, s: Scoring): Attended {
  const times = q.dims[1] / k.dims[1];
  const isFit =
    Number.isInteger(times) && q.dims[3] === k.dims[3] && k.dims[2] === v.dims[2] && v.dims[1] === k.dims[1];
  if (!isFit) throw badShape(c.node, `queries [${q.dims}], keys [${k.dims}] and values [${v.dims}] do not match`);
  const [keys, values] = [repeated(c, k, times), repeated(c, v, times)];
  const product = c.add('MatMul', [q.x, transposed(c, keys, [0, 1, 3, 2]).x]);
  const scaled = c.add('Mul', [product, c.floats([s.scale])]);
  const capped =
    s.cap > 0
      ? c.add('Mul', [c.add('Tanh', [c.add('Mul', [scaled, c.floats([1 / s.cap])])]), c.floats([s.cap])])
      : scaled;
  const { y: biased, attends } = masked(c, capped, q.dims[2], k.dims[2], s);
  const shares = c.add('Softmax', [biased], { axis: -1 });
  // Who attends to nothing gets zeros.
  const weights = attends === undefined ? shares : c.add('Where', [attends, shares, c.floats([0])]);
  const y = { x: c.add('MatMul', [weights, values.x]), dims: [...q.dims.slice(0, 3), v.dims[3]] };
  return { y, scores: [scaled, capped, biased, weights] };
}

/** A mask that says nothing of the last keys, with zeros for them. */
function wholeMask(c: Composer, index: number, keys: number, fill: number): string {
  const { x, dims } = part(c, index);
  const missing = keys - dims[dims.length - 1];
  if (missing <= 0 || dims[dims.length - 1] === 1) return x;
  const pads = c.ints([...dims.map(() => 0), ...dims.map((_, i) => (i === dims.length - 1 ? missing : 0))]);
  return c.add('Pad', [x, pads, c.typedAs(index, [fill], [])]);
}

/** Masks where the number of keys of each sequence is computed: padding behind them, and the window before them. */
function countedKeys(
  c: Composer,
  index: number,
  queries: number,
  keys: number,
  { isCausal, left = -1, right = -1 }: Omit<Window, 'offsets'>,
): Mask[] {
  const count = c.reshape(c.node.inputs[index], [c.dims(index)[0], 1, 1, 1]);
  const masks = [c.add('Less', [c.ints(range(keys), [1, 1, 1, keys]), count])];
  // How far key j is before query i: i + count - queries - j.
  const gaps = range(queries * keys).map((k) => (k % keys) - Math.floor(k / keys) + queries);
  const compared = (op: string, by: number): string =>
    c.add(op, [
      c.ints(
        gaps.map((gap) => gap + by),
        [1, 1, queries, keys],
      ),
      count,
    ]);
  if (isCausal) masks.push(compared('LessOrEqual', 0));
  if (left >= 0) masks.push(compared('GreaterOrEqual', left));
  if (right >= 0) masks.push(compared('LessOrEqual', -right));
  return masks.map((x) => ({ x, isTruth: true }));
}

/** Inputs: queries, keys, values, mask, past keys and values, and how many of the keys are no padding. */
export const attention: Compose = (c) => {
  const headsOf = (name: string): number => numberAttribute(c.node, name, 0);
  const q = inHeads(c, part(c, 0), headsOf('q_num_heads'));
  const past = c.has(4) ? c.dims(4)[2] : 0;
  const k = after(c, c.has(4) ? part(c, 4) : undefined, inHeads(c, part(c, 1), headsOf('kv_num_heads')));
  const v = after(c, c.has(5) ? part(c, 5) : undefined, inHeads(c, part(c, 2), headsOf('kv_num_heads')));
  const [queries, keys] = [q.dims[2], k.dims[2]];
  const masks: Mask[] = [];
  if (c.has(3)) {
    const isTruth = c.info(3).dtype === 'bool';
    masks.push({ x: wholeMask(c, 3, keys, 0), isTruth, isConstant: c.info(3).value !== undefined });
    const said = c.dims(3)[c.dims(3).length - 1];
    // Keys that the mask does not reach are not attended to.
    if (!isTruth && said < keys && said > 1)
      masks.push({ x: c.floats(range(keys).map((j) => (j < said ? 0 : LOWEST))), isTruth: false });
  }
  let offsets: readonly number[] = [past];
  const window: Omit<Window, 'offsets'> = {
    isCausal: numberAttribute(c.node, 'is_causal', 0) === 1,
    left: numberAttribute(c.node, 'left_window_size', -1),
    right: numberAttribute(c.node, 'right_window_size', -1),
  };
  const isCounted = c.has(6) && c.valueOf(6) === undefined;
  if (isCounted) masks.push(...countedKeys(c, 6, queries, keys, window));
  else if (c.has(6)) {
    const lengths = [...c.known(6, 'the number of keys').data];
    offsets = lengths.map((n) => n - queries);
    const padding = lengths.flatMap((n) => range(keys).map((j) => (j < n ? 0 : LOWEST)));
    masks.push({ x: c.floats(padding, [lengths.length, 1, 1, keys]), isTruth: false, isConstant: true });
  }
  const { y, scores } = attend(c, q, k, v, {
    scale: numberAttribute(c.node, 'scale', 1 / Math.sqrt(q.dims[3])),
    cap: numberAttribute(c.node, 'softcap', 0),
    window: isCounted ? { isCausal: false, offsets } : { ...window, offsets },
    masks,
    isZeroWhereEmpty: true,
  });
  const out = c.dims(0).length === 3 ? together(c, y).x : y.x;
  const mode = numberAttribute(c.node, 'qk_matmul_output_mode', 0);
  if (!(mode in scores)) throw c.unsupported(`scores of mode ${mode}`, 'use 0 to 3');
  return [out, k.x, v.x, ...(c.node.outputs[3] ? [scores[mode]] : [])];
};

export interface Rotation {
  /** Of the positions: [batch or 1, tokens, half the turned depth]. */
  readonly cos: Part;
  readonly sin: Part;
  readonly isInterleaved: boolean;
}

/** Pairs of cells of [batch, heads, tokens, depth] turned by an angle for each token; cells beyond the pairs stay. */
export function rotated(c: Composer, p: Part, r: Rotation): Part {
  const [batch, heads, tokens, depth] = p.dims;
  const half = r.cos.dims[2];
  const turned = 2 * half;
  if (turned > depth) throw badShape(c.node, `${half} angles do not fit a depth of ${depth}`);
  const cut = (from: number, to: number): string =>
    from === 0 && to === depth ? p.x : c.add('Slice', [p.x, c.ints([from]), c.ints([to]), c.ints([3])]);
  const own = cut(0, turned);
  // x·cos + other·sin, where `other` holds the partner of each cell, and its sine the sign.
  const partner = range(turned).map((i) => (r.isInterleaved ? i ^ 1 : (i + half) % turned));
  const other = c.add('Gather', [own, c.ints(partner)], { axis: 3 });
  const isFirst = (i: number): boolean => (r.isInterleaved ? i % 2 === 0 : i < half);
  const angle = c.ints(range(turned).map((i) => (r.isInterleaved ? i >> 1 : i % half)));
  const wide = ({ x, dims }: Part): string =>
    c.add('Gather', [c.reshape(x, [dims[0], 1, dims[1], half]), angle], { axis: 3 });
  const signs = c.floats(range(turned).map((i) => (isFirst(i) ? -1 : 1)));
  const [cos, sin] = [wide(r.cos), c.add('Mul', [wide(r.sin), signs])];
  const y = c.add('Add', [c.add('Mul', [own, cos]), c.add('Mul', [other, sin])]);
  const whole = turned === depth ? y : c.add('Concat', [y, cut(turned, depth)], { axis: 3 });
  return { x: whole, dims: [batch, heads, tokens, depth] };
}

/** Rows of a table of angles at the positions of tokens. */
export function anglesAt(c: Composer, table: number, positions: number | readonly number[], batch: number): Part {
  const { x, dims } = part(c, table);
  if (typeof positions === 'number') {
    const own = c.dims(positions);
    return { x: c.add('Gather', [x, c.node.inputs[positions]], { axis: 0 }), dims: [...own, dims[dims.length - 1]] };
  }
  const gathered = c.add('Gather', [x, c.ints([...positions], [1, positions.length])], { axis: 0 });
  return { x: gathered, dims: [Math.min(1, batch), positions.length, dims[dims.length - 1]] };
}

/** Inputs: x, cosines, sines, positions. */
export const rotaryEmbedding: Compose = (c) => {
  const isFlat = c.dims(0).length === 3;
  const p = inHeads(c, part(c, 0), numberAttribute(c.node, 'num_heads', 0));
  const angles = (table: number): Part => (c.has(3) ? anglesAt(c, table, 3, p.dims[0]) : part(c, table));
  const isInterleaved = numberAttribute(c.node, 'interleaved', 0) === 1;
  const y = rotated(c, p, { cos: angles(1), sin: angles(2), isInterleaved });
  return [isFlat ? together(c, y).x : y.x];
};
