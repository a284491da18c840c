import { createHash } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';

const FORM = /^sha256:([0-9a-f]{64})$/;

/** True for `sha256:` and 64 hexadecimal digits in lower case. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && FORM.test(value);
}

/** The 64 hexadecimal digits of a digest. InputError `bad-digest` for anything else: paths are built from these alone. */
export function digestHex(digest: string): string {
  const match = typeof digest === 'string' ? FORM.exec(digest) : null;
  if (!match || digest.length !== 71) {
    throw new InputError('bad-digest', 'This is not the digest of a blob.', 'Write sha256: and 64 hexadecimal digits.');
  }
  return match[1];
}

/** The digest of the bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
