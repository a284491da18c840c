/**
 * Sequences and optionals told apart while shapes are: a sequence is a list of tensors by name, an optional is there or
 * not. What is taken out of them is handed on; how long they are and what is there is constant.
 */
import { InputError } from '../base/errors.js';
import { badShape, normalAxis, numberAttribute } from './attributes.js';
import type { Scope } from './control-flow.js';
import type { Attribute, GraphNode, Tensor } from './graph.js';

/** Items of sequences by the names of the sequences. An optional without an element is an empty name's. */
export type Sequences = Map<string, readonly string[] | 'nothing'>;

/** Operators on sequences and optionals. SequenceMap has a body: control-flow.ts. */
export const SEQUENCE_OPERATORS: readonly string[] = [
  'SequenceEmpty',
  'SequenceConstruct',
  'SequenceInsert',
  'SequenceErase',
  'SequenceAt',
  'SequenceLength',
  'ConcatFromSequence',
  'SplitToSequence',
  'Optional',
  'OptionalGetElement',
  'OptionalHasElement',
];

export const isSequenceOperator = ({ op, domain }: GraphNode): boolean =>
  domain === '' && SEQUENCE_OPERATORS.includes(op);

const MOST_ITEMS = 2 ** 14;

/** One node on sequences being written out. */
class Rewriting {
  constructor(
    readonly node: GraphNode,
    readonly origin: string,
    readonly scope: Scope,
  ) {}

  items(index: number): readonly string[] {
    const known = this.scope.sequences.get(this.node.inputs[index] ?? '');
    if (known === undefined || known === 'nothing') throw badShape(this.node, `its input ${index} is no sequence`);
    return known;
  }

  /** Where an input of one number says so; undefined where there is no such input. */
  position(index: number, length: number): number | undefined {
    const name = this.node.inputs[index];
    if (!name) return undefined;
    const { name: called, op } = this.node;
    const value = this.scope.infos.get(name)?.value;
    if (value?.data.length !== 1) {
      const message = `the position of ${called} (${op}) depends on the input's numbers`;
      throw new InputError('dynamic-parameter', message, 'export the model with constant positions', called);
    }
    const at = value.data[0] < 0 ? value.data[0] + length : value.data[0];
    if (at < 0 || at > length) throw badShape(this.node, `position ${value.data[0]} of ${length}`);
    return at;
  }

  keep(items: readonly string[]): void {
    if (items.length > MOST_ITEMS) throw badShape(this.node, `a sequence of more than ${MOST_ITEMS} tensors`);
    this.scope.sequences.set(this.node.outputs[0], items);
  }

  constant(value: Tensor, name = this.scope.fresh(`${this.node.name}/constant`)): string {
    this.scope.define(name, value);
    return name;
  }

  ints(data: readonly number[]): string {
    return this.constant({ dtype: 'int64', dims: [data.length], data: Float64Array.from(data) });
  }

  /** Writes a node; nothing where it cannot be understood, which is noted. */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = '',
  ): string {
    const name = this.scope.fresh(`${this.node.name}/${op}`);
    const made: GraphNode = { name, op, domain: '', inputs, outputs: [output || name], attributes };
    if (!this.scope.write(made, this.origin)) throw new Noted();
    return output || name;
  }

  /** A tensor, a sequence, or nothing, under the name of the result. */
  handOn(name: string): void {
    const [output] = this.node.outputs;
    const known = this.scope.sequences.get(name);
    if (known !== undefined) this.scope.sequences.set(output, known);
    else this.add('Identity', [name], {}, output);
  }

  truth(x: boolean): void {
    this.constant({ dtype: 'bool', dims: [], data: Float64Array.of(Number(x)) }, this.node.outputs[0]);
  }
}

/** Thrown where a node could not be written, which is noted already. */
class Noted extends Error {}

