import { InputError } from '@dsperse/core/verify';
import type { SqlValue } from './sql.js';
import { StoreError } from './store-error.js';

/** Type ids of PostgreSQL whose values are read otherwise than the drivers would. */
export const OID = { int8: 20, numeric: 1700, textArray: 1009, int8Array: 1016, numericArray: 1231 } as const;

/** A `bigint` as a number. StoreError `unsafe-integer` where a number cannot hold it. */
export function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new StoreError('unsafe-integer', `${text} is too large for a number.`, false, 'Keep it as numeric.');
  }
  return value;
}

/** Parameters as both drivers send them: text for numbers, bigints and lists. */
export function toParams(params: readonly SqlValue[] = []): (string | boolean | null | Uint8Array)[] {
  return params.map((value) => {
    if (value === undefined) throw new InputError('bad-parameter', 'A parameter is undefined.', 'Pass null.');
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
    if (isList(value)) return `{${value.map(listElement).join(',')}}`;
    return value as string | boolean | null | Uint8Array;
  });
}

function isList(value: SqlValue): value is readonly (string | number | bigint | boolean | null)[] {
  return Array.isArray(value);
}

function listElement(value: string | number | bigint | boolean | null): string {
  if (value === null) return 'NULL';
  return `"${String(value).replace(/[\\"]/g, '\\$&')}"`;
}

/** The name of a channel, safe to stand in a statement. */
export function channelName(channel: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) {
    throw new InputError('bad-channel', 'This is not the name of a channel.', 'Use lower-case letters, digits and _.');
  }
  return channel;
}
