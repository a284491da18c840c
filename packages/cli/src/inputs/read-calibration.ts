/** Calibration samples: files, lists of inputs in one file, directories of files. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { InputError, type Tensor } from '@dsperse/core/graph';
import { readNamed } from '../artifacts/read-named.js';
import { bindInput, type ExpectedTensor, namesOf } from './bind-input.js';
import { jsonInput, parseJson } from './json-input.js';
import type { InputFile, RawNumbers } from './raw-tensor.js';
import { ENDINGS, inputFilesIn, readInput, readInputFile } from './read-input.js';

export function readCalibration(paths: readonly string[], expected: readonly ExpectedTensor[]): Map<string, Tensor>[] {
  return paths.flatMap((path) =>
    statSync(path).isDirectory() ? fromDirectory(path, expected) : fromFile(path, expected),
  );
}

function fromDirectory(directory: string, expected: readonly ExpectedTensor[]): Map<string, Tensor>[] {
  const entries = readdirSync(directory, { withFileTypes: true }).filter((e) => !e.name.startsWith('.'));
  if (entries.some((e) => /^input_0\./.test(e.name))) return [readInput(inputFilesIn(directory), expected)];
  const names = entries.map((e) => e.name).sort();
  const sets = entries.filter((e) => e.isDirectory()).map((e) => e.name);
  const files = names.filter((f) => sets.includes(f) || ENDINGS.includes(extname(f).toLowerCase()));
  if (files.length === 0) {
    throw new InputError('bad-input', `${directory} holds no inputs`, `known endings: ${ENDINGS.join(' ')}`);
  }
  return readCalibration(
    files.map((f) => join(directory, f)),
    expected,
  );
}

function fromFile(path: string, expected: readonly ExpectedTensor[]): Map<string, Tensor>[] {
  const file = basename(path);
  if (extname(path).toLowerCase() === '.json') {
    const value = parseJson(readNamed(path), file);
    if (Array.isArray(value)) return fromList(value, file, expected);
    return [bindInput([jsonInput(value, file, namesOf(expected))], expected)];
  }
  return samplesOf(readInputFile(path, expected), expected).map((sample) => bindInput([sample], expected));
}

/** A list of inputs, or of numbers: then it is one input. */
function fromList(list: readonly unknown[], file: string, expected: readonly ExpectedTensor[]): Map<string, Tensor>[] {
  if (list.length === 0) throw new InputError('bad-input', `${file} holds no samples`, 'give at least one input');
  const one = (value: unknown, name: string) => bindInput([jsonInput(value, name, namesOf(expected))], expected);
  if (list.every((x) => typeof x === 'object' && x !== null && !Array.isArray(x))) {
    return list.map((x, i) => one(x, `sample ${i} of ${file}`));
  }
  const size = expected.length === 1 ? sizeOf(expected[0]) : undefined;
  if (size !== undefined && list.every((x) => Array.isArray(x) && x.flat(Number.POSITIVE_INFINITY).length === size)) {
    return list.map((x, i) => one([x], `sample ${i} of ${file}`));
  }
  return [one(list, file)];
}

const sizeOf = ({ dims }: ExpectedTensor): number | undefined =>
  dims.every((d) => d !== undefined) ? (dims as readonly number[]).reduce((a, b) => a * b, 1) : undefined;

/** An array [N, …] for an input [1, …] is N samples. */
function samplesOf(file: InputFile, expected: readonly ExpectedTensor[]): InputFile[] {
  if (!('listed' in file) || expected.length !== 1 || file.listed.length !== 1) return [file];
  const [raw] = file.listed;
  const [{ dims }] = expected;
  if ('picture' in raw || !raw.shape || raw.shape.length !== dims.length) return [file];
  const [count, ...rest] = raw.shape;
  if (dims[0] !== 1 || count < 2 || rest.some((d, i) => dims[i + 1] !== d)) return [file];
  const size = raw.data.length / count;
  return Array.from({ length: count }, (_, i): InputFile => {
    const part: RawNumbers = { ...raw, shape: [1, ...rest], data: raw.data.slice(i * size, (i + 1) * size) };
    return { listed: [part] };
  });
}
