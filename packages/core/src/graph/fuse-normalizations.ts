/** Standardisations of rows (LayerNormalization, RMSNormalization) that are written out in primitives. */
import { sizeOf } from '../base/dims.js';
import { normalAxis, numberAttribute } from './attributes.js';
import type { Graph, GraphNode, Tensor, TensorInfo } from './graph.js';
import { INTERNAL_DOMAIN } from './internal.js';

interface Match {
  readonly x: string;
  readonly axes: readonly number[];
  readonly center: 0 | 1;
  readonly epsilon: number;
}

class Matcher {
  private readonly producer = new Map<string, GraphNode>();

  constructor(private readonly graph: Graph) {
    for (const n of graph.nodes) for (const o of n.outputs) this.producer.set(o, n);
  }

  private made(name: string, ...ops: string[]): GraphNode | undefined {
    const n = this.producer.get(name);
    return n && n.domain === '' && ops.includes(n.op) ? n : undefined;
  }

  private number(name: string | undefined): number | undefined {
    const value = this.graph.initializers.get(name ?? '');
    return value?.data.length === 1 ? value.data[0] : undefined;
  }

  /** The axes of a mean that keeps them. */
  private meanAxes(n: GraphNode): number[] | undefined {
    if (numberAttribute(n, 'keepdims', 1) !== 1) return undefined;
    const rank = this.graph.tensors.get(n.inputs[0])?.dims.length ?? 0;
    const given = this.graph.initializers.get(n.inputs[1] ?? '')?.data ?? (n.attributes.axes as number[] | undefined);
    return given && [...given].map((a) => normalAxis(n, a, rank)).sort((a, b) => a - b);
  }

  /** v where the tensor is sqrt(v). */
  private rootOf(name: string): string | undefined {
    const n = this.made(name, 'Sqrt', 'Pow');
    return n && (n.op === 'Sqrt' || this.number(n.inputs[1]) === 0.5) ? n.inputs[0] : undefined;
  }

  /** v where the tensor is 1 / sqrt(v). */
  private inverseRootOf(name: string): string | undefined {
    const n = this.made(name, 'Reciprocal', 'Pow', 'Div');
    if (n?.op === 'Reciprocal') return this.rootOf(n.inputs[0]);
    if (n?.op === 'Div' && this.number(n.inputs[0]) === 1) return this.rootOf(n.inputs[1]);
    return n?.op === 'Pow' && this.number(n.inputs[1]) === -0.5 ? n.inputs[0] : undefined;
  }

  /** x and its axes where the tensor is x - mean x. */
  private centred(name: string): { x: string; axes: number[] } | undefined {
    const n = this.made(name, 'Sub');
    const mean = n && this.made(n.inputs[1], 'ReduceMean');
    const axes = mean && mean.inputs[0] === n.inputs[0] ? this.meanAxes(mean) : undefined;
    return n && axes ? { x: n.inputs[0], axes } : undefined;
  }

  /** d / sqrt(mean d² + epsilon), d being the tensor or equal to it. */
  private over(d: string, variance: string): Match | undefined {
    const sum = this.made(variance, 'Add');
    const at = sum?.inputs.findIndex((i) => this.number(i) !== undefined) ?? -1;
    if (!sum || at < 0) return undefined;
    const mean = this.made(sum.inputs[1 - at], 'ReduceMean');
    const axes = mean && this.meanAxes(mean);
    const square = mean && this.made(mean.inputs[0], 'Mul', 'Pow');
    if (!axes || !square) return undefined;
    const isSquare = square.op === 'Mul' ? square.inputs[0] === square.inputs[1] : this.number(square.inputs[1]) === 2;
    const [own, other] = [this.centred(d), this.centred(square.inputs[0])];
    const same =
      square.inputs[0] === d || (own && other && own.x === other.x && String(own.axes) === String(other.axes));
    if (!isSquare || !same) return undefined;
    const epsilon = this.number(sum.inputs[at]) as number;
    if (own && String(own.axes) === String(axes)) return { x: own.x, axes, center: 1, epsilon };
    return { x: d, axes, center: 0, epsilon };
  }

  match(n: GraphNode): Match | undefined {
    if (n.domain !== '' || n.inputs.length !== 2) return undefined;
    const [a, b] = n.inputs;
    if (n.op === 'Div') {
      const variance = this.rootOf(b);
      return variance === undefined ? undefined : this.over(a, variance);
    }
    if (n.op !== 'Mul') return undefined;
    for (const [d, r] of [
      [a, b],
      [b, a],
    ]) {
      const variance = this.inverseRootOf(r);
      const found = variance === undefined ? undefined : this.over(d, variance);
      if (found) return found;
    }
    return undefined;
  }
}

/** The nodes that are no longer read are left to be removed. */
export function fuseNormalizations(graph: Graph): Graph {
  const matcher = new Matcher(graph);
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  let found = false;
  const nodes = graph.nodes.flatMap((n): GraphNode[] => {
    const m = matcher.match(n);
    const info = tensors.get(m?.x ?? '');
    if (!m || !info) return [n];
    found = true;
    const { dims, dtype } = info;
    const rest = dims.map((_, i) => i).filter((i) => !m.axes.includes(i));
    const perm = [...rest, ...m.axes];
    const moved = perm.map((i) => dims[i]);
    const width = sizeOf(m.axes.map((i) => dims[i]));
    const rows = [sizeOf(dims) / width, width];
    const made: GraphNode[] = [];
    const add = (op: string, x: string, to: readonly number[], extra: Partial<GraphNode>, last = false): string => {
      const name = last ? n.outputs[0] : `${n.name}/${op}-${made.length}`;
      tensors.set(name, { dtype, dims: to } as TensorInfo);
      made.push({ name, op, domain: '', inputs: [x], outputs: [name], attributes: {}, ...extra });
      return name;
    };
    const reshape = (x: string, to: readonly number[], last = false): string => {
      const shape = `${n.name}/shape-${made.length}`;
      const value: Tensor = { dtype: 'int64', dims: [to.length], data: Float64Array.from(to) };
      initializers.set(shape, value);
      tensors.set(shape, { dtype: 'int64', dims: [to.length], value });
      return add('Reshape', x, to, { inputs: [x, shape] }, last);
    };
    const straight = perm.every((p, i) => p === i);
    const ordered = straight ? m.x : add('Transpose', m.x, moved, { attributes: { perm } });
    const attributes = { epsilon: m.epsilon, center: m.center };
    const unit = add('Standardize', reshape(ordered, rows), rows, { domain: INTERNAL_DOMAIN, attributes });
    const shaped = reshape(unit, moved, straight);
    if (!straight) add('Transpose', shaped, dims, { attributes: { perm: perm.map((_, i) => perm.indexOf(i)) } }, true);
    return made;
  });
  return found ? { ...graph, nodes, initializers, tensors } : graph;
}
