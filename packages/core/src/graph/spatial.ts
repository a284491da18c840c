/** Windows of convolutions and pools: kernel, strides, pads, dilations and the resulting size of every spatial axis. */
import { sizeOf } from '../base/dims.js';
import { badShape, listAttribute, numberAttribute, stringAttribute } from './attributes.js';
import type { GraphNode } from './graph.js';

export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
  /** Sizes of the spatial axes of input and output. */
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/** Largest number of cells of a tensor or of a padded plane of it. */
const MAX_CELLS = 2 ** 28;

/** @throws InputError where the attributes do not describe windows over the input */
export function windows(node: GraphNode, input: readonly number[], kernel: readonly number[]): Windows {
  const rank = input.length;
  const ones = input.map(() => 1);
  const strides = listAttribute(node, 'strides') ?? ones;
  const dilations = listAttribute(node, 'dilations') ?? ones;
  if (kernel.length !== rank || strides.length !== rank || dilations.length !== rank)
    throw badShape(node, 'kernel, strides and dilations do not match the input');
  if ([...kernel, ...strides, ...dilations].some((x) => !Number.isSafeInteger(x) || x < 1))
    throw badShape(node, 'kernel, strides and dilations must be positive');
  const reach = kernel.map((k, i) => (k - 1) * dilations[i] + 1);
  const pads = listAttribute(node, 'pads');
  let begin = pads ? pads.slice(0, rank) : input.map(() => 0);
  let end = pads ? pads.slice(rank) : input.map(() => 0);
  if (pads && (pads.length !== 2 * rank || pads.some((p) => !Number.isSafeInteger(p) || p < 0)))
    throw badShape(node, `pads [${pads}] do not fit ${rank} spatial axes`);
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const total = input.map((x, i) => Math.max(0, (Math.ceil(x / strides[i]) - 1) * strides[i] + reach[i] - x));
    begin = total.map((t) => (auto === 'SAME_UPPER' ? Math.floor(t / 2) : Math.ceil(t / 2)));
    end = total.map((t, i) => t - begin[i]);
  } else if (auto === 'VALID') {
    begin = input.map(() => 0);
    end = input.map(() => 0);
  } else if (auto !== 'NOTSET') {
    throw badShape(node, `auto_pad ${auto} is unknown`);
  }
  if (sizeOf(input.map((x, i) => x + begin[i] + end[i])) > MAX_CELLS)
    throw badShape(node, `pads [${begin}, ${end}] are too large`);
  const ceil = node.op.endsWith('Pool') && numberAttribute(node, 'ceil_mode', 0) === 1;
  const output = input.map((x, i) => {
    const steps = (x + begin[i] + end[i] - reach[i]) / strides[i];
    let n = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that starts in the padding beyond the end is left out.
    if (ceil && (n - 1) * strides[i] >= x + begin[i]) n--;
    if (n < 1) throw badShape(node, `the window is larger than the padded input [${input}]`);
    return n;
  });
  return { kernel, strides, dilations, begin, end, input, output };
}

/** Flat offset Σ index_d·steps_d of every index of a grid, row-major. */
export function gridOffsets(dims: readonly number[], steps: readonly number[]): Int32Array {
  let out = Int32Array.of(0);
  dims.forEach((n, d) => {
    const next = new Int32Array(out.length * n);
    for (let i = 0, at = 0; i < out.length; i++) for (let k = 0; k < n; k++) next[at++] = out[i] + k * steps[d];
    out = next;
  });
  return out;
}
