/**
 * Builds ONNX graphs with seeded weights, operator by operator.
 *
 * Weights follow He et al. 2015 (Delving deep into rectifiers, §2.2): uniform, of variance 2 / fan-in before a Relu and
 * 1 / fan-in elsewhere. The builder follows the mean square of every tensor through the graph ("power"), so that batch
 * normalisations can be given the statistics that a trained network would have, and values stay near one at any depth.
 */
import { type Attribute, encodeOnnx, type GraphNode, type Tensor } from '@dsperse/core/graph';
import { Random } from './random.js';

/** A tensor of the graph that is being built. */
export interface Edge {
  readonly name: string;
  readonly dims: readonly number[];
  /** Expected square of an element. */
  readonly power: number;
}

export interface ConvOptions {
  readonly outputs: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: number;
  /** 1, or as many as there are channels (depthwise). */
  readonly groups?: number;
  readonly bias?: boolean;
}

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export class ModelBuilder {
  /** Numbers that training would set: weights and biases, but not the statistics of batch normalisation. */
  parameters = 0;
  private readonly random: Random;
  private readonly nodes: GraphNode[] = [];
  private readonly initializers = new Map<string, Tensor>();
  private readonly inputs: { readonly edge: Edge; readonly dtype: 'float32' | 'int64' }[] = [];

  constructor(
    private readonly modelName: string,
    seed: number,
  ) {
    this.random = new Random(seed);
  }

  /** An input of the model, of numbers with the given mean square. */
  input(name: string, dims: readonly number[], power: number, dtype: 'float32' | 'int64' = 'float32'): Edge {
    const edge = { name, dims, power };
    this.inputs.push({ edge, dtype });
    return edge;
  }

  /** The tensor under a name of its own, as an output. */
  named(name: string, x: Edge): Edge {
    this.nodes.push({ name, op: 'Identity', domain: '', inputs: [x.name], outputs: [name], attributes: {} });
    return { ...x, name };
  }

  /** A node with one output. */
  node(
    op: string,
    inputs: readonly (Edge | string)[],
    dims: readonly number[],
    power: number,
    attributes: Record<string, Attribute> = {},
  ): Edge {
    const name = `${op.toLowerCase()}_${this.nodes.length}`;
    const inputNames = inputs.map((i) => (typeof i === 'string' ? i : i.name));
    this.nodes.push({ name, op, domain: '', inputs: inputNames, outputs: [`${name}_out`], attributes });
    return { name: `${name}_out`, dims, power };
  }

  /** A trained tensor, each number made by `draw`. */
  parameter(name: string, dims: readonly number[], draw: (random: Random) => number): string {
    this.parameters += size(dims);
    return this.store(name, dims, draw);
  }

  /** A tensor that is part of the architecture: bounds, masks, shapes. */
  constant(name: string, dims: readonly number[], numbers: readonly number[], dtype: 'float32' | 'int64' = 'float32') {
    this.initializers.set(name, { dtype, dims, data: Float64Array.from(numbers) });
    return name;
  }

  conv(x: Edge, o: ConvOptions): Edge {
    const { outputs, kernel, stride = 1, pad = 0, groups = 1, bias = true } = o;
    const [batch, channels, height, width] = x.dims;
    const fanIn = (channels / groups) * kernel * kernel;
    const at = `conv_${this.nodes.length}`;
    const inputs: (Edge | string)[] = [
      x,
      this.parameter(`${at}.weight`, [outputs, channels / groups, kernel, kernel], (r) =>
        r.spread(Math.sqrt(2 / fanIn)),
      ),
    ];
    if (bias) inputs.push(this.parameter(`${at}.bias`, [outputs], (r) => r.spread(0.05)));
    const after = (n: number) => Math.floor((n + 2 * pad - kernel) / stride) + 1;
    return this.node('Conv', inputs, [batch, outputs, after(height), after(width)], 2 * x.power, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [1, 1],
      group: groups,
    });
  }

  /** Batch normalisation whose statistics fit x; `gain` is the standard deviation it gives. */
  batchNormalization(x: Edge, gain = 1): Edge {
    const at = `bn_${this.nodes.length}`;
    const dims = [x.dims[1]];
    const deviation = Math.sqrt(x.power);
    const inputs = [
      x,
      this.parameter(`${at}.weight`, dims, (r) => gain * r.between(0.9, 1.1)),
      this.parameter(`${at}.bias`, dims, (r) => gain * r.spread(0.1)),
      this.store(`${at}.running_mean`, dims, (r) => r.spread(0.1 * deviation)),
      this.store(`${at}.running_var`, dims, (r) => x.power * r.between(0.8, 1.2)),
    ];
    return this.node('BatchNormalization', inputs, x.dims, gain * gain, { 'float:epsilon': 1e-5 });
  }

  relu(x: Edge): Edge {
    return this.node('Relu', [x], x.dims, x.power / 2);
  }

  /** Clip to 0 … 6. */
  relu6(x: Edge): Edge {
    if (!this.initializers.has('clip.min')) {
      this.constant('clip.min', [], [0]);
      this.constant('clip.max', [], [6]);
    }
    return this.node('Clip', [x, 'clip.min', 'clip.max'], x.dims, x.power / 2);
  }

  maxPool(x: Edge, kernel: number, stride: number, pad = 0, ceil = false): Edge {
    return this.pool('MaxPool', x, kernel, stride, pad, ceil);
  }

  averagePool(x: Edge, kernel: number, stride: number): Edge {
    return this.pool('AveragePool', x, kernel, stride, 0, false);
  }

  private pool(op: string, x: Edge, kernel: number, stride: number, pad: number, ceil: boolean): Edge {
    const round = ceil ? Math.ceil : Math.floor;
    const after = (n: number) => round((n + 2 * pad - kernel) / stride) + 1;
    const [batch, channels, height, width] = x.dims;
    return this.node(op, [x], [batch, channels, after(height), after(width)], x.power, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      ceil_mode: ceil ? 1 : 0,
    });
  }

  globalAveragePool(x: Edge): Edge {
    return this.node('GlobalAveragePool', [x], [...x.dims.slice(0, 2), 1, 1], x.power / 2);
  }

  flatten(x: Edge): Edge {
    return this.node('Flatten', [x], [x.dims[0], size(x.dims.slice(1))], x.power, { axis: 1 });
  }

  /** x · Wᵀ + b; `last` where no Relu follows. */
  gemm(x: Edge, outputs: number, last = false): Edge {
    const fanIn = x.dims[1];
    const gain = last ? 1 : 2;
    const at = `gemm_${this.nodes.length}`;
    const inputs = [
      x,
      this.parameter(`${at}.weight`, [outputs, fanIn], (r) => r.spread(Math.sqrt(gain / fanIn))),
      this.parameter(`${at}.bias`, [outputs], (r) => r.spread(0.05)),
    ];
    return this.node('Gemm', inputs, [x.dims[0], outputs], gain * x.power, { transB: 1 });
  }

  add(x: Edge, y: Edge): Edge {
    return this.node('Add', [x, y], x.dims, x.power + y.power);
  }

  concat(parts: readonly Edge[], axis: number): Edge {
    const dims = parts[0].dims.map((d, k) => (k === axis ? parts.reduce((n, p) => n + p.dims[axis], 0) : d));
    const power = parts.reduce((sum, p) => sum + p.power * size(p.dims), 0) / size(dims);
    return this.node('Concat', parts, dims, power, { axis });
  }

  /** The ONNX file, opset 13. */
  finish(...outputs: readonly Edge[]): Uint8Array {
    const edges = [...this.inputs, ...outputs.map((edge) => ({ edge, dtype: 'float32' as const }))];
    return encodeOnnx({
      name: this.modelName,
      opset: 13,
      inputs: this.inputs.map(({ edge }) => edge.name),
      outputs: outputs.map((o) => o.name),
      nodes: this.nodes,
      initializers: this.initializers,
      tensors: new Map(edges.map(({ edge, dtype }) => [edge.name, { dtype, dims: edge.dims }])),
    });
  }

  private store(name: string, dims: readonly number[], draw: (random: Random) => number): string {
    const data = new Float64Array(size(dims));
    for (let i = 0; i < data.length; i++) data[i] = Math.fround(draw(this.random));
    this.initializers.set(name, { dtype: 'float32', dims, data });
    return name;
  }
}
