/**
 * Loop, Scan, If and SequenceMap written out where shapes are told: a loop as often as it runs, a branch where its condition is known.
 * A condition that is computed chooses between the results of both branches.
 */
import { InputError } from '../base/errors.js';
import { badShape, listAttribute, normalAxis, numberAttribute } from './attributes.js';
import { live, sorted } from './check-graph.js';
import type { Attribute, GraphNode, Subgraph, Tensor, TensorInfo } from './graph.js';
import type { Sequences } from './sequences.js';
import { withReads } from './subgraphs.js';

/** What writes nodes (infer-shapes.ts). */
export interface Scope {
  readonly opset: number;
  readonly infos: ReadonlyMap<string, TensorInfo>;
  readonly sequences: Sequences;
  /** Makes a constant known. */
  define(name: string, value: Tensor): void;
  /** A name that nothing has. */
  fresh(name: string): string;
  /** Writes a node of a subgraph, called `origin` in the file; false where it cannot be understood, which is noted. */
  write(node: GraphNode, origin: string): boolean;
  isRead(name: string): boolean;
  /** Says that a tensor yet to be written is read. */
  markRead(name: string): void;
  /** Notes which branch of a node of the file was taken. */
  decided(origin: string, branch: string): void;
}

/** Most nodes that control flow of a model may be written out in. */
const MAX_WRITTEN = 100_000;

/** Operators with subgraphs. */
export const CONTROL_FLOW: readonly string[] = ['Loop', 'Scan', 'If', 'SequenceMap'];

export const isControlFlow = ({ op, domain, subgraphs }: GraphNode): boolean =>
  domain === '' && CONTROL_FLOW.includes(op) && subgraphs !== undefined;

type Names = ReadonlyMap<string, string>;

/** Thrown where a node of a subgraph could not be understood, which is noted already. */
class Abandoned extends Error {}

const scalar = (dtype: Tensor['dtype'], x: number): Tensor => ({ dtype, dims: [], data: Float64Array.of(x) });

/** One node of control flow being written out. */
class Expansion {
  private readonly constants = new Map<Subgraph, Names>();

  constructor(
    readonly node: GraphNode,
    readonly origin: string,
    readonly scope: Scope,
    private readonly budget: { left: number },
  ) {}

  body(key: string): Subgraph {
    const g = this.node.subgraphs?.[key];
    if (!g) throw new InputError('broken-onnx', `${this.node.name} has no ${key}`, 'export the model again');
    return g;
  }

  unsupported(what: string, hint: string): InputError {
    const { name, op } = this.node;
    return new InputError('dynamic-parameter', `${what} of ${name} (${op}) depends on the input's numbers`, hint, name);
  }

  /** The number of a tensor of one cell, where it is a constant. */
  known(name: string): number | undefined {
    const value = this.scope.infos.get(name)?.value;
    return value?.data.length === 1 ? value.data[0] : undefined;
  }

  constant(what: string, value: Tensor): string {
    const name = this.scope.fresh(`${this.node.name}/${what}`);
    this.scope.define(name, value);
    return name;
  }

