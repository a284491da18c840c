/** Numbers as a file gives them, before they are matched with the inputs of a model. */
import { InputError } from '@dsperse/core/graph';
import type { Picture } from '../png.js';

export interface RawNumbers {
  /** undefined: one flat list, whatever the shape of the input. */
  readonly shape: readonly number[] | undefined;
  /** Row-major. */
  readonly data: Float64Array;
  readonly kind: 'float' | 'integer' | 'bool';
}

export type RawTensor = RawNumbers | { readonly picture: Picture };

/** Tensors by name, or in the order of the model's inputs. */
export type InputFile = { readonly named: ReadonlyMap<string, RawTensor> } | { readonly listed: readonly RawTensor[] };

/** Texts that stand for numbers in JSON as Python writes it. */
const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];

export function unknownName(name: string, names: readonly string[]): InputError {
  const list = names.length === 1 ? `its input is ${names[0]}` : `its inputs are ${names.join(', ')}`;
  return new InputError('bad-input', `the model has no input ${name}`, list);
}

/**
 * Nested lists of numbers (or of booleans).
 * @param where what the numbers are, for error messages
 */
export function rawFromNested(value: unknown, where: string): RawNumbers {
  const shape: number[] = [];
  for (let x = value; Array.isArray(x); x = x[0]) shape.push(x.length);
  const total = shape.reduce((a, b) => a * b, 1);
  if (total > 2 ** 28) throw new InputError('bad-input', `${where} is too large`, 'check the input file');
  const data = new Float64Array(total);
  let at = 0;
  let [whole, booleans] = [true, 0];
  const fill = (x: unknown, depth: number): void => {
    if (depth < shape.length) {
      if (!Array.isArray(x) || x.length !== shape[depth]) {
        const found = Array.isArray(x) ? `a list of ${x.length}` : describe(x);
        throw new InputError(
          'bad-input',
          `${where} is ragged: ${found} where a list of ${shape[depth]} is expected`,
          'give nested lists of equal lengths, or one flat list',
        );
      }
      for (const y of x) fill(y, depth + 1);
      return;
    }
    if (typeof x === 'boolean') booleans++;
    else if (typeof x === 'string' && NOT_FINITE.includes(x)) whole = false;
    else if (typeof x !== 'number') {
      throw new InputError(
        'bad-input',
        `${where} holds ${describe(x)} where a number is expected`,
        'give numbers only',
      );
    } else if (!Number.isInteger(x)) whole = false;
    data[at++] = Number(x);
  };
  fill(value, 0);
  if (booleans > 0 && booleans < total) {
    throw new InputError('bad-input', `${where} mixes numbers and booleans`, 'give one kind');
  }
  return {
    shape: shape.length > 1 ? shape : undefined,
    data,
    kind: booleans > 0 ? 'bool' : whole ? 'integer' : 'float',
  };
}

function describe(x: unknown): string {
  if (x === null) return 'null';
  if (Array.isArray(x)) return 'a list';
  if (typeof x === 'string') return `the text ${JSON.stringify(x.slice(0, 20))}`;
  return typeof x === 'object' ? 'an object' : String(x);
}
