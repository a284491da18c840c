/** The models that `dsperse bench` measures: generated ones, the digits example, and the user's own. */
import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError, type Tensor } from '@dsperse/core/graph';
import { importModel } from '@dsperse/core/program';
import { expectedInputs, openModel } from '../artifacts/model-file.js';
import { BENCH_MODELS, type BenchInput, benchInput, generateModel, isBenchModel } from '../bench-models/catalogue.js';
import { Random } from '../bench-models/random.js';
import { readCalibration } from '../inputs/read-calibration.js';
import { readInput } from '../inputs/read-input.js';

export type Sample = ReadonlyMap<string, Tensor>;

export interface LoadedModel {
  readonly name: string;
  readonly about: string;
  readonly bytes: Uint8Array;
  /** Where external data may lie. */
  readonly path?: string;
  readonly input: Sample;
  readonly calibration: readonly Sample[];
}

const CALIBRATION = 4;
/** From so many parameters on, one sample has to do, and then it has to be what is proven: others may lie outside. */
const LARGE = 5e7;
const EXAMPLE = fileURLToPath(new URL('../../../../examples/digits/', import.meta.url));

/** @throws InputError where there is no such model, before anything is measured */
export function checkModel(name: string): void {
  if (name === 'digits' || isBenchModel(name)) return;
  if (extname(name) === '.onnx') {
    if (existsSync(name)) return;
    throw new InputError('not-found', `${name} does not exist`, 'check the path');
  }
  throw new InputError(
    'unknown-model',
    `there is no model ${name}`,
    `give a .onnx file, digits, ${BENCH_MODELS.join(', ')}`,
  );
}

export function loadModel(name: string): LoadedModel {
  if (isBenchModel(name)) {
    const { about, bytes, parameters } = generateModel(name);
    const sample = (index: number): Sample => toSample(benchInput(name, index));
    const input = sample(0);
    const calibration = Array.from({ length: CALIBRATION }, (_, i) => sample(i + 1));
    return { name, about, bytes, input, calibration: parameters > LARGE ? [input] : calibration };
  }
  if (name === 'digits') {
    const model = openModel(`${EXAMPLE}model.onnx`);
    const expected = expectedInputs(model, {});
    return {
      name,
      about: 'the digits example, 28×28 grey',
      bytes: model.bytes,
      input: readInput([`${EXAMPLE}samples/3.png`], expected),
      calibration: readCalibration([`${EXAMPLE}calibration.json`], expected),
    };
  }
  const { bytes, externalData } = openModel(name);
  const graph = importModel(bytes, { externalData });
  const random = new Random(1);
  const sample = (): Sample =>
    new Map(
      graph.inputs.map((input) => {
        const { dtype = 'float32', dims = [] } = graph.tensors.get(input) ?? {};
        const length = dims.reduce((a, b) => a * b, 1);
        const data = Float64Array.from({ length }, () =>
          /float/.test(dtype) ? Math.fround(random.between(-1, 1)) : 0,
        );
        return [input, { dtype, dims, data }];
      }),
    );
  const calibration = Array.from({ length: CALIBRATION }, sample);
  return { name: basename(name), about: 'an ONNX file', bytes, path: name, input: sample(), calibration };
}

const toSample = ({ name, dims, data }: BenchInput): Sample => new Map([[name, { dtype: 'float32', dims, data }]]);
