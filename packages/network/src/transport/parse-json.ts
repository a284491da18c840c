/** JSON from a stranger: bounded before it is built. */

export interface JsonLimits {
  readonly depth: number;
  /** Members and items in all. */
  readonly values: number;
}

export type JsonFault = 'not-utf8' | 'not-json' | 'too-deep' | 'too-many-values';

export type ParsedJson = { readonly value: unknown } | { readonly fault: JsonFault };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = [0x5b, 0x7b];
const CLOSING = [0x5d, 0x7d];

/** Depth and number of values of what may be JSON, by its brackets and commas outside strings. */
function measure(bytes: Uint8Array, limits: JsonLimits): JsonFault | undefined {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      // To the quote that ends the string; those behind an odd number of backslashes do not.
      for (;;) {
        i = bytes.indexOf(QUOTE, i + 1);
        if (i < 0) return 'not-json';
        let slashes = 0;
        while (bytes[i - 1 - slashes] === BACKSLASH) slashes++;
        if (slashes % 2 === 0) break;
      }
    } else if (byte === COMMA) {
      if (++values > limits.values) return 'too-many-values';
    } else if (OPENING.includes(byte)) {
      if (++depth > limits.depth) return 'too-deep';
      if (++values > limits.values) return 'too-many-values';
    } else if (CLOSING.includes(byte)) depth--;
  }
  return undefined;
}

export function parseJson(bytes: Uint8Array, limits: JsonLimits): ParsedJson {
  const fault = measure(bytes, limits);
  if (fault) return { fault };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { fault: 'not-utf8' };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { fault: 'not-json' };
  }
}

/** JSON with bigints as decimal strings. */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? member.toString() : member));
}
