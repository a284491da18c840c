/** Matching the tensors of a file with the inputs of a model. */
import { type DType, InputError, type Tensor } from '@dsperse/core/graph';
import { pictureInput } from '../picture-input.js';
import { formatDims } from '../terminal/format.js';
import { type InputFile, type RawNumbers, type RawTensor, unknownName } from './raw-tensor.js';

/** A tensor that a model expects. Dimensions that the model leaves open are undefined. */
export interface ExpectedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (number | undefined)[];
}

export const namesOf = (expected: readonly ExpectedTensor[]): string[] => expected.map((e) => e.name);

const INTEGER = /^u?int\d+$/;

/**
 * One tensor for each expected one.
 * @throws InputError `bad-input` naming the tensor and what it should be
 */
export function bindInput(files: readonly InputFile[], expected: readonly ExpectedTensor[]): Map<string, Tensor> {
  const names = namesOf(expected);
  const found = new Map<string, RawTensor>();
  const listed: RawTensor[] = [];
  for (const file of files) {
    if ('listed' in file) listed.push(...file.listed);
    else {
      for (const [name, raw] of file.named) {
        if (!names.includes(name)) throw unknownName(name, names);
        if (found.has(name)) throw new InputError('bad-input', `input ${name} is given twice`, 'give it once');
        found.set(name, raw);
      }
    }
  }
  const open = expected.filter((e) => !found.has(e.name));
  if (open.length === 0 && listed.every((raw) => 'data' in raw && raw.data.length === 0)) listed.length = 0;
  if (listed.length > open.length) {
    const list = expected.map(describe).join(', ') || 'nothing';
    throw new InputError(
      'bad-input',
      `${counted(listed.length, 'tensor')} for ${counted(open.length, 'input')}`,
      `the model expects ${list}; by name it is {"${names[0] ?? 'name'}": […]}`,
    );
  }
  listed.forEach((raw, i) => {
    found.set(open[i].name, raw);
  });
  const missing = expected.filter((e) => !found.has(e.name));
  if (missing.length > 0) {
    throw new InputError(
      'bad-input',
      `input ${missing.map((e) => e.name).join(', ')} is missing`,
      `the model expects ${expected.map(describe).join(', ')}`,
    );
  }
  return new Map(expected.map((e) => [e.name, fit(found.get(e.name) as RawTensor, e)]));
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const describe = (e: ExpectedTensor): string => `${e.name} ${e.dtype} [${e.dims.map((d) => d ?? '?').join(', ')}]`;

/** The numbers in the shape and type that are expected. */
export function fit(raw: RawTensor, expected: ExpectedTensor): Tensor {
  const { name } = expected;
  const dtype = expected.dtype as DType;
  if ('picture' in raw) {
    const dims = known(expected, undefined);
    return { dtype, dims, data: round(pictureInput(raw.picture, dims), dtype) };
  }
  const dims = known(expected, raw);
  const count = dims.reduce((a, b) => a * b, 1);
  if (raw.data.length !== count) {
    throw new InputError(
      'bad-input',
      `input ${name} has ${raw.data.length} numbers, expected ${count} for the shape ${formatDims(dims)}`,
      `give ${describe(expected)}`,
    );
  }
  if (raw.shape && !sameShape(raw.shape, dims)) {
    throw new InputError(
      'bad-input',
      `input ${name} has the shape ${formatDims(raw.shape)}, expected ${formatDims(dims)}`,
      'give it in that shape, or as one flat list',
    );
  }
  checkNumbers(raw, expected);
  return { dtype, dims, data: round(raw.data, dtype) };
}

/** The expected shape; what the model leaves open is taken from the file, or is 1 for a leading batch dimension. */
function known(expected: ExpectedTensor, raw: RawNumbers | undefined): readonly number[] {
  const { name, dims } = expected;
  const shape = raw?.shape;
  if (dims.every((d) => d !== undefined)) return dims as readonly number[];
  if (shape && shape.length === dims.length && dims.every((d, i) => d === undefined || d === shape[i])) return shape;
  const batch = dims.map((d, i) => d ?? (i === 0 ? 1 : undefined));
  if (batch.every((d) => d !== undefined)) return batch as readonly number[];
  throw new InputError(
    'open-shape',
    `the shape of input ${name} is open: [${dims.map((d) => d ?? '?').join(', ')}]`,
    `bind it with --input-shape ${name}=${dims.map((d, i) => d ?? (i === 0 ? 1 : 'N')).join(',')}`,
  );
}

/** Equal but for dimensions of one, or one flat list. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const squeeze = (dims: readonly number[]): string => dims.filter((d) => d !== 1).join();
  return a.length <= 1 || squeeze(a) === squeeze(b);
}

function checkNumbers(raw: RawNumbers, expected: ExpectedTensor): void {
  const { name, dtype } = expected;
  const bad = raw.data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) {
    throw new InputError('bad-input', `input ${name} holds ${raw.data[bad]} at ${bad}`, 'give finite numbers');
  }
  let problem = -1;
  if (INTEGER.test(dtype)) problem = raw.data.findIndex((x) => !Number.isInteger(x));
  else if (dtype === 'bool') problem = raw.data.findIndex((x) => x !== 0 && x !== 1);
  if (problem >= 0) {
    throw new InputError(
      'bad-input',
      `input ${name} holds ${raw.data[problem]} at ${problem}, expected ${dtype}`,
      `give ${describe(expected)}`,
    );
  }
}

/** Numbers as the model's own type holds them, so that every file format gives the same. */
function round(data: Float64Array, dtype: string): Float64Array {
  return dtype === 'float32' ? data.map(Math.fround) : data;
}
