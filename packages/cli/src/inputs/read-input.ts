/** Inputs of a model from files, by their endings. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { decodeTensorProto, InputError, type Tensor } from '@dsperse/core/graph';
import { readNamed } from '../artifacts/read-named.js';
import { decodePng } from '../png.js';
import { bindInput, type ExpectedTensor, namesOf } from './bind-input.js';
import { jsonInput, parseJson } from './json-input.js';
import { decodeNpy } from './npy.js';
import { decodeNpz } from './npz.js';
import type { InputFile } from './raw-tensor.js';

export const ENDINGS = ['.json', '.npy', '.npz', '.pb', '.png'];

const ENDINGS_HINT = `known endings: ${ENDINGS.join(' ')}`;

/**
 * One input of the model.
 * @param paths one file; or several, or a directory with input_0.pb, input_1.pb, …, for the model's inputs in order
 */
export function readInput(paths: readonly string[], expected: readonly ExpectedTensor[]): Map<string, Tensor> {
  const files = paths.flatMap((path) => (statSync(path).isDirectory() ? inputFilesIn(path) : [path]));
  return bindInput(
    files.map((file) => readInputFile(file, expected, files.length > 1 ? 1 : expected.length)),
    expected,
  );
}

/** @param count how many tensors a file without names holds */
export function readInputFile(
  path: string,
  expected: readonly ExpectedTensor[],
  count: number = expected.length,
): InputFile {
  const bytes = readNamed(path);
  const file = basename(path);
  switch (extname(path).toLowerCase()) {
    case '.json':
      return jsonInput(parseJson(bytes, file), file, namesOf(expected), count);
    case '.npy':
      return { listed: [decodeNpy(bytes, file)] };
    case '.npz':
      return decodeNpz(bytes, file);
    case '.pb':
      return protoInput(bytes, file, expected);
    case '.png':
      return { listed: [{ picture: decodePng(bytes) }] };
    default:
      throw new InputError('unknown-format', `${file} is of no known format`, ENDINGS_HINT);
  }
}

function protoInput(bytes: Uint8Array, file: string, expected: readonly ExpectedTensor[]): InputFile {
  if (bytes.length === 0) throw new InputError('broken-pb', `${file} is empty`, 'save the ONNX tensor again');
  let decoded: ReturnType<typeof decodeTensorProto>;
  try {
    decoded = decodeTensorProto(bytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    throw new InputError('broken-pb', `${file} is not a readable ONNX tensor: ${why}`, 'save it again', undefined, {
      cause,
    });
  }
  const { dims, dtype, data } = decoded.tensor;
  const kind = dtype === 'bool' ? 'bool' : /float/.test(dtype) ? 'float' : 'integer';
  const raw = { shape: dims, data, kind } as const;
  // The name in the file is often not the model's; the order of the files then decides.
  if (expected.some((e) => e.name === decoded.name)) return { named: new Map([[decoded.name, raw]]) };
  return { listed: [raw] };
}

/** input_0.*, input_1.*, … of a directory, as in ONNX test data sets. */
export function inputFilesIn(directory: string): string[] {
  const files = readdirSync(directory).filter((f) => /^input_\d+\./.test(f) && ENDINGS.includes(extname(f)));
  if (files.length === 0) {
    throw new InputError('bad-input', `${directory} holds no input_0, input_1, …`, `give a file: ${ENDINGS_HINT}`);
  }
  const number = (f: string): number => Number(/\d+/.exec(f)?.[0]);
  return files.sort((a, b) => number(a) - number(b)).map((f) => join(directory, f));
}
