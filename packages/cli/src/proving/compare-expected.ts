/** The outputs that a proof binds against those that someone expects. */
import { basename, extname } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { readNamed } from '../artifacts/read-named.js';
import { bindInput, type ExpectedTensor } from '../inputs/bind-input.js';
import { parseJson } from '../inputs/json-input.js';
import { type InputFile, type RawTensor, rawFromNested } from '../inputs/raw-tensor.js';
import { readInputFile } from '../inputs/read-input.js';
import type { TensorDocument } from './tensor-document.js';

export interface ExpectedComparison {
  readonly maxAbsError: number;
  readonly tolerance: number;
  /** Where the error is largest: `output[index]`. */
  readonly at: string;
  readonly agrees: boolean;
}

/**
 * Reads expected outputs: a document of `dsperse run` or of the same form, or a file as for inputs.
 * @throws InputError where it does not fit the program's outputs
 */
export function readExpected(path: string, outputs: readonly ExpectedTensor[]): ReadonlyMap<string, Float64Array> {
  // Single precision would round what `run` wrote.
  const exact = outputs.map((o) => ({ ...o, dtype: 'float64' }));
  const tensors = bindInput([expectedFile(path, exact)], exact);
  return new Map([...tensors].map(([name, t]) => [name, t.data]));
}

function expectedFile(path: string, outputs: readonly ExpectedTensor[]): InputFile {
  if (extname(path).toLowerCase() !== '.json') return readInputFile(path, outputs);
  const file = basename(path);
  const value = parseJson(readNamed(path), file);
  const document = typeof value === 'object' && value !== null && 'outputs' in value ? value.outputs : undefined;
  if (typeof document !== 'object' || document === null) return readInputFile(path, outputs);
  const named = Object.entries(document).map(([name, x]): [string, RawTensor] => {
    const data = typeof x === 'object' && x !== null && 'data' in x ? x.data : x;
    return [name, rawFromNested(data, `output ${name} in ${file}`)];
  });
  if (named.length === 0) throw new InputError('bad-input', `${file} holds no outputs`, 'give {"outputs": {…}}');
  return { named: new Map(named) };
}

export function compareExpected(
  outputs: Readonly<Record<string, TensorDocument>>,
  expected: ReadonlyMap<string, Float64Array>,
  tolerance: number,
): ExpectedComparison {
  let [worst, at] = [0, ''];
  for (const [name, data] of expected) {
    // An output that the proof does not bind agrees with nothing.
    const found = outputs[name]?.data;
    data.forEach((x, i) => {
      const error = found ? Math.abs(x - found[i]) : Number.MAX_VALUE;
      if (error > worst) [worst, at] = [error, `${name}[${i}]`];
    });
  }
  return { maxAbsError: worst, tolerance, at, agrees: worst <= tolerance };
}
