/** Bytes as base64 and back, in browsers and in Node. */
import { InputError } from '@dsperse/core/verify';

// A multiple of three, so that the parts join without padding between them.
const PART = 24_573;

/** Node's, where it is there: a hundred times as fast. */
const node = (globalThis as { Buffer?: typeof Buffer }).Buffer;

export function toBase64(bytes: Uint8Array, buffer: typeof node | null = node): string {
  if (buffer) return buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += PART) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PART))));
  }
  return parts.join('');
}

/** @throws InputError `bad-base64` */
export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch (cause) {
    throw new InputError('bad-base64', 'the text is no base64', 'take it whole', undefined, { cause });
  }
}
