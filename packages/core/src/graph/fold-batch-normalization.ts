import { sizeOf } from '../base/dims.js';
import { numberAttribute } from './attributes.js';
import type { Graph, GraphNode, Tensor } from './graph.js';

/** Scale and shift that an inference-time BatchNormalization applies to each channel. */
export function batchNormalizationAffine(
  n: GraphNode,
  parameter: (i: number) => Tensor,
): { scale: Float64Array; shift: Float64Array } {
  const epsilon = numberAttribute(n, 'epsilon', 1e-5);
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => parameter(i).data);
  const scale = gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon));
  return { scale, shift: beta.map((b, c) => b - mean[c] * scale[c]) };
}

/** Folds a BatchNormalization into the Conv whose only reader it is. */
export function foldBatchNormalization(graph: Graph): Graph {
  const readers = new Map<string, number>();
  for (const n of graph.nodes) for (const i of n.inputs) readers.set(i, (readers.get(i) ?? 0) + 1);
  for (const o of graph.outputs) readers.set(o, (readers.get(o) ?? 0) + 1);
  const initializers = new Map(graph.initializers);
  const producer = new Map(graph.nodes.map((n) => [n.outputs[0], n]));
  const replaced = new Map<GraphNode, GraphNode | undefined>();
  for (const bn of graph.nodes) {
    if (bn.op !== 'BatchNormalization') continue;
    const conv = producer.get(bn.inputs[0]);
    if (conv?.op !== 'Conv' || readers.get(conv.outputs[0]) !== 1 || replaced.has(conv)) continue;
    const w = initializers.get(conv.inputs[1]);
    const bias = conv.inputs[2] ? initializers.get(conv.inputs[2]) : undefined;
    if (!w || (conv.inputs[2] && !bias) || bn.inputs.slice(1, 5).some((i) => !initializers.has(i))) continue;
    const { scale, shift } = batchNormalizationAffine(bn, (i) => initializers.get(bn.inputs[i]) as Tensor);
    const perChannel = sizeOf(w.dims.slice(1));
    const weightName = `${conv.name}/weight·${bn.name}`;
    const biasName = `${conv.name}/bias·${bn.name}`;
    const folded = new Float64Array(w.data.length);
    for (let c = 0, i = 0; c < scale.length; c++)
      for (const end = i + perChannel; i < end; i++) folded[i] = w.data[i] * scale[c];
    initializers.set(weightName, { ...w, data: folded });
    initializers.set(biasName, {
      dtype: w.dtype,
      dims: [w.dims[0]],
      data: shift.map((b, c) => b + (bias ? bias.data[c] * scale[c] : 0)),
    });
    replaced.set(conv, { ...conv, inputs: [conv.inputs[0], weightName, biasName], outputs: [bn.outputs[0]] });
    replaced.set(bn, undefined);
  }
  if (replaced.size === 0) return graph;
  const nodes = graph.nodes.flatMap((n): GraphNode[] => {
    if (!replaced.has(n)) return [n];
    const r = replaced.get(n);
    return r ? [r] : [];
  });
  const tensors = new Map(graph.tensors);
  for (const [name, t] of initializers) tensors.set(name, { dtype: t.dtype, dims: t.dims, value: t });
  return { ...graph, nodes, initializers, tensors };
}
