/** Inputs as JSON: as ezkl and DSperse write them, by name, or one bare tensor. */
import { InputError } from '@dsperse/core/graph';
import { type InputFile, rawFromNested, unknownName } from './raw-tensor.js';

const FORMS = 'give {"input_data": [[…]]}, {"name": […]} or a bare list of numbers';

/** @throws InputError `bad-json` */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  if (bytes.length === 0) throw new InputError('bad-json', `${file} is empty`, FORMS);
  const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '');
  try {
    return JSON.parse(text);
  } catch (cause) {
    const value = parseWithNaN(text);
    if (value !== undefined) return value;
    const where = cause instanceof Error ? cause.message.split(/, ["']|\n/)[0] : '';
    throw new InputError('bad-json', `${file} is not JSON: ${where}`, 'check the file', undefined, { cause });
  }
}

/** Python writes NaN and Infinity, which are no JSON: as texts they are found where the tensor is known. */
function parseWithNaN(text: string): unknown {
  try {
    return JSON.parse(text.replace(/(?<=[[,:\s])(-?Infinity|NaN)(?=[\],}\s])/g, '"$1"'));
  } catch {
    return undefined;
  }
}

/**
 * One input of a model.
 * @param names of the model's inputs
 * @param count how many of them the file may hold
 */
export function jsonInput(
  value: unknown,
  file: string,
  names: readonly string[],
  count: number = names.length,
): InputFile {
  if (Array.isArray(value)) return listed(value, file, count);
  if (typeof value !== 'object' || value === null) {
    throw new InputError('bad-input', `${file} holds no tensors`, FORMS);
  }
  if ('input_data' in value) {
    const list = value.input_data;
    if (!Array.isArray(list)) throw new InputError('bad-input', `"input_data" in ${file} is not a list`, FORMS);
    return listed(list, `"input_data" in ${file}`, count);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) throw new InputError('bad-input', `${file} holds no tensors`, FORMS);
  const unknown = entries.find(([name]) => !names.includes(name));
  if (unknown) throw unknownName(unknown[0], names);
  return { named: new Map(entries.map(([name, x]) => [name, rawFromNested(x, `${name} in ${file}`)])) };
}

function listed(list: readonly unknown[], where: string, inputs: number): InputFile {
  // One list for each input; with a single input also the tensor itself.
  const bare = inputs === 1 && (list.length !== 1 || !Array.isArray(list[0]));
  const items = bare ? [list] : list;
  return { listed: items.map((x, i) => rawFromNested(x, items.length > 1 ? `list ${i} of ${where}` : where)) };
}
