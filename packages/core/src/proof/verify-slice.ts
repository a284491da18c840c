/** The verdict on one proof, of a slice or of joined ones. Total: any bytes give a verdict, none an exception. */
import { VerifierChannel } from '../argument/channel.js';
import { Rejected } from '../argument/rejected.js';
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { BoundaryTensor } from '../program/compiled.js';
import { sliceProtocol } from './slice-protocol.js';
import { encodeStatement, type SliceStatement } from './statement.js';
import { unitOf, type VerifierKey } from './verifier-key.js';

export type Verdict =
  | { readonly verdict: 'accepted' }
  | { readonly verdict: 'rejected'; readonly code: string; readonly path: string }
  | { readonly verdict: 'undecided'; readonly code: string; readonly path: string };

export const ACCEPTED: Verdict = { verdict: 'accepted' };
export const rejected = (code: string, path: string): Verdict => ({ verdict: 'rejected', code, path });
export const undecided = (code: string, path: string): Verdict => ({ verdict: 'undecided', code, path });

/** The numbers of the program's public tensors, by name. */
export type PublicValues = ReadonlyMap<string, Int32Array>;

/** The slices of the program that a statement is about; undefined where there are none such. */
export function rangeOf(
  key: VerifierKey,
  statement: SliceStatement,
): { readonly index: number; readonly count: number } | undefined {
  const { index, count = 1 } = statement;
  const whole = [index, count].every(Number.isSafeInteger);
  return whole && index >= 0 && count >= 1 && index + count <= key.slices.length ? { index, count } : undefined;
}

/**
 * Whether `proof` shows the statement. The caller compares the statement's nonce and prover with what it asked for.
 * @param fingerprint of the program, 64 hexadecimal digits: fingerprintOf(the key's bytes)
 */
export function verifySlice(
  key: VerifierKey,
  fingerprint: string,
  statement: SliceStatement,
  proof: Uint8Array,
  publicValues: PublicValues,
): Verdict {
  try {
    if (statement?.fingerprint !== fingerprint) return rejected('fingerprint', 'statement/fingerprint');
    const range = rangeOf(key, statement);
    if (!range) return rejected('statement', 'statement/index');
    const unit = unitOf(key, range.index, range.count);
    const { shape } = unit;
    const names = [...unit.inputs, ...unit.outputs];
    const encoded = encodeStatement(statement, names);
    if (!encoded) return rejected('statement', 'statement');
    const values = shape.boundary.map(({ mode }, i) => (mode === 'public' ? publicValues.get(names[i]) : undefined));
    for (let i = 0; i < names.length; i++) {
      if (shape.boundary[i].mode !== 'public') continue;
      const size = sizeOf((key.tensors.get(names[i]) as BoundaryTensor).dims);
      if (!values[i]) return undecided('missing-values', `values/${names[i]}`);
      if (values[i]?.length !== size) return rejected('public-values', `values/${names[i]}`);
    }
    const channel = new VerifierChannel(proof);
    sliceProtocol(channel, shape, encoded.bytes, { commitments: encoded.commitments, publicValues: values });
    channel.end();
    return ACCEPTED;
  } catch (error) {
    if (error instanceof Rejected) return rejected(error.code, error.path);
    // A slice that no proof can hold is the key's fault, joined slices are the statement's.
    if (error instanceof InputError) {
      return (statement.count ?? 1) > 1
        ? rejected(error.code, 'statement/count')
        : undecided(error.code, 'statement/index');
    }
    // Nothing should come here; whatever does is not a proof that we accept.
    return undecided('internal', error instanceof Error ? error.message : 'verifier');
  }
}
