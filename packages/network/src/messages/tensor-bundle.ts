/**
 * Integer tensors with their salts, as bytes: what is sealed to provers (boundary values), validators and requesters
 * (public values) and gateways (an input, outputs). Length of the header (uint32, little-endian), header as JSON, then the numbers of
 * each tensor one after another, little-endian, in the smallest of 1, 2 and 4 bytes that holds them all.
 */
import { InputError } from '@dsperse/core/verify';
import { z } from 'zod';
import { hex64Schema } from './schemas.js';

export interface BundledTensor {
  /** Absent where only the salt is told: the receiver computes the values. */
  readonly values?: Int32Array;
  /** 64 hexadecimal digits. */
  readonly salt: string;
}

export type TensorBundle = ReadonlyMap<string, BundledTensor>;

const MAX_HEADER_BYTES = 1 << 20;
const header = z.strictObject({
  tensors: z
    .array(
      z.strictObject({
        name: z.string().max(512),
        salt: hex64Schema,
        width: z.literal([0, 1, 2, 4]),
        length: z.number().int().min(0).max(0x7fffffff),
      }),
    )
    .max(4096),
});

type Width = 0 | 1 | 2 | 4;

function widthOf(values: Int32Array | undefined): Width {
  if (!values) return 0;
  let width: Width = 1;
  for (const x of values) {
    if (x < -32768 || x > 32767) return 4;
    if (x < -128 || x > 127) width = 2;
  }
  return width;
}

/** The longest bundle of tensors of these lengths, by name. */
export function mostBundleBytes(lengths: ReadonlyMap<string, number>): number {
  const described = [...lengths].map(([name, length]) => ({ name, salt: '0'.repeat(64), width: 4, length }));
  const head = new TextEncoder().encode(JSON.stringify({ tensors: described })).length;
  return [...lengths.values()].reduce((bytes, length) => bytes + 4 * length, 4 + head);
}

const VIEWS = { 1: Int8Array, 2: Int16Array, 4: Int32Array };

/** With its length before it. */
function encodeHeader(tensors: z.infer<typeof header>['tensors']): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ tensors }));
  const bytes = new Uint8Array(4 + text.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  return bytes;
}

export function encodeBundle(bundle: TensorBundle): Uint8Array {
  const entries = [...bundle].map(([name, { values, salt }]) => {
    return { name, salt, width: widthOf(values), length: values?.length ?? 0, values };
  });
  const head = encodeHeader(entries.map(({ values: _, ...described }) => described));
  const bytes = new Uint8Array(entries.reduce((n, e) => n + e.width * e.length, head.length));
  bytes.set(head);
  let at = head.length;
  for (const { values, width } of entries) {
    if (!values || width === 0) continue;
    const narrow = new VIEWS[width](values);
    bytes.set(new Uint8Array(narrow.buffer), at);
    at += narrow.byteLength;
  }
  return bytes;
}

const bad = (why: string) => new InputError('bad-bundle', `not a bundle of tensors: ${why}`, 'send it again');

/** The tensors that a header describes, and where their numbers begin. @throws InputError `bad-bundle` */
function readHeader(bytes: Uint8Array): { readonly tensors: z.infer<typeof header>['tensors']; readonly end: number } {
  if (bytes.length < 4) throw bad('it is too short');
  const end = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (end - 4 > MAX_HEADER_BYTES || end > bytes.length) throw bad('its header is too long');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, end));
    return { tensors: header.parse(JSON.parse(text)).tensors, end };
  } catch (cause) {
    throw new InputError('bad-bundle', 'not a bundle of tensors: its header is malformed', 'send it again', undefined, {
      cause,
    });
  }
}

/** @throws InputError `bad-bundle` */
export function decodeBundle(bytes: Uint8Array): Map<string, BundledTensor> {
  const { tensors, end: from } = readHeader(bytes);
  const out = new Map<string, BundledTensor>();
  let at = from;
  for (const { name, salt, width, length } of tensors) {
    if (out.has(name)) throw bad(`${name} comes twice`);
    const end = at + width * length;
    if (end > bytes.length) throw bad('it is cut off');
    // A copy, so that the numbers are aligned.
    const values = width === 0 ? undefined : new Int32Array(new VIEWS[width](bytes.slice(at, end).buffer));
    out.set(name, values ? { values, salt } : { salt });
    at = end;
  }
  if (at !== bytes.length) throw bad('bytes are left over');
  return out;
}

/**
 * One bundle of the tensors of several, whose names are all different; the numbers stay as they are.
 * @param isWanted which tensors; all where nothing is said
 * @throws InputError `bad-bundle`
 */
export function joinBundles(
  bundles: readonly Uint8Array[],
  isWanted: (name: string) => boolean = () => true,
): Uint8Array {
  const described: z.infer<typeof header>['tensors'] = [];
  const numbers: Uint8Array[] = [];
  for (const bytes of bundles) {
    const { tensors, end } = readHeader(bytes);
    let at = end;
    for (const tensor of tensors) {
      const from = at;
      at += tensor.width * tensor.length;
      if (!isWanted(tensor.name)) continue;
      described.push(tensor);
      numbers.push(bytes.subarray(from, at));
    }
    if (at !== bytes.length) throw bad('its numbers are not those that its header describes');
  }
  const head = encodeHeader(described);
  const joined = new Uint8Array(numbers.reduce((n, part) => n + part.length, head.length));
  joined.set(head);
  let at = head.length;
  for (const part of numbers) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
