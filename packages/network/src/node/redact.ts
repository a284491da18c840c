/** What is written down of values that may hold secrets. */

const SECRET_NAME =
  /passw(or)?d|passphrase|secret|private_?key|mnemonic|^seed$|authorization|cookie|api_?key|access_?key/i;

/** User and password in a URL. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^/?#\s"'@]+@/gi;

export const HIDDEN = '[hidden]';
const MAX_DEPTH = 6;

export const hideCredentials = (text: string): string => text.replace(CREDENTIALS, `$1${HIDDEN}@`);

/** A copy as JSON can hold it: secrets hidden by their names, at any depth; bigints in decimal, bytes by their number. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return hideCredentials(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Error) return describeError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((v) => redact(v, depth + 1));
  const entries = value instanceof Map ? [...value].map(([k, v]) => [String(k), v]) : Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, v]) => [name, SECRET_NAME.test(name) && v !== undefined ? HIDDEN : redact(v, depth + 1)]),
  );
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  return {
    type: name,
    message: hideCredentials(message),
    ...(code !== undefined && { code }),
    ...(hint !== undefined && hint !== '' && { hint }),
    ...(stack && { stack: hideCredentials(stack) }),
    ...(cause !== undefined && depth < MAX_DEPTH && { cause: redact(cause, depth + 1) }),
  };
}
