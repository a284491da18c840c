/** What one proof says, of a slice or of several joined ones, apart from the program: encoded and absorbed into its transcript. */
import { Encoder, fromHex } from '../base/codec.js';
import { PROTOCOL_VERSION } from './verifier-key.js';

/** As JSON: byte strings in lower-case hexadecimal. */
export interface SliceStatement {
  /** 32 bytes. */
  readonly fingerprint: string;
  readonly index: number;
  /** Slices that it is about, from `index` on: two or more; one where nothing is said. */
  readonly count?: number;
  /** 32 bytes: the session or order that the proof is made for. */
  readonly nonce: string;
  /** Who proved it: any string of at most 256 UTF-16 units, empty where it does not matter. */
  readonly prover: string;
  /** Commitment (32 bytes) of each boundary tensor, by name. */
  readonly commitments: Readonly<Record<string, string>>;
}

export const MAX_PROVER = 256;

/**
 * The bytes of a statement about a slice with the given boundary tensors, and their commitments in that order;
 * undefined where it is malformed or about other tensors.
 */
export function encodeStatement(
  s: SliceStatement,
  boundary: readonly string[],
): { readonly bytes: Uint8Array; readonly commitments: readonly Uint8Array[] } | undefined {
  const fingerprint = fromHex(s?.fingerprint, 32);
  const nonce = fromHex(s?.nonce, 32);
  if (!fingerprint || !nonce || typeof s.prover !== 'string' || s.prover.length > MAX_PROVER) return undefined;
  if (s.count !== undefined && !(Number.isSafeInteger(s.count) && s.count >= 2)) return undefined;
  if (!Number.isSafeInteger(s.index) || s.index < 0 || typeof s.commitments !== 'object' || !s.commitments) {
    return undefined;
  }
  if (Object.keys(s.commitments).length !== boundary.length) return undefined;
  const commitments: Uint8Array[] = [];
  for (const name of boundary) {
    const digest = Object.hasOwn(s.commitments, name) ? fromHex(s.commitments[name], 32) : undefined;
    if (!digest) return undefined;
    commitments.push(digest);
  }
  const e = new Encoder()
    .text('dsperse statement')
    .uint(PROTOCOL_VERSION)
    .raw(fingerprint)
    .uint(s.index)
    .uint(s.count ?? 1)
    .raw(nonce);
  e.text(s.prover);
  boundary.forEach((name, i) => {
    e.text(name).raw(commitments[i]);
  });
  return { bytes: e.done(), commitments };
}
