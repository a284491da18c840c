/** From an ONNX file to an integer program in slices. */
import { decodeOnnx } from '../graph/decode.js';
import { type ExternalData, type Graph, InputError, inspectModel, resolveGraph } from '../graph/index.js';

import { semanticsOf } from '../layers/registry.js';
import type { ValueId } from '../relation/relation.js';
import type { BoundaryTensor, CompiledProgram, CompiledSlice, Precision } from './compiled.js';
import { type CutSlice, cutSlices } from './cut.js';
import { boundaryTensor, type LoweredGraph, lowerGraph, unsupportedIn } from './lower-graph.js';
import { openFloors, saturated, tameMasks } from './masks.js';
import { analyseRanges, observeRanges, type Ranges, type Sample } from './ranges.js';
import { planSlices, type SlicePlan } from './slice-plan.js';
import { workOf, workUnits } from './work.js';

export interface CompileOptions {
  /** `standard` where nothing is said. */
  readonly precision?: Precision;
  /** Sample inputs; without any, ranges come from seeded probes (ranges.ts). */
  readonly calibration?: readonly Sample[];
  /** Ranges recorded by an earlier compilation (CompiledProgram.ranges): the same program again. */
  readonly ranges?: Ranges;
  /** Shapes of inputs; open dimensions are otherwise taken from the first calibration sample. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>;
  readonly externalData?: ExternalData;
  /** `auto` where nothing is said. */
  readonly slices?: SlicePlan;
  readonly onProgress?: (stage: 'import' | 'calibrate' | 'lower' | 'slice', fraction: number) => void;
}

/**
 * Deterministic: the same file, samples and options give the same program on every machine.
 * @throws InputError where the model, the samples or the options cannot be used
 */
export function compileModel(model: Uint8Array, options: CompileOptions = {}): CompiledProgram {
  const { precision = 'standard', slices: plan = 'auto', onProgress } = options;
  onProgress?.('import', 0);
  let graph = importModel(model, options);
  onProgress?.('calibrate', 0);
  const progress = (fraction: number) => onProgress?.('calibrate', fraction);
  const { calibration = [] } = options;
  const observed = (floors: ReadonlyMap<string, number>): Ranges =>
    calibration.length > 0
      ? observeRanges(
          graph,
          calibration.map((sample) => saturated(sample, floors)),
          progress,
        )
      : analyseRanges(graph, floors, progress);
  let ranges = options.ranges ?? observed(openFloors(graph));
  const tamed = tameMasks(graph, ranges, precision);
  if (tamed.graph !== graph || tamed.floors.size > 0) {
    graph = tamed.graph;
    ranges = options.ranges ?? observed(tamed.floors);
  }
  onProgress?.('lower', 0);
  const lowered = lowerGraph(graph, ranges, precision, tamed.floors);
  onProgress?.('slice', 0);
  const cut = cutSlices(lowered, planSlices(lowered, plan), publicOutputs(lowered));
  return assemble(lowered, cut, precision, ranges);
}

/**
 * The graph that a program is made from: shapes known, constants folded, only operators with a float meaning.
 * @throws InputError with everything that is wrong with the model
 */
export function importModel(model: Uint8Array, options: CompileOptions = {}): Graph {
  const decoded = decodeOnnx(model, { externalData: options.externalData });
  const inputShapes: Record<string, readonly number[]> = { ...options.inputShapes };
  const [sample] = options.calibration ?? [];
  for (const name of decoded.graph.inputs) {
    const { dims: declared = [], unknownRank } = decoded.declared.get(name) ?? {};
    const given = sample?.get(name)?.dims;
    const open = declared.some((d) => typeof d !== 'number' || d < 1);
    const fits = unknownRank || (given?.length === declared.length && open);
    if (given && fits && !inputShapes[name]) inputShapes[name] = given;
  }
  try {
    return resolveGraph(decoded, { semantics: semanticsOf, inputShapes });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw withAllElse(error, model, inputShapes, options.externalData);
  }
}

/** Of a model that does not resolve: the first thing that is wrong with it, and after it all others. */
function withAllElse(
  first: InputError,
  model: Uint8Array,
  inputShapes: Readonly<Record<string, readonly number[]>>,
  externalData: ExternalData | undefined,
): InputError {
  const report = inspectModel(model, { semantics: semanticsOf, inputShapes, externalData, unsupportedIn });
  const others = [
    ...report.unsupported
      .filter((u) => u.node !== first.node && !first.message.includes(`${u.node} (`))
      .map((u) => `${u.node} (${u.op}) is not supported: ${u.hint}`),
    ...report.issues.filter((issue) => !issue.startsWith(first.message) && !first.message.includes(issue)),
  ];
  if (others.length === 0) return first;
  const message = `${first.message}; also: ${others.join('; ')}`;
  return new InputError(first.code, message, first.hint, first.node, { cause: first });
}

const publicOutputs = ({ graph, tensors }: LoweredGraph): ValueId[] =>
  graph.outputs.map((o) => (tensors.get(o) as { value: ValueId }).value);

function assemble(
  lowered: LoweredGraph,
  cut: readonly CutSlice[],
  precision: Precision,
  ranges: Ranges,
): CompiledProgram {
  const { graph, layers, builder } = lowered;
  // A boundary value is called after the public tensor, else the first tensor, that it stands for.
  const names = new Map<ValueId, string>();
  const tensors = new Map<string, BoundaryTensor>();
  const scales = new Map<ValueId, number>();
  const order = [...graph.inputs, ...graph.outputs, ...lowered.tensors.keys()];
  for (const name of order) {
    const { value, scale } = lowered.tensors.get(name) as { value: ValueId; scale: number };
    // Tensors that share a value may read it at different scales: this one's is that of its name.
    if (names.has(value)) continue;
    names.set(value, name);
    scales.set(value, scale);
  }
  const nameOf = (id: ValueId): string => {
    let name = names.get(id);
    if (name === undefined) {
      const taken = new Set(names.values());
      name = builder.get(id).name;
      while (taken.has(name)) name += '′';
      names.set(id, name);
    }
    return name;
  };
  for (const name of [...graph.inputs, ...graph.outputs]) tensors.set(name, boundaryTensor(lowered, name));
  const slices = cut.map((c, index): CompiledSlice => {
    for (const id of [...c.inputs, ...c.outputs]) {
      const name = nameOf(id);
      if (tensors.has(name)) continue;
      const { dims, lo, hi } = builder.get(id);
      const dtype = graph.tensors.get(name)?.dtype ?? 'float32';
      tensors.set(name, { name, dims, dtype, scale: scales.get(id) ?? 1, lo, hi });
    }
    const work = workOf(c.relation);
    const own = layers.slice(c.range.from, c.range.to);
    return {
      index,
      nodes: own.flatMap((l) => l.nodes),
      relation: c.relation,
      constants: c.constants,
      inputs: c.inputs.map(nameOf),
      outputs: c.outputs.map(nameOf),
      workUnits: workUnits(work),
      parameters: own.reduce((n, l) => n + l.parameters, 0),
      multiplications: work.multiplications,
    };
  });
  return { name: graph.name, precision, tensors, inputs: graph.inputs, outputs: graph.outputs, slices, ranges };
}
