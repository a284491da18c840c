/** ONNX ModelProto to a graph, as it stands in the file: shapes are resolved later (resolve.ts). */
import { InputError } from '../base/errors.js';
import { dtypeOf } from './dtypes.js';
import type { ExternalData } from './external-data.js';
import type { Attribute, DType, Graph, GraphNode, Subgraph, Tensor, TensorInfo } from './graph.js';
import { NumberList } from './number-list.js';
import { appendFloats, appendVarints, fields, text } from './protobuf.js';
import { decodeSparseTensorProto, decodeTensorProto, MAX_RANK, nameOfTensorProto } from './tensor-proto.js';

/** What the file says of an input or output. */
export interface DeclaredTensor {
  readonly dtype: DType;
  /** Numbers, or names of symbolic dimensions ('' where they have none). */
  readonly dims: readonly (number | string)[];
  /** The file says nothing of the shape, not even how many axes there are. */
  readonly unknownRank?: boolean;
}

export interface DecodedModel {
  readonly graph: Graph;
  readonly declared: ReadonlyMap<string, DeclaredTensor>;
}

/** The operator set of models that name none. */
const OPSET = 13;
/** Most nodes, those of subgraphs among them. */
const MAX_NODES = 200_000;
/** Most subgraphs within one another. */
const MAX_DEPTH = 8;

/** What is shared by all graphs of a file. */
interface Decoding {
  readonly uniqueName: (name: string) => string;
  readonly external?: ExternalData;
  readonly onUnread?: (error: InputError) => void;
  nodes: number;
}

export interface DecodeOptions {
  readonly externalData?: ExternalData;
  /** Told of tensors of types that are not read, which are then left without their numbers; else they are an error. */
  readonly onUnread?: (error: InputError) => void;
}

/** @throws InputError on anything that is not a model of opset 7 or later */
export function decodeOnnx(data: Uint8Array, options: DecodeOptions = {}): DecodedModel {
  let graphBytes: Uint8Array | undefined;
  let opset = 0;
  let others = false;
  for (const f of fields(data)) {
    if (f.number === 7 && f.wire === 2) graphBytes = f.bytes;
    else if (f.number === 8 && f.wire === 2) {
      let domain = '';
      let version = 0;
      for (const g of fields(f.bytes)) {
        if (g.number === 1) domain = text(g);
        if (g.number === 2) version = g.varint;
      }
      if (domain === '' || domain === 'ai.onnx') opset = version;
      else others = true;
    }
  }
  if (!graphBytes)
    throw new InputError('broken-onnx', 'the file holds no ONNX graph', 'check that it is an ONNX model');
  // A model of other operators only need not say which standard ones it uses.
  if (opset === 0 && others) opset = OPSET;
  if (opset < 6) {
    throw new InputError(
      'unsupported-opset',
      `operator set ${opset} is not supported`,
      'export with opset 7 or later (6 is read too)',
    );
  }
  return decodeGraph(graphBytes, opset, options);
}

function decodeGraph(data: Uint8Array, opset: number, { externalData, onUnread }: DecodeOptions): DecodedModel {
  const declared = new Map<string, DeclaredTensor>();
  const decoding = { uniqueName: uniqueNames(), external: externalData, onUnread, nodes: 0 };
  const parts = decodeGraphParts(data, decoding, 0, declared);
  const graph: Graph = {
    ...parts,
    opset,
    // Old files list initialisers among the inputs.
    inputs: parts.inputs.filter((i) => !parts.initializers.has(i)),
    tensors: new Map<string, TensorInfo>(),
  };
  return { graph, declared };
}

/** A GraphProto: the model's, or that of an attribute. */
function decodeGraphParts(
  data: Uint8Array,
  decoding: Decoding,
  depth: number,
  declared: Map<string, DeclaredTensor>,
): Subgraph & { name: string } {
  if (depth > MAX_DEPTH)
    throw new InputError('broken-onnx', `more than ${MAX_DEPTH} graphs within one another`, 'use a simpler model');
  let name = '';
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Tensor>();
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const f of fields(data)) {
    if (f.number === 1) nodes.push(decodeNode(f.bytes, decoding, depth));
    else if (f.number === 2) name = text(f);
    else if (f.number === 5 || f.number === 15) {
      const t = decodeNumbers(f.bytes, decoding, f.number === 15);
      if (initializers.has(t.name)) {
        throw new InputError('broken-onnx', `two initializers are named ${t.name}`, 'export the model again');
      }
      initializers.set(t.name, t.tensor);
    } else if (f.number === 11 || f.number === 12) {
      const v = decodeValueInfo(f.bytes, f.number === 11, decoding);
      declared.set(v.name, v.declared);
      (f.number === 11 ? inputs : outputs).push(v.name);
    }
  }
  return { name, inputs, outputs, nodes, initializers };
}

/** Gives names back with a number where they were given before. */
function uniqueNames(): (name: string) => string {
  const given = new Map<string, number>();
  return (name) => {
    let unique = name;
    for (let i = given.get(name) ?? 0; given.has(unique); i++) {
      unique = `${name}#${i}`;
      given.set(name, i + 1);
    }
    given.set(unique, 1);
    return unique;
  };
}

