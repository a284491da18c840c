/** The cases that the project is held against: models of others with their inputs and expected outputs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type DType, decodeOnnx, decodeTensor, evaluateGraph, type Tensor } from '@dsperse/core/graph';
import { importModel, semanticsOf } from '@dsperse/core/program';

export const FAMILIES = ['ezkl', 'onnx', 'imagenet'] as const;
export type Family = (typeof FAMILIES)[number];

export interface CaseName {
  readonly family: Family;
  readonly name: string;
}

/** A model, one input of it, and its outputs as another runtime (for `imagenet`: the float meaning) gave them. */
export interface ConformanceCase extends CaseName {
  readonly model: Uint8Array;
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, readonly number[]>;
}

/** Every case under a directory of models, in the order of FAMILIES and names. */
export function listCases(models: string): CaseName[] {
  return FAMILIES.flatMap((family) => {
    const folder = `${models}/${family}`;
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((entry) =>
        family === 'imagenet' ? entry.endsWith('.onnx') : existsSync(`${folder}/${entry}/model.onnx`),
      )
      .sort()
      .map((entry) => ({ family, name: basename(entry, '.onnx') }));
  });
}

/** Operators of the file's graph, in order of appearance. */
export function operatorsOf(model: Uint8Array): string[] {
  return [...new Set(decodeOnnx(model).graph.nodes.map((n) => n.op))].filter((op) => op !== 'Constant');
}

/** @throws InputError where a file cannot be read as what it should be */
export function loadCase(models: string, { family, name }: CaseName): ConformanceCase {
  const folder = `${models}/${family}`;
  if (family === 'imagenet') return { family, name, ...withoutInput(readFileSync(`${folder}/${name}.onnx`)) };
  const model = readFileSync(`${folder}/${name}/model.onnx`);
  return { family, name, model, ...(family === 'ezkl' ? ofEzkl : ofOnnx)(`${folder}/${name}`, model) };
}

type Data = Pick<ConformanceCase, 'inputs' | 'expected'>;

interface EzklExpected {
  readonly inputs: Readonly<Record<string, { readonly type: string; readonly dims: readonly number[] }>>;
  readonly outputs: Readonly<Record<string, { readonly data: unknown }>>;
}

const flatNumbers = (x: unknown): number[] => [x].flat(12).map(Number);

function ofEzkl(folder: string, model: Uint8Array): Data {
  const json = (file: string) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'));
  const given = json('input.json').input_data as unknown[];
  const expected = json('expected.json') as EzklExpected;
  const inputs = decodeOnnx(model).graph.inputs.map((name, i): [string, Tensor] => {
    const { type, dims } = expected.inputs[name];
    const data = Float64Array.from(flatNumbers(given[i]), type === 'float32' ? Math.fround : (x) => x);
    return [name, { dtype: type as DType, dims, data }];
  });
  const outputs = Object.entries(expected.outputs).map(([name, { data }]): [string, number[]] => [
    name,
    flatNumbers(data),
  ]);
  return { inputs: new Map(inputs), expected: new Map(outputs) };
}

function ofOnnx(folder: string, model: Uint8Array): Data {
  const { graph } = decodeOnnx(model);
  const read = (file: string): Tensor => decodeTensor(readFileSync(`${folder}/test_data_set_0/${file}.pb`));
  return {
    inputs: new Map(graph.inputs.map((name, i) => [name, read(`input_${i}`)])),
    expected: new Map(graph.outputs.map((name, i) => [name, [...read(`output_${i}`).data]])),
  };
}

/** Models that come without data: a fixed input, and the outputs of the float graph. */
function withoutInput(model: Uint8Array): Data & { model: Uint8Array } {
  const graph = importModel(model);
  const inputs = new Map(
    graph.inputs.map((name, k): [string, Tensor] => {
      const { dtype = 'float32', dims = [] } = graph.tensors.get(name) ?? {};
      const length = dims.reduce((a, b) => a * b, 1);
      const data = Float64Array.from({ length }, (_, i) => Math.fround((((i + k) * 7919) % 2003) / 1001.5 - 1));
      return [name, { dtype, dims, data }];
    }),
  );
  const outputs = evaluateGraph(graph, inputs, semanticsOf);
  return { model, inputs, expected: new Map([...outputs].map(([name, t]) => [name, [...t.data]])) };
}
