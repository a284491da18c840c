/**
 * From the file's graph to one that can be compiled: sorted, with every shape known, constants folded, and only
 * operators that are known. Each pass takes a graph and gives a graph.
 */
import { InputError } from '../base/errors.js';
import { bindInputs, type InputShapes } from './bind-inputs.js';
import { askWhatIsHidden, boundMasks, checkFinite, checkNames, dropDead, sortNodes } from './check-graph.js';
import type { DecodedModel } from './decode.js';
import { foldBatchNormalization } from './fold-batch-normalization.js';
import { fuseFunctions } from './fuse-functions.js';
import { fuseLogSums } from './fuse-log-sums.js';
import { fuseNormalizations } from './fuse-normalizations.js';
import { fuseSelections } from './fuse-selections.js';
import { fuseSteps } from './fuse-steps.js';
import { fuseWeightedSums } from './fuse-weighted-sums.js';
import type { Graph, GraphNode } from './graph.js';
import { inferShapes, isKnown, type Semantics } from './infer-shapes.js';
import { INTERNAL_DOMAIN } from './internal.js';
import { reasonAgainst } from './refusals.js';
import { splitProducts } from './split-products.js';
import { nestedNodes } from './subgraphs.js';

export interface ResolveOptions {
  readonly semantics: Semantics;
  /** Shapes of the inputs, where the file leaves them open. */
  readonly inputShapes?: InputShapes;
}

/** @throws InputError with every unsupported node, or the first thing else that is wrong */
export function resolveGraph(model: DecodedModel, options: ResolveOptions): Graph {
  checkNames(model.graph);
  let graph = dropDead(sortNodes(model.graph));
  checkOperators(graph, options.semantics);
  graph = fuseLogSums(boundMasks(askWhatIsHidden(graph)));
  checkFinite(graph);
  const inferred = inferShapes(graph, bindInputs(model, options.inputShapes), options.semantics);
  throwErrors(inferred.errors);
  graph = withValues(boundMasks(askWhatIsHidden(inferred.graph)));
  graph = fixOutputs(graph);
  graph = dropDead(bypass(graph));
  graph = dropDead(foldBatchNormalization(graph));
  graph = fuseSelections(dropDead(fuseNormalizations(graph)));
  graph = splitProducts(fuseWeightedSums(fuseFunctions(fuseSteps(graph))));
  checkFinite(graph);
  if (graph.nodes.length === 0) {
    throw new InputError('empty-model', 'the model computes nothing from its inputs', 'check the file and its outputs');
  }
  return dropUnreadTensors(graph);
}

function checkOperators(graph: Graph, semantics: Semantics): void {
  // Which branch is taken is known later.
  const nodes = nestedNodes(graph.nodes, (n) => n.op !== 'If');
  const bad = nodes.filter((n) => !isKnown(semantics, n));
  if (bad.length === 0) return;
  const list = bad.map((n) => {
    const reason = reasonAgainst(n);
    return `${n.name} (${n.domain ? `${n.domain}.` : ''}${n.op})${reason ? `, as ${reason}` : ''}`;
  });
  const ops = [...new Set(bad.map((n) => n.op))].join(', ');
  throw new InputError(
    'unsupported-operators',
    `${bad.length} node${bad.length > 1 ? 's are' : ' is'} not supported: ${list.join('; ')}`,
    `replace ${ops} in the model, or export it with simpler operators (dsperse inspect lists what is there)`,
    bad[0].name,
  );
}

/** What is known of constants, where they were changed. */
function withValues(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  for (const [name, value] of graph.initializers) {
    const info = tensors.get(name);
    if (info && info.value !== value) tensors.set(name, { ...info, value });
  }
  return { ...graph, tensors };
}

function throwErrors(errors: readonly InputError[]): void {
  if (errors.length === 0) return;
  const [first] = errors;
  const alike = errors.filter((e) => e.code === first.code);
  if (alike.length === 1) throw first;
  throw new InputError(first.code, alike.map((e) => e.message).join('; '), first.hint, first.node, { cause: first });
}

/** Outputs that do not depend on the inputs are made by a node like all others. */
function fixOutputs(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const tensors = new Map(graph.tensors);
  const nodes = graph.outputs.flatMap((output): GraphNode[] => {
    const value = initializers.get(output);
    if (!value) return [];
    const source = `${output}·constant`;
    initializers.set(source, value);
    tensors.set(source, { dtype: value.dtype, dims: value.dims, value });
    tensors.set(output, { dtype: value.dtype, dims: value.dims });
    return [
      { name: source, op: 'Fixed', domain: INTERNAL_DOMAIN, inputs: [source], outputs: [output], attributes: {} },
    ];
  });
  if (nodes.length === 0) return graph;
  // What else reads an output's name reads its value.
  const sources = new Map(nodes.map((n) => [n.outputs[0], n.inputs[0]]));
  for (const output of sources.keys()) initializers.delete(output);
  const readers = graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map((i) => sources.get(i) ?? i) }));
  return { ...graph, initializers, tensors, nodes: [...readers, ...nodes] };
}

const PASS_THROUGH = new Set(['Identity', 'Dropout']);

/** The input that a choice with a constant condition takes in every cell. */
function onlyChoice(graph: Graph, n: GraphNode): number | undefined {
  const condition = n.op === 'Where' && n.domain === '' ? graph.initializers.get(n.inputs[0])?.data : undefined;
  if (!condition || condition.length === 0 || condition.some((x) => (x !== 0) !== (condition[0] !== 0)))
    return undefined;
  const chosen = condition[0] !== 0 ? 1 : 2;
  const [own, out] = [n.inputs[chosen], n.outputs[0]].map((name) => graph.tensors.get(name)?.dims ?? []);
  return own.length === out.length && own.every((d, i) => d === out[i]) ? chosen : undefined;
}

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
    const handed = PASS_THROUGH.has(n.op) || isFloatCast ? 0 : onlyChoice(graph, n);
    if (handed !== undefined && !outputs.has(n.outputs[0])) {
      alias.set(n.outputs[0], inputs[handed]);
      return [];
    }
    return [{ ...n, inputs }];
  });
  return { ...graph, nodes };
}

/** Lets go of the numbers that folding has used up. */
function dropUnreadTensors(graph: Graph): Graph {
  const named = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...graph.nodes.flatMap((n) => [...n.inputs, ...n.outputs]),
  ]);
  return { ...graph, tensors: new Map([...graph.tensors].filter(([name]) => named.has(name))) };
}
