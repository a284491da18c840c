/** One encoding for every JSON value, and the digest of bytes: what signatures and content addresses are taken over. */
import { InputError } from '@dsperse/core/verify';
import { bytesToHex } from '@noble/hashes/utils.js';
import { sha256 } from './sha256.js';

/** `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`;

export type CanonicalCode = 'not-canonical' | 'too-deep';

const MAX_DEPTH = 64;
// With the flag u a pair is one character of another category.
const UNPAIRED_SURROGATE = /\p{Surrogate}/u;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

function refuse(code: CanonicalCode, what: string): never {
  throw new InputError(code, what, 'use integers, strings, booleans, null, arrays and plain objects');
}

function encodeString(text: string): string {
  if (UNPAIRED_SURROGATE.test(text)) refuse('not-canonical', 'a string has an unpaired surrogate');
  return JSON.stringify(text);
}

function encodeObject(value: object, depth: number): string {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse('not-canonical', 'an object is not a plain one');
  const record = value as Record<string, unknown>;
  const members: string[] = [];
  // The default order of sort is by UTF-16 code units, as RFC 8785 wants it.
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) members.push(`${encodeString(key)}:${encode(record[key], depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}

function encode(value: unknown, depth: number): string {
  if (depth > MAX_DEPTH) refuse('too-deep', `the value is nested deeper than ${MAX_DEPTH}`);
  switch (typeof value) {
    case 'string':
      return encodeString(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return `"${value}"`;
    case 'number':
      if (!Number.isSafeInteger(value)) refuse('not-canonical', `the number ${value} is not a safe integer`);
      return value === 0 ? '0' : String(value);
    case 'object': {
      if (value === null) return 'null';
      if (!Array.isArray(value)) return encodeObject(value, depth);
      const items: string[] = [];
      for (let i = 0; i < value.length; i++) items.push(encode(value[i], depth + 1));
      return `[${items.join(',')}]`;
    }
    default:
      return refuse('not-canonical', `a value of type ${typeof value} has no encoding`);
  }
}

/**
 * RFC 8785 for the values that the network uses: no fractions, bigints as decimal strings, members that are undefined
 * left out. Throws InputError `not-canonical` or `too-deep`.
 */
export function canonicalJson(value: unknown): string {
  return encode(value, 0);
}

export function canonicalBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

/** The name of a blob: the SHA-256 of its bytes. */
export function digestOfBytes(bytes: Uint8Array): Digest {
  return `sha256:${bytesToHex(sha256(bytes))}`;
}

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The 32 bytes of a digest as `bytes32`, as signed messages carry it. */
export function digestAsBytes32(digest: Digest): `0x${string}` {
  return `0x${digest.slice('sha256:'.length)}`;
}