function split(x: Rewriting): void {
  const { node, scope } = x;
  const [input] = node.inputs;
  const info = scope.infos.get(input);
  if (!info) throw badShape(node, 'its input is no tensor');
  const axis = normalAxis(node, numberAttribute(node, 'axis', 0), info.dims.length);
  const length = info.dims[axis];
  const sizes = node.inputs[1] ? scope.infos.get(node.inputs[1]) : undefined;
  if (sizes && !sizes.value) {
    const message = `the sizes of ${node.name} (${node.op}) depend on the input's numbers`;
    throw new InputError('dynamic-parameter', message, 'export the model with constant sizes', node.name);
  }
  const given = sizes?.value;
  const size = given && given.dims.length === 0 ? given.data[0] : 1;
  if (!(size >= 1)) throw badShape(node, `parts of ${size}`);
  const even = Array.from({ length: Math.ceil(length / size) }, (_, i) => Math.min(size, length - i * size));
  const lengths = given && given.dims.length > 0 ? [...given.data] : even;
  if (lengths.reduce((a, b) => a + b, 0) !== length) throw badShape(node, `parts of ${lengths} from ${length}`);
  // Without sizes every part is one cell of the axis, which it may lose.
  const squeezes = !given && numberAttribute(node, 'keepdims', 1) === 0;
  let from = 0;
  x.keep(
    lengths.map((n) => {
      const bounds = [x.ints([from]), x.ints([from + n]), x.ints([axis])];
      from += n;
      const cut = x.add('Slice', [input, ...bounds]);
      return squeezes ? x.add('Reshape', [cut, x.ints(info.dims.filter((_, i) => i !== axis))]) : cut;
    }),
  );
}

function concat(x: Rewriting): void {
  const { node, scope } = x;
  const items = x.items(0);
  if (items.length === 0) throw badShape(node, 'its sequence is empty');
  const stacks = numberAttribute(node, 'new_axis', 0) === 1;
  const rank = scope.infos.get(items[0])?.dims.length ?? 0;
  const axis = normalAxis(node, numberAttribute(node, 'axis', 0), rank + (stacks ? 1 : 0));
  const parts = items.map((item) => {
    if (!stacks) return item;
    const dims = [...(scope.infos.get(item)?.dims ?? [])];
    dims.splice(axis, 0, 1);
    return x.add('Reshape', [item, x.ints(dims)]);
  });
  x.add('Concat', parts, { axis }, node.outputs[0]);
}

const WRITERS: Readonly<Record<string, (x: Rewriting) => void>> = {
  SequenceEmpty: (x) => x.keep([]),
  SequenceConstruct: (x) => x.keep(x.node.inputs),
  SequenceInsert: (x) => {
    const items = x.items(0);
    const at = x.position(2, items.length) ?? items.length;
    x.keep([...items.slice(0, at), x.node.inputs[1], ...items.slice(at)]);
  },
  SequenceErase: (x) => {
    const items = x.items(0);
    const at = x.position(1, items.length) ?? items.length - 1;
    x.keep(items.filter((_, i) => i !== at));
  },
  SequenceAt: (x) => {
    const items = x.items(0);
    const item = items[x.position(1, items.length) ?? items.length];
    if (item === undefined) throw badShape(x.node, `it reads beyond the ${items.length} tensors of its sequence`);
    x.handOn(item);
  },
  SequenceLength: (x) => {
    x.constant({ dtype: 'int64', dims: [], data: Float64Array.of(x.items(0).length) }, x.node.outputs[0]);
  },
  ConcatFromSequence: concat,
  SplitToSequence: split,
  Optional: (x) => {
    if (x.node.inputs[0]) x.handOn(x.node.inputs[0]);
    else x.scope.sequences.set(x.node.outputs[0], 'nothing');
  },
  OptionalGetElement: (x) => {
    if (x.scope.sequences.get(x.node.inputs[0]) === 'nothing') throw badShape(x.node, 'its optional is empty');
    x.handOn(x.node.inputs[0]);
  },
  OptionalHasElement: (x) => {
    const [name = ''] = x.node.inputs;
    x.truth(name !== '' && x.scope.sequences.get(name) !== 'nothing');
  },
};

/** Whether a node only hands a sequence on. */
export const handsSequenceOn = ({ op, domain, inputs }: GraphNode, sequences: Sequences): boolean =>
  domain === '' && op === 'Identity' && sequences.has(inputs[0]);

/**
 * @returns false where a tensor that it stands for cannot be made, which is noted
 * @throws InputError where a position or a size depends on data
 */
export function writeSequence(node: GraphNode, origin: string, scope: Scope): boolean {
  try {
    const x = new Rewriting(node, origin, scope);
    if (node.op === 'Identity') x.handOn(node.inputs[0]);
    else WRITERS[node.op](x);
    return true;
  } catch (cause) {
    if (cause instanceof Noted) return false;
    throw cause;
  }
}
