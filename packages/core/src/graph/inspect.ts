/** What a model is made of, as far as it can be said: also of models that cannot be compiled. */
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import { numberAttribute } from './attributes.js';
import { bindInputs, type InputShapes } from './bind-inputs.js';
import { checkFinite, checkNames, dropDead, sortNodes } from './check-graph.js';
import { type DeclaredTensor, type DecodedModel, decodeOnnx } from './decode.js';
import type { ExternalData } from './external-data.js';
import type { DType, Graph, GraphNode, TensorInfo } from './graph.js';
import { inferShapes, isKnown, type Semantics } from './infer-shapes.js';
import { reasonAgainst } from './refusals.js';
import { resolveGraph } from './resolve.js';
import { nestedNodes } from './subgraphs.js';

export interface InspectOptions {
  readonly semantics: Semantics;
  readonly inputShapes?: InputShapes;
  readonly externalData?: ExternalData;
  /** Of a graph whose shapes are known, what stands against integers for it (program/unsupported.ts). */
  readonly unsupportedIn?: (graph: Graph) => readonly InputError[];
}

export interface TensorReport {
  readonly name: string;
  readonly dtype: DType;
  /** Numbers, or names of open dimensions ('?' where they have none). */
  readonly dims: readonly (number | string)[];
}

export interface NodeReport {
  readonly name: string;
  readonly op: string;
  /** Without dims where the shape could not be told. */
  readonly outputs: readonly { readonly name: string; readonly dims?: readonly number[] }[];
  /** Numbers in the node's constant floating-point inputs. */
  readonly parameters: number;
  readonly multiplications: number;
}

export interface UnsupportedNode {
  readonly node: string;
  readonly op: string;
  /** '' for the standard operators. */
  readonly domain: string;
  /** What stands in the way, or what to do. */
  readonly hint: string;
}

export interface ModelReport {
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly TensorReport[];
  readonly outputs: readonly TensorReport[];
  /** The nodes that would be compiled; where the model does not resolve, those of the file that are not constants. */
  readonly nodes: readonly NodeReport[];
  /** Number of nodes in the file, those of subgraphs among them, by operator. */
  readonly operators: Readonly<Record<string, number>>;
  /** Numbers in the floating-point constants that nodes read. */
  readonly parameters: number;
  /** Of Conv, Gemm and MatMul, for one run of the model. */
  readonly multiplications: number;
  readonly unsupported: readonly UnsupportedNode[];
  /** What else is wrong with the model, one line each. */
  readonly issues: readonly string[];
  /** What is proven in another form than the model says it, one line each. */
  readonly notes: readonly string[];
}

/** Errors that say a node cannot be computed, rather than that its shapes are wrong. */
const UNSUPPORTED = new Set([
  'unsupported-operators',
  'unsupported-attribute',
  'unsupported-output',
  'unsupported-dtype',
  'dynamic-parameter',
]);

const HINT = 'replace it in the model, or export it with simpler operators';

/**
 * Reports on a model whatever is wrong with it, so long as it is an ONNX file.
 * @throws InputError where the bytes cannot be decoded
 */
export function inspectModel(bytes: Uint8Array, options: InspectOptions): ModelReport {
  const unread: string[] = [];
  const model = decodeOnnx(bytes, {
    externalData: options.externalData,
    onUnread: (e) => unread.push(issueOf(e)),
  });
  const issues: string[] = [];
  const unsupported: UnsupportedNode[] = [];
  let graph = unread.length === 0 ? attempt(issues, () => resolveGraph(model, options)) : undefined;
  if (!graph) {
    issues.length = 0;
    graph = understand(model, options, unsupported, issues);
  }
  for (const issue of unread) if (!issues.includes(issue)) issues.push(issue);
  // What was written out in others is told of under its own name.
  const own = new Map(nestedNodes(model.graph.nodes).map((n) => [n.name, n]));
  const told = new Set(unsupported.map((u) => u.node));
  for (const e of options.unsupportedIn?.(graph) ?? []) {
    const name = [...own.keys()].find((k) => e.node === k || e.node?.startsWith(`${k}/`));
    const n = own.get(name ?? '');
    if (!n || told.has(n.name)) continue;
    told.add(n.name);
    unsupported.push({
      node: n.name,
      op: n.op,
      domain: n.domain,
      hint: e.hint ? `${e.message}: ${e.hint}` : e.message,
    });
  }
  const nodes = graph.nodes.map((n) => reportNode(n, graph));
  const weights = new Set(graph.nodes.flatMap((n) => n.inputs.filter((i) => isWeight(graph, i))));
  return {
    name: model.graph.name,
    opset: model.graph.opset,
    inputs: model.graph.inputs.map((name) => reportTensor(name, graph, model)),
    outputs: model.graph.outputs.map((name) => reportTensor(name, graph, model)),
    nodes,
    operators: countOperators(nestedNodes(model.graph.nodes)),
    parameters: [...weights].reduce((n, name) => n + cellsOf(graph, name), 0),
    multiplications: nodes.reduce((n, { multiplications }) => n + multiplications, 0),
    unsupported,
    issues,
    notes: textLabels(model.graph.nodes),
  };
}

/** Texts among the labels that a note shows. */
const MOST_LABELS = 8;

