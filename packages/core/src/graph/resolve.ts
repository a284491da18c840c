/**
 * From the file's graph to one that can be compiled: sorted, with every shape known, constants folded, and only
 * operators that are known. Each pass takes a graph and gives a graph.
 */
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { DeclaredTensor, DecodedModel } from './decode.js';
import { foldBatchNormalization } from './fold-batch-normalization.js';
import type { Graph, GraphNode, OpSemantics, Tensor, TensorInfo } from './graph.js';

export interface ResolveOptions {
  /** The operators known, by ONNX operator type and domain. */
  readonly semantics: (op: string, domain: string) => OpSemantics | undefined;
  /** Shapes of the inputs, overriding what the file says. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
}

export function resolveGraph(model: DecodedModel, options: ResolveOptions): Graph {
  let graph = checkNames(model.graph);
  graph = sortNodes(graph);
  graph = dropDead(graph);
  checkOperators(graph, options);
  graph = inferAndFold(graph, bindInputs(model, options), options);
  graph = dropDead(bypass(graph));
  graph = foldBatchNormalization(graph);
  graph = dropDead(graph);
  if (graph.nodes.length === 0) {
    throw new InputError('empty-model', 'the model computes nothing from its inputs', 'check the file and its outputs');
  }
  return graph;
}

/** Every name is produced once; weights are finite. */
function checkNames(graph: Graph): Graph {
  const produced = new Set<string>(graph.inputs);
  for (const name of graph.initializers.keys()) produced.add(name);
  for (const n of graph.nodes) {
    for (const o of n.outputs) {
      if (o === '') continue;
      if (produced.has(o))
        throw new InputError('broken-onnx', `two nodes produce ${o}`, 'export the model again', n.name);
      produced.add(o);
    }
  }
  const missing = [...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs].filter(
    (i) => i !== '' && !produced.has(i),
  );
  if (missing.length > 0) {
    throw new InputError(
      'broken-onnx',
      `nothing produces ${[...new Set(missing)].slice(0, 5).join(', ')}`,
      'export the model again',
    );
  }
  if (graph.outputs.length === 0)
    throw new InputError('broken-onnx', 'the model has no outputs', 'export the model again');
  for (const [name, t] of graph.initializers) {
    const at = t.data.findIndex((x) => !Number.isFinite(x));
    if (at >= 0) {
      throw new InputError(
        'non-finite-weight',
        `initializer ${name} holds ${t.data[at]} at ${at}`,
        'retrain or repair the weights',
      );
    }
  }
  return graph;
}

function sortNodes(graph: Graph): Graph {
  const producer = new Map<string, number>();
  graph.nodes.forEach((n, i) => {
    for (const o of n.outputs) producer.set(o, i);
  });
  const waiting = graph.nodes.map((n) => new Set(n.inputs.flatMap((i) => producer.get(i) ?? [])));
  const readers = graph.nodes.map(() => [] as number[]);
  waiting.forEach((set, i) => {
    for (const j of set) readers[j].push(i);
  });
  const ready = graph.nodes.flatMap((_, i) => (waiting[i].size === 0 ? [i] : []));
  const order: number[] = [];
  for (let at = 0; at < ready.length; at++) {
    const i = ready[at];
    order.push(i);
    for (const j of readers[i]) {
      waiting[j].delete(i);
      if (waiting[j].size === 0) ready.push(j);
    }
  }
  if (order.length !== graph.nodes.length) {
    const stuck = graph.nodes.find((_, i) => waiting[i].size > 0);
    throw new InputError(
      'cyclic-graph',
      `the graph has a cycle through ${stuck?.name}`,
      'export the model again',
      stuck?.name,
    );
  }
  // The file's own order is kept where it is already topological.
  const position = new Map(order.map((i, k) => [i, k]));
  const sorted = graph.nodes.every((n, i) => n.inputs.every((x) => (producer.get(x) ?? -1) < i));
  if (sorted) return graph;
  return {
    ...graph,
    nodes: [...graph.nodes.keys()]
      .sort((a, b) => (position.get(a) as number) - (position.get(b) as number))
      .map((i) => graph.nodes[i]),
  };
}

function dropDead(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const nodes: GraphNode[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const n = graph.nodes[i];
    if (!n.outputs.some((o) => needed.has(o))) continue;
    for (const x of n.inputs) needed.add(x);
    nodes.unshift(n);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, initializers };
}

function checkOperators(graph: Graph, options: ResolveOptions): void {
  const bad = graph.nodes.filter((n) => !options.semantics(n.op, n.domain));
  if (bad.length === 0) return;
  const list = bad.map((n) => `${n.name} (${n.domain ? `${n.domain}.` : ''}${n.op})`);
  const ops = [...new Set(bad.map((n) => n.op))].join(', ');
  throw new InputError(
    'unsupported-operators',
    `${bad.length} node${bad.length > 1 ? 's are' : ' is'} not supported: ${list.join(', ')}`,
    `replace ${ops} in the model, or export it with simpler operators (dsperse inspect lists what is there)`,
    bad[0].name,
  );
}

function bindInputs(model: DecodedModel, options: ResolveOptions): Map<string, TensorInfo> {
  const infos = new Map<string, TensorInfo>();
  for (const name of Object.keys(options.inputShapes ?? {})) {
    if (!model.graph.inputs.includes(name)) {
      throw new InputError(
        'unknown-input',
        `the model has no input ${name}`,
        `its inputs are ${model.graph.inputs.join(', ')}`,
      );
    }
  }
  for (const name of model.graph.inputs) {
    const declared = model.declared.get(name) as DeclaredTensor;
    const given = options.inputShapes?.[name];
    const dims = given ?? declared.dims.map((d, i) => (typeof d === 'number' && d !== 0 ? d : i === 0 ? 1 : d));
    const open = dims.find((d) => typeof d !== 'number');
    if (open !== undefined) {
      throw new InputError(
        'open-shape',
        `input ${name} has the shape [${declared.dims.map((d) => d || '?').join(', ')}]`,
        `bind it with --input-shape ${name}=${declared.dims.map((d, i) => (typeof d === 'number' ? d : i === 0 ? 1 : 'N')).join(',')}`,
      );
    }
    const fits =
      given === undefined ||
      (given.length === declared.dims.length &&
        declared.dims.every((d, i) => typeof d !== 'number' || d <= 0 || d === given[i]));
    if (!fits && declared.dims.length > 0) {
      throw new InputError(
        'bad-shape',
        `input ${name} has the shape [${declared.dims.join(', ')}], not [${given?.join(', ')}]`,
        'give a matching --input-shape',
      );
    }
    checkDims(name, dims as readonly number[]);
    infos.set(name, { dtype: declared.dtype, dims: dims as readonly number[] });
  }
  return infos;
}

function checkDims(name: string, dims: readonly number[]): void {
  if (dims.some((d) => !Number.isInteger(d) || d < 1) || sizeOf(dims) > 2 ** 28) {
    throw new InputError('bad-shape', `tensor ${name} has the shape [${dims}]`, 'every dimension must be at least 1');
  }
}

/** Largest tensor that constant folding may make. */
const MAX_FOLDED = 2 ** 26;

function inferAndFold(graph: Graph, infos: Map<string, TensorInfo>, options: ResolveOptions): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, t] of initializers) infos.set(name, { dtype: t.dtype, dims: t.dims, value: t });
  const nodes: GraphNode[] = [];
  for (const n of graph.nodes) {
    const semantics = options.semantics(n.op, n.domain) as OpSemantics;
    const inputs = n.inputs.map((i) => (i === '' ? undefined : infos.get(i)));
    const results = semantics.infer(n, inputs, graph.opset);
    const constant =
      n.inputs.every((i) => i === '' || infos.get(i)?.value) && results.every((r) => sizeOf(r.dims) <= MAX_FOLDED);
    if (constant || results.some((r) => r.value)) {
      const values = results.every((r) => r.value)
        ? results.map((r) => r.value as Tensor)
        : semantics.evaluate(
            n,
            inputs.map((i) => i?.value),
            graph.opset,
          );
      n.outputs.forEach((o, k) => {
        if (o === '') return;
        infos.set(o, { dtype: results[k].dtype, dims: values[k].dims, value: values[k] });
        initializers.set(o, values[k]);
      });
      continue;
    }
    n.outputs.forEach((o, k) => {
      if (o === '' || !results[k]) return;
      checkDims(o, results[k].dims);
      infos.set(o, results[k]);
    });
    nodes.push(n);
  }
  const constantOutputs = graph.outputs.filter((o) => initializers.has(o));
  if (constantOutputs.length > 0) {
    throw new InputError(
      'constant-output',
      `output ${constantOutputs[0]} does not depend on the inputs`,
      'remove it from the model',
    );
  }
  return { ...graph, nodes, initializers, tensors: infos };
}

const PASS_THROUGH = new Set(['Identity', 'Dropout']);

/** Removes nodes that hand their input on, unless they name a graph output. */
function bypass(graph: Graph): Graph {
  const alias = new Map<string, string>();
  const outputs = new Set(graph.outputs);
  const nodes = graph.nodes.flatMap((n): GraphNode[] => {
    const inputs = n.inputs.map((i) => alias.get(i) ?? i);
    const isFloatCast =
      n.op === 'Cast' &&
      graph.tensors.get(n.outputs[0])?.dtype.includes('float') &&
      graph.tensors.get(n.inputs[0])?.dtype.includes('float');
    if ((PASS_THROUGH.has(n.op) || isFloatCast) && !outputs.has(n.outputs[0])) {
      alias.set(n.outputs[0], inputs[0]);
      return [];
    }
    return [{ ...n, inputs }];
  });
  return { ...graph, nodes };
}
