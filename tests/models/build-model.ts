/** Small ONNX files for tests, written field by field, also in the forms that this project's own writer never uses. */
import { dtypeCode } from '../../packages/core/src/graph/dtypes.js';
import {
  type DType,
  decodeOnnx,
  evaluateGraph,
  type Graph,
  type ResolveOptions,
  resolveGraph,
  type Tensor,
} from '../../packages/core/src/graph/index.js';
import { Writer } from '../../packages/core/src/graph/protobuf.js';
import { encodeTensorProto } from '../../packages/core/src/graph/tensor-proto.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';

/** Whole numbers are integers, `{ float }` and `{ floats }` single precision. */
export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | Tensor
  | { float: number }
  | { floats: number[] }
  | { strings: string[] }
  | { graph: GraphSpec };

/** The body of a loop, or a branch: inputs and outputs by name alone. */
export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly inputs?: readonly string[];
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly name?: string;
  readonly domain?: string;
}

export interface ModelSpec {
  readonly opset?: number;
  readonly nodes: readonly NodeSpec[];
  /** Dims with names for open dimensions; undefined where the shape is not said at all. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[] | undefined>>;
  /** Types of inputs that are no floats. */
  readonly types?: Readonly<Record<string, DType>>;
  readonly outputs: readonly string[];
  /** Tensors, or TensorProto messages. */
  readonly initializers?: Readonly<Record<string, Tensor | Writer>>;
}

export const floats = (dims: readonly number[], data: readonly number[]): Tensor => ({
  dtype: 'float32',
  dims,
  data: Float64Array.from(data),
});

export const ints = (data: readonly number[], dims: readonly number[] = [data.length]): Tensor => ({
  dtype: 'int64',
  dims,
  data: Float64Array.from(data),
});

/** Numbers that differ from cell to cell, between -1 and 1. */
export const wave = (dims: readonly number[], seed = 1): Tensor =>
  floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(seed * 17.3 + i * 1.7))),
  );

export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  name = '',
): NodeSpec => ({ op, inputs, outputs, attributes, name });

function attribute(key: string, value: AttributeSpec): Writer {
  const w = new Writer().text(1, key);
  if (typeof value === 'number') return w.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return w.text(4, value).varint(20, 3);
  if ('float' in value) return w.float(2, value.float).varint(20, 1);
  if ('floats' in value) {
    for (const x of value.floats) w.float(7, x);
    return w.varint(20, 6);
  }
  if ('strings' in value) {
    for (const x of value.strings) w.text(9, x);
    return w.varint(20, 8);
  }
  if ('graph' in value) {
    const g = graphOf(value.graph.nodes, value.graph.initializers);
    for (const name of value.graph.inputs ?? []) g.message(11, new Writer().text(1, name));
    for (const name of value.graph.outputs) g.message(12, new Writer().text(1, name));
    return w.message(6, g).varint(20, 5);
  }
  if ('data' in value) return w.message(5, encodeTensorProto('', value)).varint(20, 4);
  for (const x of value) w.varint(8, x);
  return w.varint(20, 7);
}

function valueInfo(name: string, dims: readonly (number | string)[] | undefined, dtype: DType = 'float32'): Writer {
  const tensor = new Writer().varint(1, dtypeCode(dtype));
  if (dims) {
    const shape = new Writer();
    for (const d of dims) shape.message(1, typeof d === 'number' ? new Writer().varint(1, d) : new Writer().text(2, d));
    tensor.message(2, shape);
  }
  return new Writer().text(1, name).message(2, new Writer().message(1, tensor));
}

function graphOf(nodes: readonly NodeSpec[], initializers: ModelSpec['initializers'] = {}): Writer {
  const g = new Writer();
  for (const n of nodes) {
    const w = new Writer();
    for (const i of n.inputs) w.text(1, i);
    for (const o of n.outputs) w.text(2, o);
    if (n.name) w.text(3, n.name);
    w.text(4, n.op);
    if (n.domain) w.text(7, n.domain);
    for (const [key, value] of Object.entries(n.attributes ?? {})) w.message(5, attribute(key, value));
    g.message(1, w);
  }
  g.text(2, 'test');
  for (const [name, t] of Object.entries(initializers))
    g.message(5, t instanceof Writer ? t : encodeTensorProto(name, t));
  return g;
}

export function buildModel(spec: ModelSpec): Uint8Array {
  const g = graphOf(spec.nodes, spec.initializers);
  for (const [name, dims] of Object.entries(spec.inputs)) g.message(11, valueInfo(name, dims, spec.types?.[name]));
  for (const name of spec.outputs) g.message(12, valueInfo(name, undefined));
  const opset = new Writer().text(1, '').varint(2, spec.opset ?? 13);
  return new Writer().varint(1, 8).message(7, g).message(8, opset).done();
}

export function resolveModel(spec: ModelSpec, options: Omit<ResolveOptions, 'semantics'> = {}): Graph {
  return resolveGraph(decodeOnnx(buildModel(spec)), { semantics: semanticsOf, ...options });
}

/** The model's outputs on floats. */
export function runModel(spec: ModelSpec, inputs: Readonly<Record<string, Tensor>>): Tensor[] {
  const graph = resolveModel(spec);
  return [...evaluateGraph(graph, new Map(Object.entries(inputs)), semanticsOf).values()];
}

/** One node over its inputs; `constants` are initialisers, in order after the inputs ('' skips one). */
export function runNode(
  op: string,
  inputs: readonly Tensor[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  options: { opset?: number; constants?: readonly (Tensor | '')[]; outputs?: number } = {},
): Tensor[] {
  const constants = options.constants ?? [];
  const names = [...inputs.map((_, i) => `x${i}`), ...constants.map((c, i) => (c === '' ? '' : `c${i}`))];
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => `y${i}`);
  return runModel(
    {
      opset: options.opset,
      nodes: [node(op, names, outputs, attributes)],
      inputs: Object.fromEntries(inputs.map((t, i) => [`x${i}`, t.dims])),
      outputs,
      initializers: Object.fromEntries(constants.flatMap((c, i) => (c === '' ? [] : [[`c${i}`, c]]))),
    },
    Object.fromEntries(inputs.map((t, i) => [`x${i}`, t])),
  );
}
