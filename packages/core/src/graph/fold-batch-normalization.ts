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

/** What a folded layer's weights and bias become. */
interface Folded {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Weights [outputs, …] of a Conv, every output scaled and shifted. */
function foldConv(w: Tensor, bias: Tensor | undefined, scale: Float64Array, shift: Float64Array): Folded {
  const perChannel = sizeOf(w.dims.slice(1));
  const data = new Float64Array(w.data.length);
  for (let c = 0, i = 0; c < scale.length; c++)
    for (const end = i + perChannel; i < end; i++) data[i] = w.data[i] * scale[c];
  const shifted = shift.map((b, c) => b + (bias ? bias.data[c] * scale[c] : 0));
  return { weight: { ...w, data }, bias: { dtype: w.dtype, dims: [w.dims[0]], data: shifted } };
}

/** Weights of a Gemm, [n, k] transposed or [k, n]; alpha and beta are multiplied out. */
function foldGemm(
  n: GraphNode,
  w: Tensor,
  bias: Tensor | undefined,
  scale: Float64Array,
  shift: Float64Array,
): Folded | undefined {
  const outputs = scale.length;
  if (bias && bias.data.length !== outputs && bias.data.length !== 1) return undefined;
  const terms = w.data.length / outputs;
  const alpha = numberAttribute(n, 'alpha', 1);
  const beta = numberAttribute(n, 'beta', 1);
  const transposed = numberAttribute(n, 'transB', 0) !== 0;
  const data = new Float64Array(w.data.length);
  for (let i = 0; i < data.length; i++)
    data[i] = alpha * w.data[i] * scale[transposed ? Math.floor(i / terms) : i % outputs];
  const shifted = shift.map((b, c) => b + (bias ? beta * bias.data[bias.data.length === 1 ? 0 : c] * scale[c] : 0));
  return { weight: { ...w, data }, bias: { dtype: w.dtype, dims: [outputs], data: shifted } };
}

/** Folds a BatchNormalization into the Conv or Gemm whose only reader it is. */
export function foldBatchNormalization(graph: Graph): Graph {
  const readers = new Map<string, number>();
  for (const n of graph.nodes) for (const i of n.inputs) readers.set(i, (readers.get(i) ?? 0) + 1);
  for (const o of graph.outputs) readers.set(o, (readers.get(o) ?? 0) + 1);
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const define = (base: string, value: Tensor): string => {
    let name = base;
    while (tensors.has(name)) name += '·';
    initializers.set(name, value);
    tensors.set(name, { dtype: value.dtype, dims: value.dims, value });
    return name;
  };
  const producer = new Map(graph.nodes.map((n) => [n.outputs[0], n]));
  const replaced = new Map<GraphNode, GraphNode | undefined>();
  for (const bn of graph.nodes) {
    if (bn.op !== 'BatchNormalization') continue;
    const layer = producer.get(bn.inputs[0]);
    if (!layer || !['Conv', 'Gemm'].includes(layer.op)) continue;
    if (readers.get(layer.outputs[0]) !== 1 || replaced.has(layer)) continue;
    const w = initializers.get(layer.inputs[1]);
    const bias = layer.inputs[2] ? initializers.get(layer.inputs[2]) : undefined;
    if (!w || (layer.inputs[2] && !bias) || bn.inputs.slice(1, 5).some((i) => !initializers.has(i))) continue;
    const { scale, shift } = batchNormalizationAffine(bn, (i) => initializers.get(bn.inputs[i]) as Tensor);
    const folded = layer.op === 'Conv' ? foldConv(w, bias, scale, shift) : foldGemm(layer, w, bias, scale, shift);
    if (!folded) continue;
    const { alpha: _, beta: __, ...attributes } = layer.attributes;
    const weight = define(`${layer.name}/weight·${bn.name}`, folded.weight);
    const newBias = define(`${layer.name}/bias·${bn.name}`, folded.bias);
    const inputs = [layer.inputs[0], weight, newBias];
    replaced.set(layer, { ...layer, inputs, outputs: [bn.outputs[0]], attributes });
    replaced.set(bn, undefined);
  }
  if (replaced.size === 0) return graph;
  const nodes = graph.nodes.flatMap((n): GraphNode[] => {
    if (!replaced.has(n)) return [n];
    const r = replaced.get(n);
    return r ? [r] : [];
  });
  return { ...graph, nodes, initializers, tensors };
}