  /** A node of this expansion's own; the name of its result. */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    output = '',
  ): string {
    const name = this.scope.fresh(`${this.node.name}/${op}`);
    const made = { name, op, domain: '', inputs, outputs: [output || name], attributes };
    this.spend(1);
    if (!this.scope.write(made, this.origin)) throw new Abandoned();
    return output || name;
  }

  /** Hands a tensor on under the name of an output of the node, where that is read. */
  give(index: number, make: () => string): void {
    const output = this.node.outputs[index];
    if (output && this.scope.isRead(output)) this.add('Identity', [make()], {}, output);
  }

  /** The body once, its inputs standing for `args`: the names of its outputs. */
  run(g: Subgraph, args: readonly string[], pass: number): string[] {
    if (g.inputs.length !== args.length)
      throw badShape(this.node, `its body takes ${g.inputs.length} inputs, not ${args.length}`);
    const names = new Map([...this.initializersOf(g), ...g.inputs.map((name, i) => [name, args[i]] as const)]);
    const resolve = (name: string): string => (name === '' ? '' : (names.get(name) ?? name));
    const { nodes, needed } = live(sorted(g.nodes), g.outputs);
    this.spend(1 + nodes.length);
    for (const n of nodes) {
      const read = withReads(n, resolve);
      const outputs = n.outputs.map((o) => {
        if (o === '') return '';
        if (names.has(o))
          throw new InputError('broken-onnx', `${o} has several origins`, 'export the model again', n.name);
        const name = this.scope.fresh(`${this.node.name}/${pass}/${o}`);
        names.set(o, name);
        if (needed.has(o)) this.scope.markRead(name);
        return name;
      });
      const name = this.scope.fresh(`${this.node.name}/${pass}/${n.name}`);
      if (!this.scope.write({ ...read, name, outputs }, n.name)) throw new Abandoned();
    }
    return g.outputs.map((o) => {
      const name = resolve(o);
      if (this.scope.infos.has(name) || this.scope.sequences.has(name)) return name;
      throw new InputError(
        'broken-onnx',
        `nothing produces ${o}, a result of ${this.node.name}`,
        'export the model again',
      );
    });
  }

  /** One tensor of parts along an axis that each of them lacks. */
  stack(parts: readonly string[], axis: number): string {
    if (parts.length === 0) throw badShape(this.node, 'it never runs, and its results would be empty');
    const axes = this.constant('axis', { dtype: 'int64', dims: [1], data: Float64Array.of(axis) });
    // Before operator set 13 the axes are an attribute.
    const old = this.scope.opset < 13;
    const apart = parts.map((p) =>
      old ? this.add('Unsqueeze', [p], { axes: [axis] }) : this.add('Unsqueeze', [p, axes]),
    );
    return apart.length === 1 ? apart[0] : this.add('Concat', apart, { axis });
  }

  rank(name: string): number {
    return this.scope.infos.get(name)?.dims.length ?? 0;
  }

  private initializersOf(g: Subgraph): Names {
    const known = this.constants.get(g);
    if (known) return known;
    const made = new Map([...g.initializers].map(([name, value]) => [name, this.constant(name, value)] as const));
    this.constants.set(g, made);
    return made;
  }

  private spend(nodes: number): void {
    this.budget.left -= nodes;
    if (this.budget.left >= 0) return;
    const { name, op } = this.node;
    const message = `${name} (${op}) is written out in more than ${MAX_WRITTEN} nodes`;
    throw new InputError('unsupported-operators', message, 'let it run less often', name);
  }
}

/** Inputs: the most passes, a condition, and what is carried along; of the body, the pass comes first. */
function loop(x: Expansion): void {
  const [most = '', first = '', ...given] = x.node.inputs;
  const body = x.body('body');
  const hint = 'export the model with a fixed number of passes';
  const passes = most === '' ? Number.POSITIVE_INFINITY : x.known(most);
  if (passes === undefined) throw x.unsupported('the number of passes', hint);
  let condition = first === '' ? x.constant('condition', scalar('bool', 1)) : first;
  let carried = given;
  const collected: string[][] = body.outputs.slice(1 + given.length).map(() => []);
  for (let pass = 0; pass < passes; pass++) {
    const goes = x.known(condition);
    if (goes === undefined) throw x.unsupported('the condition', hint);
    if (goes === 0) break;
    const results = x.run(body, [x.constant('pass', scalar('int64', pass)), condition, ...carried], pass);
    condition = results[0];
    carried = results.slice(1, 1 + given.length);
    collected.forEach((list, i) => {
      list.push(results[1 + given.length + i]);
    });
  }
  carried.forEach((name, i) => {
    x.give(i, () => name);
  });
  collected.forEach((list, i) => {
    x.give(given.length + i, () => x.stack(list, 0));
  });
}

