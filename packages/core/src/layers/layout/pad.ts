/** Padding as readings. */
import {
  badShape,
  constantNumbers,
  listAttribute,
  normalAxis,
  numberAttribute,
  stringAttribute,
} from '../../graph/attributes.js';
import type { GraphNode } from '../../graph/graph.js';
import { axis } from '../../relation/builder.js';
import { affine, checkSizes, dimsOf, type Inputs, type Reading, reshape, type Step } from './reading.js';

export function pad(node: GraphNode, inputs: Inputs): Reading[] {
  const from = dimsOf(inputs);
  const given = constantNumbers(node, inputs, 1, 'pads') ?? listAttribute(node, 'paddings') ?? [];
  const only = inputs[3]
    ? (constantNumbers(node, inputs, 3, 'axes') as number[]).map((a) => normalAxis(node, a, from.length))
    : from.map((_, i) => i);
  if (given.length !== 2 * only.length || given.some((p) => !Number.isSafeInteger(p)))
    throw badShape(node, `pads [${given}] do not fit ${only.length} axes`);
  const begin = from.map(() => 0);
  const end = from.map(() => 0);
  only.forEach((i, k) => {
    begin[i] = given[k];
    end[i] = given[k + only.length];
  });
  const dims = from.map((d, i) => d + begin[i] + end[i]);
  if (dims.some((d) => d < 1)) throw badShape(node, `pads [${given}] leave nothing of [${from}]`);
  checkSizes(node, dims);
  const mode = stringAttribute(node, 'mode', 'constant');
  if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode)) throw badShape(node, `mode ${mode} is unknown`);
  if (mode === 'constant') {
    const fill = inputs[2]
      ? (constantNumbers(node, inputs, 2, 'constant_value') as number[])[0]
      : numberAttribute(node, 'value', 0);
    return [
      { dims, terms: [{ input: 0, steps: [{ map: affine(from.map((_, i) => axis(i, 1, -begin[i]))), dims }] }], fill },
    ];
  }
  // Other modes repeat cells of the tensor, less those that negative pads crop: a gather for each padded axis.
  const steps: Step[] = [];
  let now = [...from];
  from.forEach((d, i) => {
    if (begin[i] === 0 && end[i] === 0) return;
    now = now.map((x, k) => (k === i ? dims[i] : x));
    const first = Math.max(0, -begin[i]);
    const kept = d - first - Math.max(0, -end[i]);
    if (kept < 1) throw badShape(node, `pads [${given}] leave nothing of [${from}] to repeat`);
    const index = Array.from({ length: dims[i] }, (_, o) => first + repeated(mode, o - Math.max(0, begin[i]), kept));
    steps.push({ map: { kind: 'gather', axis: i, index }, dims: now });
  });
  return [{ dims, terms: [{ input: 0, steps: steps.length > 0 ? steps : [{ map: reshape, dims }] }] }];
}

/** The cell, of n, that stands at position p of their continuation. */
function repeated(mode: string, p: number, n: number): number {
  if (mode === 'edge') return Math.min(n - 1, Math.max(0, p));
  const period = mode === 'wrap' ? n : Math.max(1, 2 * (n - 1));
  const m = ((p % period) + period) % period;
  return m < n ? m : period - m;
}
