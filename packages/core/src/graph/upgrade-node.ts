/** Nodes of old operator sets in the form that later ones give them. */
import { InputError } from '../base/errors.js';
import type { GraphNode, Tensor, TensorInfo } from './graph.js';

const BROADCASTING = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or', 'Equal', 'Greater', 'Less']);

/**
 * Before opset 7 an operand was aligned with an axis by an attribute, and the slopes of PRelu with the channels; later
 * operators align from the right. The constant operand gets trailing dimensions of one.
 * @param define makes a constant known under a new name
 */
export function upgradeNode(
  node: GraphNode,
  infos: ReadonlyMap<string, TensorInfo>,
  opset: number,
  define: (name: string, value: Tensor) => void,
): GraphNode {
  if (opset >= 7 || node.inputs.length < 2) return node;
  const [x, y] = node.inputs.map((i) => infos.get(i));
  if (!x || !y || y.dims.length === 0) return node;
  let axis: number;
  if (node.op === 'PRelu' && y.dims.length === 1 && y.dims[0] > 1) axis = 1;
  else if (BROADCASTING.has(node.op) && node.attributes.broadcast === 1 && typeof node.attributes.axis === 'number')
    axis = node.attributes.axis < 0 ? node.attributes.axis + x.dims.length : node.attributes.axis;
  else return node;
  const trailing = x.dims.length - axis - y.dims.length;
  if (trailing <= 0) return node;
  if (!y.value) {
    const message = `${node.name} (${node.op}) aligns a computed operand with axis ${axis}`;
    throw new InputError('unsupported-attribute', message, 'export with opset 7 or later', node.name);
  }
  const dims = [...y.dims, ...new Array<number>(Math.min(trailing, x.dims.length)).fill(1)];
  const name = `${node.inputs[1]}·${node.name}`;
  define(name, { ...y.value, dims });
  return { ...node, inputs: [node.inputs[0], name, ...node.inputs.slice(2)] };
}