function decodeNode(data: Uint8Array, decoding: Decoding, depth: number): GraphNode {
  if (++decoding.nodes > MAX_NODES)
    throw new InputError('broken-onnx', `the model has more than ${MAX_NODES} nodes`, 'use a smaller model');
  const inputs: string[] = [];
  const outputs: string[] = [];
  let name = '';
  let op = '';
  let domain = '';
  const attributes = new Map<string, Attribute>();
  const subgraphs = new Map<string, Subgraph>();
  for (const f of fields(data)) {
    if (f.number === 1) inputs.push(text(f));
    else if (f.number === 2) outputs.push(text(f));
    else if (f.number === 3) name = text(f);
    else if (f.number === 4) op = text(f);
    else if (f.number === 7) domain = text(f);
    else if (f.number === 5) {
      const [key, value] = decodeAttribute(f.bytes, decoding, depth);
      if (value !== undefined && isSubgraph(value)) subgraphs.set(key, value);
      else if (value !== undefined) attributes.set(key, value);
    }
  }
  return {
    name: decoding.uniqueName(name || `${op}_${outputs[0] ?? ''}`),
    op,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs,
    outputs,
    attributes: Object.fromEntries(attributes),
    ...(subgraphs.size > 0 ? { subgraphs: Object.fromEntries(subgraphs) } : {}),
  };
}

const isSubgraph = (value: Attribute | Subgraph): value is Subgraph => typeof value === 'object' && 'nodes' in value;

/** onnx.AttributeProto.AttributeType. */
const FLOAT = 1;
const INT = 2;
const STRING = 3;
const FLOATS = 6;
const INTS = 7;
const STRINGS = 8;

function decodeAttribute(
  data: Uint8Array,
  decoding: Decoding,
  depth: number,
): [string, Attribute | Subgraph | undefined] {
  let name = '';
  let value: Attribute | Subgraph | undefined;
  const numbers = new NumberList();
  const strings: string[] = [];
  let type = 0;
  for (const f of fields(data)) {
    if (f.number === 1) name = text(f);
    else if (f.number === 2) {
      const scalar = new NumberList();
      appendFloats(scalar, f, 4);
      value = scalar.numbers()[0];
    } else if (f.number === 3) value = f.varint;
    else if (f.number === 4) value = text(f);
    else if (f.number === 5) value = decodeNumbers(f.bytes, decoding).tensor;
    else if (f.number === 6) value = decodeGraphParts(f.bytes, decoding, depth + 1, new Map());
    else if (f.number === 11) value = 'subgraphs';
    else if (f.number === 22) value = decodeNumbers(f.bytes, decoding, true).tensor;
    else if (f.number === 7) appendFloats(numbers, f, 4);
    else if (f.number === 8) appendVarints(numbers, f);
    else if (f.number === 9) strings.push(text(f));
    else if (f.number === 20) type = f.varint;
  }
  if (type === STRINGS || (value === undefined && strings.length > 0)) return [name, strings];
  if (type === FLOATS || type === INTS || (value === undefined && numbers.length > 0))
    return [name, Array.from(numbers.numbers())];
  // Some writers leave out zeros and empty strings.
  if (value === undefined && (type === FLOAT || type === INT)) return [name, 0];
  if (value === undefined && type === STRING) return [name, ''];
  return [name, value];
}

/** What a part gives, or another where its type is not read and somebody wants to be told. */
function orUnread<T>({ onUnread }: Decoding, read: () => T, other: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!onUnread || !(error instanceof InputError) || error.code !== 'unsupported-dtype') throw error;
    onUnread(error);
    return other();
  }
}

function decodeNumbers(data: Uint8Array, decoding: Decoding, isSparse = false): { name: string; tensor: Tensor } {
  const read = isSparse ? decodeSparseTensorProto : decodeTensorProto;
  const empty = { dtype: 'string', dims: [0], data: new Float64Array(0) } as const;
  return orUnread(
    decoding,
    () => read(data, decoding.external),
    () => ({ name: nameOfTensorProto(data), tensor: empty }),
  );
}

function decodeValueInfo(
  data: Uint8Array,
  isInput: boolean,
  decoding: Decoding,
): { name: string; declared: DeclaredTensor } {
  let name = '';
  let typeBytes: Uint8Array | undefined;
  for (const f of fields(data)) {
    if (f.number === 1) name = text(f);
    if (f.number === 2) typeBytes = f.bytes;
  }
  let dtype: DType = 'float32';
  let dims: (number | string)[] | undefined;
  for (const type of fields(typeBytes ?? new Uint8Array(0))) {
    // Maps and sequences among the outputs are told by what makes them.
    if (isInput && type.number !== 1 && type.number !== 6) {
      const error = new InputError('unsupported-dtype', `${name} is not a tensor`, 'export tensor inputs and outputs');
      if (!decoding.onUnread) throw error;
      decoding.onUnread(error);
    }
    if (type.number !== 1) continue;
    for (const t of fields(type.bytes)) {
      if (t.number === 1)
        dtype = orUnread(
          decoding,
          () => dtypeOf(t.varint),
          () => 'string',
        );
      if (t.number === 2) dims = decodeShape(t.bytes, name);
    }
  }
  return { name, declared: dims ? { dtype, dims } : { dtype, dims: [], unknownRank: true } };
}

function decodeShape(data: Uint8Array, name: string): (number | string)[] {
  const dims: (number | string)[] = [];
  for (const d of fields(data)) {
    if (d.number !== 1) continue;
    let dim: number | string = '';
    for (const x of fields(d.bytes)) {
      if (x.number === 1) dim = x.varint;
      if (x.number === 2) dim = text(x);
    }
    dims.push(dim);
    if (dims.length > MAX_RANK)
      throw new InputError('bad-shape', `${name} has more than ${MAX_RANK} axes`, 'export the model again');
  }
  return dims;
}
