/**
 * Signed messages as JSON: addresses and byte strings in lower case, 128 and 256 bits as decimal strings. Derived from
 * TYPES, so that a field is named once.
 */
import type { Hex } from 'viem';
import { z } from 'zod';
import { type Message, type MessageName, type Signed, TYPES } from './typed-data.js';

const lower = <T extends string>(s: z.ZodString) => s.transform((x) => x.toLowerCase() as T);

export const addressSchema = lower<Hex>(z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'an address: 0x and 40 digits'));
export const bytes32Schema = lower<Hex>(z.string().regex(/^0x[0-9a-fA-F]{64}$/, '0x and 64 hexadecimal digits'));
export const signatureSchema = lower<Hex>(z.string().regex(/^0x[0-9a-fA-F]{130}$/, '0x and 130 hexadecimal digits'));
/** A fingerprint or a commitment inside a statement: no 0x. */
export const hex64Schema = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits');
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits');

/** A non-negative integer of at most `bits` bits, as a decimal string. */
export const amountSchema = (bits: 128 | 256 = 256) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,77})$/, 'a decimal integer')
    .transform((x) => BigInt(x))
    .refine((x) => x < 1n << BigInt(bits), `at most ${bits} bits`);

const FIELDS = {
  address: addressSchema,
  bytes32: bytes32Schema,
  string: z.string().max(512),
  bool: z.boolean(),
  uint8: z.number().int().min(0).max(255),
  uint32: z.number().int().min(0).max(0xffffffff),
  uint64: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  uint128: amountSchema(128),
  uint256: amountSchema(256),
};

/** A message as JSON, to the message. */
export function messageSchema<N extends MessageName>(name: N) {
  const shape = Object.fromEntries(TYPES[name].map((f) => [f.name, FIELDS[f.type]]));
  return z.strictObject(shape) as unknown as z.ZodType<Message<N>>;
}

export function signedSchema<N extends MessageName>(name: N) {
  return z.strictObject({ message: messageSchema(name), signature: signatureSchema }) as unknown as z.ZodType<
    Signed<Message<N>>
  >;
}

/** A value with bigints, to plain JSON data that the schemas read back. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, toJson(v)]])));
  }
  return value;
}
