/** A graph to an ONNX file (used by the scripts that make models). */
import { InputError } from '../base/errors.js';
import { dtypeCode } from './dtypes.js';
import type { Attribute, Graph, GraphNode, TensorInfo } from './graph.js';
import { Writer } from './protobuf.js';
import { encodeTensorProto } from './tensor-proto.js';

/** The inputs' shapes must be in graph.tensors. */
export function encodeOnnx(graph: Graph): Uint8Array {
  const g = new Writer();
  for (const n of graph.nodes) g.message(1, encodeNode(n));
  g.text(2, graph.name);
  for (const [name, t] of graph.initializers) g.message(5, encodeTensorProto(name, t));
  for (const name of graph.inputs) g.message(11, valueInfo(name, graph.tensors.get(name)));
  for (const name of graph.outputs) g.message(12, valueInfo(name, graph.tensors.get(name)));
  return new Writer()
    .varint(1, 8)
    .text(2, 'dsperse')
    .message(7, g)
    .message(8, new Writer().text(1, '').varint(2, graph.opset))
    .done();
}

function encodeNode(n: GraphNode): Writer {
  const w = new Writer();
  for (const i of n.inputs) w.text(1, i);
  for (const o of n.outputs) w.text(2, o);
  w.text(3, n.name).text(4, n.op);
  if (n.domain) w.text(7, n.domain);
  for (const [key, value] of Object.entries(n.attributes)) w.message(5, encodeAttribute(key, value));
  return w;
}

/** Whole numbers are written as integers; float attributes are marked by a `float:` prefix of the name. */
function encodeAttribute(key: string, value: Attribute): Writer {
  const isFloat = key.startsWith('float:');
  const w = new Writer().text(1, isFloat ? key.slice(6) : key);
  if (typeof value === 'number') return isFloat ? w.float(2, value).varint(20, 1) : w.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return w.text(4, value).varint(20, 3);
  if (Array.isArray(value)) {
    for (const v of value) {
      if (typeof v !== 'number')
        throw new InputError('unsupported-attribute', `cannot write a list of strings: ${key}`);
      if (isFloat) w.float(7, v);
      else w.varint(8, v);
    }
    return w.varint(20, isFloat ? 6 : 7);
  }
  return w
    .message(5, encodeTensorProto('', value as Exclude<Attribute, number | string | readonly unknown[]>))
    .varint(20, 4);
}

function valueInfo(name: string, info: TensorInfo | undefined): Writer {
  const w = new Writer().text(1, name);
  if (!info) return w;
  const shape = new Writer();
  for (const d of info.dims) shape.message(1, new Writer().varint(1, d));
  return w.message(2, new Writer().message(1, new Writer().varint(1, dtypeCode(info.dtype)).message(2, shape)));
}
