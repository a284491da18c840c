/** Writes a composite operator as nodes of simpler ones. */
import { InputError } from '../../base/errors.js';
import { badShape } from '../attributes.js';
import { dtypeCode } from '../dtypes.js';
import type { Attribute, GraphNode, Tensor, TensorInfo } from '../graph.js';
import { INTERNAL_DOMAIN } from '../internal.js';

/** Names of tensors made on the way, and of nodes, start with the node's own. */
export class Composer {
  readonly nodes: GraphNode[] = [];
  private made = 0;

  constructor(
    readonly node: GraphNode,
    readonly opset: number,
    private readonly infos: ReadonlyMap<string, TensorInfo>,
    private readonly define: (name: string, value: Tensor) => void,
  ) {}

  /** Shape of an input. @throws InputError where it is missing */
  dims(index: number): readonly number[] {
    const info = this.infos.get(this.node.inputs[index] ?? '');
    if (!info) throw badShape(this.node, `input ${index} is missing`);
    return info.dims;
  }

  /** What is known of an input that is there. */
  info(index: number): TensorInfo {
    this.dims(index);
    return this.infos.get(this.node.inputs[index]) as TensorInfo;
  }

  /** onnx.TensorProto.DataType of an input. */
  typeCode(index: number): number {
    return dtypeCode(this.info(index).dtype);
  }

  has(index: number): boolean {
    return this.infos.has(this.node.inputs[index] ?? '');
  }

  /** Whether the inputs hold whole numbers or truth values. */
  areWhole(...indices: readonly number[]): boolean {
    return indices.every((i) => !(this.infos.get(this.node.inputs[i])?.dtype.includes('float') ?? true));
  }

  /** The numbers of an input that must be known. @throws InputError (dynamic-parameter) */
  known(index: number, what: string): Tensor {
    const value = this.infos.get(this.node.inputs[index] ?? '')?.value;
    if (value) return value;
    const message = `${what} of ${this.node.name} (${this.node.op}) is computed at run time`;
    throw new InputError('dynamic-parameter', message, 'export the model with constant parameters', this.node.name);
  }

  /** The numbers of an input that is a constant. */
  valueOf(index: number): Float64Array | undefined {
    return this.infos.get(this.node.inputs[index] ?? '')?.value?.data;
  }

  unsupported(what: string, hint: string): InputError {
    const message = `${this.node.name} (${this.node.op}) with ${what} is not supported`;
    return new InputError('unsupported-attribute', message, hint, this.node.name);
  }

  /** A constant of floats. */
  floats(data: ArrayLike<number>, dims: readonly number[] = data.length === 1 ? [] : [data.length]): string {
    return this.constant({ dtype: 'float32', dims, data: Float64Array.from(data) });
  }

  /** A whole number. */
  scalar(x: number): string {
    return this.constant({ dtype: 'int64', dims: [], data: Float64Array.of(x) });
  }

  /** A list of whole numbers. */
  ints(data: readonly number[], dims: readonly number[] = [data.length]): string {
    return this.constant({ dtype: 'int64', dims, data: Float64Array.from(data) });
  }

  /** Truth values. */
  truths(data: readonly number[], dims: readonly number[] = [data.length]): string {
    return this.constant({ dtype: 'bool', dims, data: Float64Array.from(data) });
  }

  /** A constant of the first input's type. */
  typed(data: readonly number[], dims: readonly number[] = [data.length]): string {
    return this.typedAs(0, data, dims);
  }

  /** A constant of an input's type. */
  typedAs(index: number, data: readonly number[], dims: readonly number[] = [data.length]): string {
    return this.constant({ dtype: this.info(index).dtype, dims, data: Float64Array.from(data) });
  }

  /** A constant input under other dims. */
  reshapedConstant(index: number, dims: readonly number[]): string {
    return this.constant({ ...this.known(index, 'a table'), dims });
  }

  /** The result of a node of the standard operators. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const name = this.fresh(op);
    this.nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  }

  /** The result of a node of the operators that only composites are written in. */
  internal(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const name = this.fresh(op);
    this.nodes.push({ name, op, domain: INTERNAL_DOMAIN, inputs, outputs: [name], attributes });
    return name;
  }

  reshape(x: string, dims: readonly number[]): string {
    return this.add('Reshape', [x, this.ints(dims)]);
  }

  /** Indices, those that count from the end of an axis of n replaced. */
  fromStart(indices: string, n: number): string {
    const negative = this.add('Cast', [this.add('Less', [indices, this.scalar(0)])], { to: dtypeCode('int64') });
    return this.add('Add', [indices, this.add('Mul', [negative, this.scalar(n)])]);
  }

  /** Gives the results the names of the composite's outputs. */
  finish(results: readonly string[]): GraphNode[] {
    // An output that is an input or a constant, or another output too, is handed on by a node.
    const made = new Set(this.nodes.flatMap((n) => n.outputs));
    const own = results.map((result) => (made.delete(result) ? result : this.add('Identity', [result])));
    const named = new Map(own.map((result, k) => [result, this.node.outputs[k] || result]));
    return this.nodes.map((n) => ({
      ...n,
      inputs: n.inputs.map((i) => named.get(i) ?? i),
      outputs: n.outputs.map((o) => named.get(o) ?? o),
    }));
  }

  private constant(value: Tensor): string {
    const name = this.fresh('constant');
    this.define(name, value);
    return name;
  }

  private fresh(what: string): string {
    return `${this.node.name}/${what}-${this.made++}`;
  }
}

export type Compose = (c: Composer) => readonly string[];
