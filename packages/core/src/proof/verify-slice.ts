/** The verdict on one slice proof. Total: any bytes give a verdict, none an exception. */
import { VerifierChannel } from '../argument/channel.js';
import { Rejected } from '../argument/rejected.js';
import { sizeOf } from '../base/dims.js';
import type { BoundaryTensor } from '../program/compiled.js';
import { sliceProtocol } from './slice-protocol.js';
import { encodeStatement, type SliceStatement } from './statement.js';
import { shapeOf, type VerifierKey } from './verifier-key.js';

export type Verdict =
  | { readonly verdict: 'accepted' }
  | { readonly verdict: 'rejected'; readonly code: string; readonly path: string }
  | { readonly verdict: 'undecided'; readonly code: string; readonly path: string };

export const ACCEPTED: Verdict = { verdict: 'accepted' };
export const rejected = (code: string, path: string): Verdict => ({ verdict: 'rejected', code, path });
export const undecided = (code: string, path: string): Verdict => ({ verdict: 'undecided', code, path });

/** The numbers of the program's public tensors, by name. */
export type PublicValues = ReadonlyMap<string, Int32Array>;

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
    const slice = key.slices[statement.index];
    if (!slice) return rejected('statement', 'statement/index');
    const names = [...slice.inputs, ...slice.outputs];
    const encoded = encodeStatement(statement, names);
    if (!encoded) return rejected('statement', 'statement');
    const shape = shapeOf(key, statement.index);
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
    // Nothing should come here; whatever does is not a proof that we accept.
    return undecided('internal', error instanceof Error ? error.message : 'verifier');
  }
}
