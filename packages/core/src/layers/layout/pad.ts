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
  // Other modes repeat cells of the tensor: a gather for each padded axis.
  const steps: Step[] = [];
  let now = [...from];
  from.forEach((d, i) => {
    if (begin[i] === 0 && end[i] === 0) return;
    now = now.map((x, k) => (k === i ? dims[i] : x));
    const index = Array.from({ length: dims[i] }, (_, o) => {
      const p = o - begin[i];
      if (mode === 'edge') return Math.min(d - 1, Math.max(0, p));
      if (mode === 'wrap') return ((p % d) + d) % d;
      const period = 2 * (d - 1);
      if (period === 0) return 0;
      const m = ((p % period) + period) % period;
      return m < d ? m : period - m;
    });
    steps.push({ map: { kind: 'gather', axis: i, index }, dims: now });
  });
  return [{ dims, terms: [{ input: 0, steps: steps.length > 0 ? steps : [{ map: reshape, dims }] }] }];
}
