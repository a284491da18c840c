/** What a remote prover gets beside the slice package: the integers at the slice's borders, and their salts. */
import { basename } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { parseJson } from '../inputs/json-input.js';
import { readNamed } from './read-named.js';
import { writeWholeFile } from './write-whole.js';

export interface BoundaryTensorValues {
  /** 32 bytes, hexadecimal. */
  readonly salt: string;
  /** Absent for outputs: the prover computes them. */
  readonly values?: Int32Array;
}

export interface BoundaryFile {
  readonly fingerprint: string;
  readonly slice: number;
  readonly nonce: string;
  readonly tensors: ReadonlyMap<string, BoundaryTensorValues>;
}

const FORMAT = 'dsperse-boundary/1';
const HINT = 'make one for each slice: dsperse run <program> -i <input> --boundaries <directory>';

export async function writeBoundaryFile(path: string, b: BoundaryFile): Promise<void> {
  const tensors = Object.fromEntries(
    [...b.tensors].map(([name, { salt, values }]) => [name, values ? { salt, values: [...values] } : { salt }]),
  );
  const { fingerprint, slice, nonce } = b;
  await writeWholeFile(path, `${JSON.stringify({ format: FORMAT, fingerprint, slice, nonce, tensors })}\n`, 0o600);
}

/** @throws InputError `bad-boundary`, `unknown-version` */
export function readBoundaryFile(path: string): BoundaryFile {
  const file = basename(path);
  const bad = (what: string): InputError => new InputError('bad-boundary', `${file}: ${what}`, HINT);
  const value = parseJson(readNamed(path), file);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it holds no object');
  const { format = FORMAT, fingerprint, slice, nonce, tensors } = value as Record<string, unknown>;
  if (format !== FORMAT) {
    throw new InputError('unknown-version', `${file} is of the format ${format}, which is not known`, HINT);
  }
  if (!isHex(fingerprint)) throw bad('"fingerprint" must be 64 hexadecimal digits');
  if (!isHex(nonce)) throw bad('"nonce" must be 64 hexadecimal digits');
  if (typeof slice !== 'number' || !Number.isSafeInteger(slice) || slice < 0) throw bad('"slice" must be a number');
  if (typeof tensors !== 'object' || tensors === null) throw bad('"tensors" must be an object');
  const entries = Object.entries(tensors).map(([name, t]): [string, BoundaryTensorValues] => {
    if (typeof t !== 'object' || t === null || !isHex(t.salt))
      throw bad(`the salt of ${name} must be 64 hexadecimal digits`);
    if (t.values === undefined) return [name, { salt: t.salt }];
    const ok =
      Array.isArray(t.values) && t.values.every((x: unknown) => Number.isInteger(x) && Math.abs(Number(x)) < 2 ** 31);
    if (!ok) throw bad(`the values of ${name} must be a list of integers`);
    return [name, { salt: t.salt, values: Int32Array.from(t.values) }];
  });
  return { fingerprint, slice, nonce, tensors: new Map(entries) };
}

const isHex = (x: unknown): x is string => typeof x === 'string' && /^[0-9a-f]{64}$/.test(x);
