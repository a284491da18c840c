/** Normalisations by mean and variance, or by a window of squares. */
import { sizeOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

/** (x - mean) / sqrt(variance + epsilon) over the last cells of every row: x seen as [rows, n]. */
function standardized(c: Composer, x: string, dims: readonly number[], n: number, center: 0 | 1): string {
  const epsilon = numberAttribute(c.node, 'epsilon', 1e-5);
  const rows = c.reshape(x, [sizeOf(dims) / n, n]);
  return c.reshape(c.internal('Standardize', [rows], { epsilon, center }), dims);
}

export const layerNormalization: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length);
  const n = standardized(c, c.node.inputs[0], dims, sizeOf(dims.slice(axis)), 1);
  const scaled = c.has(1) ? c.add('Mul', [n, c.node.inputs[1]]) : n;
  const y = c.has(2) ? c.add('Add', [scaled, c.node.inputs[2]]) : scaled;
  return c.node.outputs[1] || c.node.outputs[2] ? [y, ...moments(c, axis)] : [y];
};

/** Mean, and one over the deviation, of the cells from an axis on. */
function moments(c: Composer, axis: number): [string, string] {
  const [x] = c.node.inputs;
  const attributes = { axes: c.dims(0).flatMap((_, i) => (i < axis ? [] : [i])), keepdims: 1 };
  const average = c.add('ReduceMean', [x], attributes);
  const d = c.add('Sub', [x, average]);
  const variance = c.add('ReduceMean', [c.add('Mul', [d, d])], attributes);
  const epsilon = c.floats([numberAttribute(c.node, 'epsilon', 1e-5)]);
  return [average, c.add('Reciprocal', [c.add('Sqrt', [c.add('Add', [variance, epsilon])])])];
}

export const rmsNormalization: Compose = (c) => {
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length);
  const n = standardized(c, c.node.inputs[0], dims, sizeOf(dims.slice(axis)), 0);
  return [c.has(1) ? c.add('Mul', [n, c.node.inputs[1]]) : n];
};

/** Scale and bias for each channel (axis 1). */
function perChannel(c: Composer, x: string): string {
  const dims = c.dims(0);
  const shape = [dims[1], ...dims.slice(2).map(() => 1)];
  const scaled = c.add('Mul', [x, c.reshape(c.node.inputs[1], shape)]);
  return c.add('Add', [scaled, c.reshape(c.node.inputs[2], shape)]);
}

export const instanceNormalization: Compose = (c) => {
  const dims = c.dims(0);
  if (dims.length < 3) throw badShape(c.node, `input [${dims}] has no spatial axes`);
  return [perChannel(c, standardized(c, c.node.inputs[0], dims, sizeOf(dims.slice(2)), 1))];
};

/**
 * BatchNormalization whose parameters are computed, (x - mean)·(gamma / sqrt(variance + epsilon)) + beta for each channel;
 * with `training_mode`, by the moments of the batch itself, which then move the running ones.
 */
export const batchNormalization: Compose = (c) => {
  const dims = c.dims(0);
  if (dims.length < 2 || [1, 2, 3, 4].some((i) => c.dims(i).length !== 1 || c.dims(i)[0] !== dims[1]))
    throw badShape(c.node, `parameters do not fit [${dims}]`);
  const [x, , , mean, variance] = c.node.inputs;
  const shape = [dims[1], ...dims.slice(2).map(() => 1)];
  if (numberAttribute(c.node, 'training_mode', 0) === 0) {
    const epsilon = c.floats([numberAttribute(c.node, 'epsilon', 1e-5)]);
    const root = c.add('Sqrt', [c.add('Add', [variance, epsilon])]);
    const centered = c.add('Sub', [x, c.reshape(mean, shape)]);
    return [perChannel(c, c.add('Div', [centered, c.reshape(root, shape)]))];
  }
  const perm = [1, 0, ...dims.slice(2).map((_, i) => i + 2)];
  const turned = perm.map((i) => dims[i]);
  const channels = c.add('Transpose', [x], { perm });
  const n = standardized(c, channels, turned, sizeOf(turned.slice(1)), 1);
  const y = perChannel(c, c.add('Transpose', [n], { perm }));
  if (!c.node.outputs[1] && !c.node.outputs[2]) return [y];
  const momentum = numberAttribute(c.node, 'momentum', 0.9);
  const rows = c.reshape(channels, [dims[1], sizeOf(turned.slice(1))]);
  const over = { axes: [1], keepdims: 1 };
  const average = c.add('ReduceMean', [rows], over);
  const d = c.add('Sub', [rows, average]);
  const spread = c.add('ReduceMean', [c.add('Mul', [d, d])], over);
  const moved = (before: string, now: string): string =>
    c.add('Add', [
      c.add('Mul', [before, c.floats([momentum])]),
      c.add('Mul', [c.reshape(now, [dims[1]]), c.floats([1 - momentum])]),
    ]);
  return [y, moved(mean, average), moved(variance, spread)];
};

