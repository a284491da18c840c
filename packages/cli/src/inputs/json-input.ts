/** Inputs as JSON: as ezkl and DSperse write them, by name, or one bare tensor. */
import { InputError } from '@dsperse/core/graph';
import { type InputFile, rawFromNested } from './raw-tensor.js';

const FORMS = 'give {"input_data": [[…]]}, {"name": […]} or a bare list of numbers';

/** @throws InputError `bad-json` */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  if (bytes.length === 0) throw new InputError('bad-json', `${file} is empty`, FORMS);
  const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '');
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Python writes these, which are no JSON.
    const word = /[[\s,:](-?Infinity|NaN)\b/.exec(text)?.[1];
    if (word) throw new InputError('bad-input', `${file} holds ${word}`, 'give finite numbers', undefined, { cause });
    const where = cause instanceof Error ? cause.message.split('\n')[0] : '';
    throw new InputError('bad-json', `${file} is not JSON: ${where}`, 'check the file', undefined, { cause });
  }
}

/**
 * One input of a model.
 * @param inputs how many inputs the model has
 */
export function jsonInput(value: unknown, file: string, inputs: number): InputFile {
  if (Array.isArray(value)) return listed(value, file, inputs);
  if (typeof value !== 'object' || value === null) {
    throw new InputError('bad-input', `${file} holds no tensors`, FORMS);
  }
  if ('input_data' in value) {
    const list = value.input_data;
    if (!Array.isArray(list)) throw new InputError('bad-input', `"input_data" in ${file} is not a list`, FORMS);
    return listed(list, `"input_data" in ${file}`, inputs);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) throw new InputError('bad-input', `${file} holds no tensors`, FORMS);
  return { named: new Map(entries.map(([name, x]) => [name, rawFromNested(x, `${name} in ${file}`)])) };
}

function listed(list: readonly unknown[], where: string, inputs: number): InputFile {
  // One list for each input; with a single input also the tensor itself.
  const bare = inputs === 1 && (list.length !== 1 || !Array.isArray(list[0]));
  const items = bare ? [list] : list;
  return { listed: items.map((x, i) => rawFromNested(x, items.length > 1 ? `list ${i} of ${where}` : where)) };
}
