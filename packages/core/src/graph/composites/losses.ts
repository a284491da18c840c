/** Losses of classifiers against labels: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. */
import { sizeOf } from '../../base/dims.js';
import { badShape, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

const FLOAT = 1;

/** -weight[label]·x[label] for every label; those to ignore count nothing. */
function loss(c: Composer, x: string): string {
  const [batch, , ...space] = c.dims(0);
  const dims = [batch, ...space];
  if (c.dims(1).join() !== dims.join()) throw badShape(c.node, `labels [${c.dims(1)}] do not fit [${c.dims(0)}]`);
  const labels = c.node.inputs[1];
  const ignored = c.node.attributes.ignore_index;
  const kept =
    typeof ignored === 'number' ? c.add('Not', [c.add('Equal', [labels, c.typedAs(1, [ignored], [])])]) : undefined;
  const known = kept ? c.add('Where', [kept, labels, c.typedAs(1, [0], [])]) : labels;
  const at = c.reshape(known, [batch, 1, ...space]);
  const picked = c.reshape(c.add('GatherElements', [x, at], { axis: 1 }), dims);
  const given = c.has(2) ? c.add('Gather', [c.node.inputs[2], known], { axis: 0 }) : undefined;
  const counted = kept && c.add('Cast', [kept], { to: FLOAT });
  const weights = given && counted ? c.add('Mul', [given, counted]) : (given ?? counted);
  const each = c.add('Neg', [picked]);
  const weighted = weights ? c.add('Mul', [each, weights]) : each;
  const how = stringAttribute(c.node, 'reduction', 'mean');
  if (how === 'none') return weighted;
  const axes = dims.map((_, i) => i);
  const total = (t: string): string => c.add('ReduceSum', [t], { axes, keepdims: 0 });
  if (how === 'sum') return total(weighted);
  if (how !== 'mean') throw c.unsupported(`reduction ${how}`, 'use none, sum or mean');
  if (!weights) return c.add('Mul', [total(weighted), c.floats([1 / sizeOf(dims)])]);
  return c.add('Div', [total(weighted), total(weights)]);
}

export const negativeLogLikelihood: Compose = (c) => [loss(c, c.node.inputs[0])];

export const softmaxCrossEntropy: Compose = (c) => {
  const logarithms = c.add('LogSoftmax', [c.node.inputs[0]], { axis: 1 });
  return [loss(c, logarithms), logarithms];
};