export const groupNormalization: Compose = (c) => {
  const dims = c.dims(0);
  const groups = numberAttribute(c.node, 'num_groups', 1);
  if (dims.length < 2 || !(groups >= 1) || dims[1] % groups !== 0)
    throw badShape(c.node, `${groups} groups of [${dims}]`);
  const split = [dims[0], groups, sizeOf(dims.slice(1)) / groups];
  const n = standardized(c, c.reshape(c.node.inputs[0], split), split, split[2], 1);
  if (sizeOf(c.dims(1)) === dims[1]) return [perChannel(c, c.reshape(n, dims))];
  // Before operator set 21, scale and bias are those of groups.
  const scaled = c.add('Mul', [n, c.reshape(c.node.inputs[1], [groups, 1])]);
  return [c.reshape(c.add('Add', [scaled, c.reshape(c.node.inputs[2], [groups, 1])]), dims)];
};

export const lpNormalization: Compose = (c) => {
  const [x] = c.node.inputs;
  const dims = c.dims(0);
  const axis = normalAxis(c.node, numberAttribute(c.node, 'axis', -1), dims.length);
  const p = numberAttribute(c.node, 'p', 2);
  if (p !== 1 && p !== 2) throw c.unsupported(`p = ${p}`, 'use p = 1 or 2');
  if (p === 1) return [c.add('Div', [x, c.add('ReduceL1', [x], { axes: [axis], keepdims: 1 })])];
  // x / |x| is x over the root of its mean square, over the root of its length.
  const perm = [...dims.map((_, i) => i).filter((i) => i !== axis), axis];
  const moved = perm.map((i) => dims[i]);
  const rows = c.reshape(c.add('Transpose', [x], { perm }), [sizeOf(dims) / dims[axis], dims[axis]]);
  const n = c.internal('Standardize', [rows], { epsilon: 0, center: 0 });
  const scaled = c.add('Mul', [n, c.floats([1 / Math.sqrt(dims[axis])])]);
  return [c.add('Transpose', [c.reshape(scaled, moved)], { perm: dims.map((_, i) => perm.indexOf(i)) })];
};

/** x / (bias + alpha/size · Σ x²)^beta, the sum over `size` neighbouring channels. */
export const localResponseNormalization: Compose = (c) => {
  const [x] = c.node.inputs;
  const dims = c.dims(0);
  if (dims.length < 3) throw badShape(c.node, `input [${dims}] has no spatial axes`);
  const size = numberAttribute(c.node, 'size', 1);
  if (!Number.isInteger(size) || size < 1 || size > 2 ** 16) throw badShape(c.node, `size ${size}`);
  const square = c.add('Mul', [x, x]);
  const flat = c.reshape(square, [dims[0], 1, dims[1], sizeOf(dims.slice(2))]);
  const before = Math.floor((size - 1) / 2);
  const mean = c.add('AveragePool', [flat], {
    kernel_shape: [size, 1],
    pads: [before, 0, size - 1 - before, 0],
    count_include_pad: 1,
  });
  const weighted = c.add('Mul', [c.reshape(mean, dims), c.floats([numberAttribute(c.node, 'alpha', 1e-4)])]);
  const base = c.add('Add', [weighted, c.floats([numberAttribute(c.node, 'bias', 1)])]);
  const factor = c.add('Pow', [base, c.floats([-numberAttribute(c.node, 'beta', 0.75)])]);
  return [c.add('Mul', [x, factor])];
};

export const mean: Compose = (c) => {
  const sum = c.add('Sum', c.node.inputs);
  return [c.add('Mul', [sum, c.floats([1 / c.node.inputs.length])])];
};
