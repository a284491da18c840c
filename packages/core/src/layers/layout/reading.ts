/** What an operator that only moves numbers reads where: linear maps, and the common ones. */
import { sizeOf } from '../../base/dims.js';
import { badShape } from '../../graph/attributes.js';
import type { GraphNode, Tensor, TensorInfo } from '../../graph/graph.js';
import type { AxisIndex, LinearMap } from '../../relation/relation.js';

/** One reading: maps applied one after the other, each with the dims of its result. */
export interface Step {
  readonly map: LinearMap;
  readonly dims: readonly number[];
}

export interface Reading {
  /** The output: the sum of its terms, of which at most one reads a cell. */
  readonly dims: readonly number[];
  readonly terms: readonly { readonly input: number; readonly steps: readonly Step[] }[];
  /** Value of the cells that no term reads (padding); 0 by default. */
  readonly fill?: number;
}

export type Inputs = readonly (Tensor | TensorInfo | undefined)[];

export type Read = (node: GraphNode, inputs: Inputs, opset: number) => Reading[];

export const reshape: LinearMap = { kind: 'reshape' };

/** One output that reads the first input once. */
export const one = (dims: readonly number[], map: LinearMap): Reading[] => [
  { dims, terms: [{ input: 0, steps: [{ map, dims }] }] },
];

/** Shape of an input; [] where it is absent. */
export const dimsOf = (inputs: Inputs, i = 0): readonly number[] => inputs[i]?.dims ?? [];

/** Most cells that an operator may make. */
const MAX_CELLS = 2 ** 27;

/** Checks dims before arrays of their sizes are made. */
export function checkSizes(node: GraphNode, dims: readonly number[]): void {
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0 || d > MAX_CELLS) || !(sizeOf(dims) <= MAX_CELLS))
    throw badShape(node, `cannot make a tensor of shape [${dims}]`);
}

export const affine = (axes: AxisIndex[]): LinearMap => ({ kind: 'affine', sums: [], axes });

/** Reads along every axis at the positions listed for it; axes listed whole are left alone. */
export function gatherAxes(from: readonly number[], indices: readonly number[][]): Reading[] {
  const steps: Step[] = [];
  let now = [...from];
  indices.forEach((index, i) => {
    if (index.length === from[i] && index.every((x, k) => x === k)) return;
    now = now.map((d, k) => (k === i ? index.length : d));
    steps.push({ map: { kind: 'gather', axis: i, index }, dims: now });
  });
  return [{ dims: now, terms: [{ input: 0, steps: steps.length > 0 ? steps : [{ map: reshape, dims: now }] }] }];
}
