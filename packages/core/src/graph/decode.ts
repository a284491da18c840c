/** ONNX ModelProto to a graph, as it stands in the file: shapes are resolved later (resolve.ts). */
import { InputError } from '../base/errors.js';
import type { Attribute, DType, Graph, GraphNode, Tensor, TensorInfo } from './graph.js';
import { fields, floats, text, varints } from './protobuf.js';
import { decodeTensorProto, dtypeOf, type ExternalData } from './tensor-proto.js';

/** What the file says of an input: numbers, or names of symbolic dimensions. */
export interface DeclaredTensor {
  readonly dtype: DType;
  readonly dims: readonly (number | string)[];
}

export interface DecodedModel {
  readonly graph: Graph;
  readonly declared: ReadonlyMap<string, DeclaredTensor>;
}

const MAX_NODES = 200_000;

/** @throws InputError on anything that is not a model of opset 7 or later */
export function decodeOnnx(data: Uint8Array, options: { externalData?: ExternalData } = {}): DecodedModel {
  let graphBytes: Uint8Array | undefined;
  let opset = 0;
  for (const f of fields(data)) {
    if (f.number === 7 && f.wire === 2) graphBytes = f.bytes;
    else if (f.number === 8 && f.wire === 2) {
      let domain = '';
      let version = 0;
      for (const g of fields(f.bytes)) {
        if (g.number === 1) domain = text(g);
        if (g.number === 2) version = Number(g.varint);
      }
      if (domain === '' || domain === 'ai.onnx') opset = version;
    }
  }
  if (!graphBytes)
    throw new InputError('broken-onnx', 'the file holds no ONNX graph', 'check that it is an ONNX model');
  if (opset < 6) {
    throw new InputError(
      'unsupported-opset',
      `operator set ${opset} is not supported`,
      'export with opset 7 or later (6 is read too)',
    );
  }
  return decodeGraph(graphBytes, opset, options.externalData);
}

function decodeGraph(data: Uint8Array, opset: number, external?: ExternalData): DecodedModel {
  let name = '';
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Tensor>();
  const declared = new Map<string, DeclaredTensor>();
  const inputs: string[] = [];
  const outputs: string[] = [];
  const taken = new Set<string>();
  for (const f of fields(data)) {
    if (f.number === 1) nodes.push(decodeNode(f.bytes, taken, external));
    else if (f.number === 2) name = text(f);
    else if (f.number === 5) {
      const t = decodeTensorProto(f.bytes, external);
      if (initializers.has(t.name)) throw new InputError('broken-onnx', `two initializers are named ${t.name}`);
      initializers.set(t.name, t.tensor);
    } else if (f.number === 11 || f.number === 12) {
      const v = decodeValueInfo(f.bytes);
      declared.set(v.name, v.declared);
      (f.number === 11 ? inputs : outputs).push(v.name);
    } else if (f.number === 15) {
      throw new InputError('unsupported-initializer', 'sparse initializers are not supported', 'export dense weights');
    }
    if (nodes.length > MAX_NODES) throw new InputError('broken-onnx', `more than ${MAX_NODES} nodes`);
  }
  const graph: Graph = {
    name,
    opset,
    // Old files list initialisers among the inputs.
    inputs: inputs.filter((i) => !initializers.has(i)),
    outputs,
    nodes,
    initializers,
    tensors: new Map<string, TensorInfo>(),
  };
  return { graph, declared };
}

function decodeNode(data: Uint8Array, taken: Set<string>, external?: ExternalData): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let name = '';
  let op = '';
  let domain = '';
  const attributes: Record<string, Attribute> = {};
  for (const f of fields(data)) {
    if (f.number === 1) inputs.push(text(f));
    else if (f.number === 2) outputs.push(text(f));
    else if (f.number === 3) name = text(f);
    else if (f.number === 4) op = text(f);
    else if (f.number === 7) domain = text(f);
    else if (f.number === 5) {
      const [key, value] = decodeAttribute(f.bytes, external);
      if (value !== undefined) attributes[key] = value;
    }
  }
  const base = name || `${op}_${outputs[0] ?? ''}`;
  let unique = base;
  for (let i = 1; taken.has(unique); i++) unique = `${base}#${i}`;
  taken.add(unique);
  return { name: unique, op, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

function decodeAttribute(data: Uint8Array, external?: ExternalData): [string, Attribute | undefined] {
  let name = '';
  let value: Attribute | undefined;
  const numbers: number[] = [];
  const strings: string[] = [];
  let type = 0;
  for (const f of fields(data)) {
    if (f.number === 1) name = text(f);
    else if (f.number === 2) value = floats(f, 4)[0];
    else if (f.number === 3) value = Number(f.varint);
    else if (f.number === 4) value = text(f);
    else if (f.number === 5) value = decodeTensorProto(f.bytes, external).tensor;
    else if (f.number === 6 || f.number === 11) value = 'subgraph';
    else if (f.number === 7) numbers.push(...floats(f, 4));
    else if (f.number === 8) numbers.push(...varints(f));
    else if (f.number === 9) strings.push(text(f));
    else if (f.number === 20) type = Number(f.varint);
  }
  if (type === 8 || (value === undefined && strings.length > 0)) return [name, strings];
  if (type === 6 || type === 7 || (value === undefined && numbers.length > 0)) return [name, numbers];
  return [name, value];
}

function decodeValueInfo(data: Uint8Array): { name: string; declared: DeclaredTensor } {
  let name = '';
  let dtype: DType = 'float32';
  const dims: (number | string)[] = [];
  for (const f of fields(data)) {
    if (f.number === 1) name = text(f);
    if (f.number !== 2) continue;
    for (const type of fields(f.bytes)) {
      if (type.number !== 1)
        throw new InputError('unsupported-dtype', `${name} is not a tensor`, 'export tensor inputs');
      for (const t of fields(type.bytes)) {
        if (t.number === 1) dtype = dtypeOf(Number(t.varint));
        if (t.number !== 2) continue;
        for (const d of fields(t.bytes)) {
          let dim: number | string = '';
          for (const x of fields(d.bytes)) {
            if (x.number === 1) dim = Number(x.varint);
            if (x.number === 2) dim = text(x);
          }
          dims.push(dim);
        }
      }
    }
  }
  return { name, declared: { dtype, dims } };
}