/** Inputs: what is carried along, then what is read slice by slice. */
function scan(x: Expansion): void {
  const { node } = x;
  const body = x.body('body');
  if (x.scope.opset < 9) {
    const message = `${node.name} (Scan) of operator set 8 is not supported`;
    throw new InputError('unsupported-attribute', message, 'export with opset 9 or later', node.name);
  }
  const count = numberAttribute(node, 'num_scan_inputs', 0);
  const states = node.inputs.length - count;
  if (!(count >= 1) || states < 0)
    throw badShape(node, `${count} of its ${node.inputs.length} inputs are read in slices`);
  const directions = listAttribute(node, 'scan_input_directions') ?? [];
  const axes = listAttribute(node, 'scan_input_axes') ?? [];
  const sources = node.inputs.slice(states).map((name, i) => {
    const dims = x.scope.infos.get(name)?.dims ?? [];
    const axis = normalAxis(node, axes[i] ?? 0, dims.length);
    return { name, axis, length: dims[axis], isReversed: directions[i] === 1 };
  });
  const [{ length }] = sources;
  if (sources.some((s) => s.length !== length))
    throw badShape(node, `it reads ${sources.map((s) => s.length).join(' and ')} slices`);
  let carried = node.inputs.slice(0, states);
  const collected: string[][] = body.outputs.slice(states).map(() => []);
  for (let pass = 0; pass < length; pass++) {
    const slices = sources.map((s) => {
      const at = x.constant('position', scalar('int64', s.isReversed ? length - 1 - pass : pass));
      return x.add('Gather', [s.name, at], { axis: s.axis });
    });
    const results = x.run(body, [...carried, ...slices], pass);
    carried = results.slice(0, states);
    collected.forEach((list, i) => {
      list.push(results[states + i]);
    });
  }
  carried.forEach((name, i) => {
    x.give(i, () => name);
  });
  const outAxes = listAttribute(node, 'scan_output_axes') ?? [];
  const outDirections = listAttribute(node, 'scan_output_directions') ?? [];
  collected.forEach((list, i) => {
    x.give(states + i, () => {
      const axis = normalAxis(node, outAxes[i] ?? 0, x.rank(list[0]) + 1);
      return x.stack(outDirections[i] === 1 ? list.reverse() : list, axis);
    });
  });
}

function branch(x: Expansion): void {
  const { node } = x;
  const [condition] = node.inputs;
  const known = x.known(condition);
  if (known !== undefined) {
    const key = known === 0 ? 'else_branch' : 'then_branch';
    x.scope.decided(x.origin, key);
    x.run(x.body(key), [], 0).forEach((name, i) => {
      x.give(i, () => name);
    });
    return;
  }
  const yes = x.run(x.body('then_branch'), [], 1);
  const no = x.run(x.body('else_branch'), [], 0);
  node.outputs.forEach((output, i) => {
    if (output === '' || !x.scope.isRead(output)) return;
    const [a, b] = [yes[i], no[i]].map((name) => x.scope.infos.get(name)?.dims.join());
    if ([yes[i], no[i]].some((name) => x.scope.sequences.has(name)))
      throw x.unsupported('a sequence', 'export the model with one of its branches');
    if (a === undefined || a !== b) throw x.unsupported('the shape', 'export the model with one of its branches');
    x.add('Where', [condition, yes[i], no[i]], {}, output);
  });
}

/** Inputs: a sequence, then sequences of as many tensors, and tensors that every pass reads. */
function map(x: Expansion): void {
  const { node, scope } = x;
  const lists = node.inputs.map((name) => scope.sequences.get(name));
  const [first] = lists;
  if (first === undefined || first === 'nothing') throw badShape(node, 'its first input is no sequence');
  const body = x.body('body');
  const passes = first.map((_, pass) =>
    x.run(
      body,
      node.inputs.map((name, i) => {
        const list = lists[i];
        if (list === undefined || list === 'nothing') return name;
        if (list.length !== first.length)
          throw badShape(node, `sequences of ${first.length} and ${list.length} tensors`);
        return list[pass];
      }),
      pass,
    ),
  );
  node.outputs.forEach((output, i) => {
    if (output !== '')
      scope.sequences.set(
        output,
        passes.map((results) => results[i]),
      );
  });
}

const WRITERS: Readonly<Record<string, (x: Expansion) => void>> = {
  Loop: loop,
  Scan: scan,
  If: branch,
  SequenceMap: map,
};

/** What all the control flow of a model may still be written out in. */
export const controlFlowBudget = (): { left: number } => ({ left: MAX_WRITTEN });

/**
 * Writes the nodes that a Loop, Scan or If stands for.
 * @returns false where a node within cannot be understood, which is noted
 * @throws InputError where passes, conditions or shapes depend on data, or there are too many nodes
 */
export function writeControlFlow(node: GraphNode, origin: string, scope: Scope, budget: { left: number }): boolean {
  try {
    WRITERS[node.op](new Expansion(node, origin, scope, budget));
    return true;
  } catch (cause) {
    if (cause instanceof Abandoned) return false;
    throw cause;
  }
}