/** Classifiers that name classes by texts. */
function textLabels(nodes: readonly GraphNode[]): string[] {
  return nodes.flatMap((n) => {
    const labels = n.attributes.classlabels_strings;
    if (!Array.isArray(labels) || labels.length === 0) return [];
    const shown = labels.slice(0, MOST_LABELS).map((l, i) => `${i} is ${l}`);
    const more = labels.length > MOST_LABELS ? `, and ${labels.length - MOST_LABELS} more` : '';
    return [
      `${n.outputs[0] ?? n.name} gives positions of the labels of ${n.name} (${n.op}): ${shown.join(', ')}${more}`,
    ];
  });
}

const issueOf = (e: InputError): string => (e.hint ? `${e.message} (${e.hint})` : e.message);

/** Runs a pass; what it finds wrong is an issue. */
function attempt<T>(issues: string[], pass: () => T): T | undefined {
  try {
    return pass();
  } catch (e) {
    if (!(e instanceof InputError)) throw e;
    issues.push(issueOf(e));
    return undefined;
  }
}

/** As much as can be said of a model that does not resolve. */
function understand(
  model: DecodedModel,
  options: InspectOptions,
  unsupported: UnsupportedNode[],
  issues: string[],
): Graph {
  attempt(issues, () => checkNames(model.graph));
  const sorted = attempt(issues, () => sortNodes(model.graph));
  if (!sorted) return model.graph;
  const graph = dropDead(sorted);
  attempt(issues, () => checkFinite(graph));
  const inferred = inferShapes(graph, bindSome(model, options.inputShapes, issues), options.semantics);
  // All nodes but those of branches that are not taken.
  const all = nestedNodes(graph.nodes, (n, key) => (inferred.branches.get(n.name) ?? key) === key);
  const unknown = new Set(all.filter((n) => !isKnown(options.semantics, n)));
  for (const n of unknown)
    unsupported.push({ node: n.name, op: n.op, domain: n.domain, hint: reasonAgainst(n) ?? HINT });
  const byName = new Map(all.map((n) => [n.name, n]));
  for (const e of inferred.errors) {
    const n = byName.get(e.node ?? '');
    if (n && unknown.has(n)) continue;
    if (n && UNSUPPORTED.has(e.code))
      unsupported.push({ node: n.name, op: n.op, domain: n.domain, hint: `${e.message}: ${e.hint}` });
    else issues.push(e.message);
  }
  if (issues.length === 0 && unsupported.length === 0) attempt(issues, () => resolveGraph(model, options));
  const folded = (n: GraphNode) => n.outputs.every((o) => o === '' || inferred.graph.initializers.has(o));
  const understood = new Map(inferred.graph.nodes.map((n) => [n.name, n]));
  const nodes = graph.nodes.filter((n) => !folded(n)).map((n) => understood.get(n.name) ?? n);
  return { ...inferred.graph, nodes };
}

/** Shapes of the inputs that have one. */
function bindSome(model: DecodedModel, shapes: InputShapes = {}, issues: string[]): Map<string, TensorInfo> {
  const all = attempt(issues, () => bindInputs(model, shapes));
  if (all) return all;
  const infos = new Map<string, TensorInfo>();
  for (const name of model.graph.inputs) {
    const alone = { ...model, graph: { ...model.graph, inputs: [name] } };
    const found: string[] = [];
    const bound = attempt(found, () => bindInputs(alone, shapes[name] ? { [name]: shapes[name] } : {}));
    for (const [key, info] of bound ?? []) infos.set(key, info);
    for (const issue of found) if (!issues.includes(issue)) issues.push(issue);
  }
  return infos;
}

const isWeight = (graph: Graph, name: string): boolean =>
  graph.initializers.get(name)?.dtype.includes('float') ?? false;

const cellsOf = (graph: Graph, name: string): number => graph.initializers.get(name)?.data.length ?? 0;

function reportNode(n: GraphNode, graph: Graph): NodeReport {
  const outputs = n.outputs.filter((o) => o !== '').map((name) => ({ name, dims: graph.tensors.get(name)?.dims }));
  const parameters = [...new Set(n.inputs)].reduce((sum, i) => sum + (isWeight(graph, i) ? cellsOf(graph, i) : 0), 0);
  return { name: n.name, op: n.op, outputs, parameters, multiplications: multiplicationsOf(n, graph) };
}

/** Products of Conv, Gemm and MatMul: cells of the output times terms of each sum. */
function multiplicationsOf(n: GraphNode, graph: Graph): number {
  const out = graph.tensors.get(n.outputs[0])?.dims;
  const a = graph.tensors.get(n.inputs[0])?.dims;
  const b = graph.tensors.get(n.inputs[1])?.dims;
  if (!out || !a || !b || n.domain !== '') return 0;
  if (n.op === 'Conv') return sizeOf(out) * sizeOf(b.slice(1));
  if (n.op === 'Gemm') return sizeOf(out) * a[numberAttribute(n, 'transA', 0) ? 0 : 1];
  if (n.op === 'MatMul') return sizeOf(out) * a[a.length - 1];
  return 0;
}

function reportTensor(name: string, graph: Graph, model: DecodedModel): TensorReport {
  const known = graph.tensors.get(name);
  if (known) return { name, dtype: known.dtype, dims: known.dims };
  const declared: DeclaredTensor | undefined = model.declared.get(name);
  const dims = declared?.dims.map((d) => (typeof d === 'string' || d <= 0 ? d || '?' : d)) ?? [];
  return { name, dtype: declared?.dtype ?? 'float32', dims };
}

function countOperators(nodes: readonly GraphNode[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const n of nodes) {
    const op = n.domain ? `${n.domain}.${n.op}` : n.op;
    counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
