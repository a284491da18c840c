/** The error of the integer program against the model on floats. */
import { evaluateGraph, type Graph, type Tensor } from '@dsperse/core/graph';
import type { Kernels } from '@dsperse/core/kernels';
import {
  type BoundaryTensor,
  compileModel,
  dequantize,
  importModel,
  type Precision,
  type Ranges,
  saturated,
  semanticsOf,
  tameMasks,
} from '@dsperse/core/program';
import type { ModelFile } from '../artifacts/model-file.js';
import type { ProgramManifest } from '../artifacts/program-directory.js';
import { executeProgram } from '../proving/execute-program.js';
import { compareTensors, type TensorFidelity, worstOf } from './compare.js';
import { openOnnxRuntime } from './onnxruntime.js';

export interface Fidelity extends Omit<TensorFidelity, 'tensor'> {
  /** What computed the floats. */
  readonly against: string;
  readonly outputs: readonly TensorFidelity[];
}

const OWN = 'the model on double precision floats, by dsperse';

/** @param found real numbers of the program's outputs, by name */
export async function measureFidelity(
  model: ModelFile,
  manifest: Pick<ProgramManifest, 'inputShapes'>,
  inputs: ReadonlyMap<string, Tensor>,
  found: ReadonlyMap<string, { readonly dims: readonly number[]; readonly data: ArrayLike<number> }>,
): Promise<Fidelity> {
  const { by, outputs } = (await byOnnxRuntime(model, inputs, found)) ?? byOurselves(model, manifest, inputs);
  const tensors = [...found].map(([name, { dims, data }]) =>
    compareTensors(name, data, outputs.get(name) as Float64Array, dims),
  );
  return { ...worstOf(tensors), against: by, outputs: tensors };
}

interface FloatOutputs {
  readonly by: string;
  readonly outputs: ReadonlyMap<string, Float64Array>;
}

async function byOnnxRuntime(
  model: ModelFile,
  inputs: ReadonlyMap<string, Tensor>,
  found: ReadonlyMap<string, { readonly data: ArrayLike<number> }>,
): Promise<FloatOutputs | undefined> {
  const session = await openOnnxRuntime(model.path);
  if (!session) return undefined;
  try {
    const outputs = await session.run(inputs);
    const complete = [...found].every(([name, { data }]) => outputs.get(name)?.length === data.length);
    return complete ? { by: session.by, outputs } : undefined;
  } catch {
    return undefined;
  } finally {
    await session.close();
  }
}

function byOurselves(
  model: ModelFile,
  { inputShapes }: Pick<ProgramManifest, 'inputShapes'>,
  inputs: ReadonlyMap<string, Tensor>,
): FloatOutputs {
  const graph = importModel(model.bytes, { inputShapes, externalData: model.externalData });
  const results = evaluateGraph(graph, inputs, semanticsOf);
  return { by: OWN, outputs: new Map([...results].map(([name, t]) => [name, t.data])) };
}

/** A layer, what it makes, and the error there. */
export interface LayerFidelity extends TensorFidelity {
  readonly nodes: readonly string[];
  /** Growth of the relative error over the layer. */
  readonly loss: number;
}

/** Smallest magnitude of a number that may stand for a mask. */
const LARGE = 1000;

/**
 * Masking numbers of a program are as large as they need to be (core/program/masks.ts), those of the model as large as
 * can be: cells that differ between the two graphs for that reason say nothing of the error.
 */
function maskedCells(
  graph: Graph,
  ranges: Ranges,
  precision: Precision,
  inputs: ReadonlyMap<string, Tensor>,
): (name: string, data: ArrayLike<number>) => (index: number) => boolean {
  const tamed = tameMasks(graph, ranges, precision);
  if (tamed.graph === graph && tamed.floors.size === 0) return () => () => false;
  const values = new Map<string, Float64Array>();
  evaluateGraph(tamed.graph, saturated(inputs, tamed.floors), semanticsOf, (name, { data }) => {
    values.set(name, data);
  });
  return (name, data) => {
    const other = values.get(name);
    return (i) => Math.abs(data[i]) >= LARGE && Math.abs(data[i] - (other?.[i] ?? data[i])) > 0.01 * Math.abs(data[i]);
  };
}

/** The error of every layer, against our own floats: the program is cut at each layer for it. */
export async function measureLayers(
  model: ModelFile,
  manifest: Pick<ProgramManifest, 'inputShapes' | 'precision' | 'ranges'>,
  inputs: ReadonlyMap<string, Tensor>,
  integers: ReadonlyMap<string, Int32Array>,
  kernels: Kernels,
): Promise<LayerFidelity[]> {
  const { precision, ranges, inputShapes } = manifest;
  const { externalData } = model;
  const program = compileModel(model.bytes, { precision, ranges, inputShapes, externalData, slices: 'layers' });
  const found = new Map<string, Float64Array>();
  const layers: { nodes: readonly string[]; tensor: BoundaryTensor }[] = [];
  await executeProgram(
    { key: program, slice: (i) => ({ ...program.slices[i], tensors: program.tensors }) },
    integers,
    kernels,
    (slice, _, { outputs }) => {
      for (const [name, values] of outputs) {
        const tensor = program.tensors.get(name) as BoundaryTensor;
        found.set(name, dequantize(tensor, values));
        layers.push({ nodes: slice.nodes, tensor });
      }
    },
  );
  const errors = new Map<string, TensorFidelity>();
  const graph = importModel(model.bytes, { inputShapes, externalData });
  const masked = maskedCells(graph, ranges, precision, inputs);
  evaluateGraph(graph, inputs, semanticsOf, (name, { data, dims }) => {
    const ours = found.get(name);
    const isMasked = masked(name, data);
    if (ours && ours.length === data.length) errors.set(name, compareTensors(name, ours, data, dims, isMasked));
  });
  let before = 0;
  return layers.flatMap(({ nodes, tensor }): LayerFidelity[] => {
    const fidelity = errors.get(tensor.name);
    if (!fidelity) return [];
    const loss = fidelity.maxRelError - before;
    before = fidelity.maxRelError;
    return [{ ...fidelity, nodes, loss }];
  });
}
