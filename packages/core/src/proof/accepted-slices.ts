/** Proofs that were found to hold before their run is judged, so that nothing is verified twice. */
import { encodeStatement, type SliceStatement } from './statement.js';
import { unitBoundary, type VerifierKey } from './verifier-key.js';
import { type PublicValues, rangeOf, type Verdict, verifySlice } from './verify-slice.js';

/** All that the verdict on a proof follows from. */
interface Accepted {
  readonly key: VerifierKey;
  readonly fingerprint: string;
  readonly statement: Uint8Array;
  readonly proof: Uint8Array;
  /** Public boundary tensors, in the order of the unit's boundary. */
  readonly values: readonly Int32Array[];
}

const MOST = 256;

/**
 * verifySlice that remembers what it accepted, by copies of everything that it was shown: a verdict counts again only for the
 * same key, statement, proof and public values, compared byte by byte. So whoever fills it decides nothing.
 */
export class AcceptedSlices {
  readonly #known: Accepted[] = [];

  /** As verifySlice. */
  verify(
    key: VerifierKey,
    fingerprint: string,
    statement: SliceStatement,
    proof: Uint8Array,
    publicValues: PublicValues,
  ): Verdict {
    const shown = shownBy(key, fingerprint, statement, proof, publicValues);
    if (shown && this.#known.some((known) => isSame(known, shown))) return { verdict: 'accepted' };
    const verdict = verifySlice(key, fingerprint, statement, proof, publicValues);
    if (shown && verdict.verdict === 'accepted' && this.#known.length < MOST) {
      this.#known.push({ ...shown, proof: proof.slice(), values: shown.values.map((v) => v.slice()) });
    }
    return verdict;
  }
}

/** undefined where the statement is malformed: there is nothing to remember then. */
function shownBy(
  key: VerifierKey,
  fingerprint: string,
  statement: SliceStatement,
  proof: Uint8Array,
  publicValues: PublicValues,
): Accepted | undefined {
  if (statement?.fingerprint !== fingerprint || !(proof instanceof Uint8Array)) return undefined;
  const range = rangeOf(key, statement);
  if (!range) return undefined;
  const { inputs, outputs } = unitBoundary(key, range.index, range.count);
  const names = [...inputs, ...outputs];
  const encoded = encodeStatement(statement, names);
  if (!encoded) return undefined;
  const values: Int32Array[] = [];
  for (const name of names) {
    if (!key.inputs.includes(name) && !key.outputs.includes(name)) continue;
    const given = publicValues.get(name);
    if (!(given instanceof Int32Array)) return undefined;
    values.push(given);
  }
  return { key, fingerprint, statement: encoded.bytes, proof, values };
}

function isSame(a: Accepted, b: Accepted): boolean {
  return (
    a.key === b.key &&
    a.fingerprint === b.fingerprint &&
    areSame(a.statement, b.statement) &&
    areSame(a.proof, b.proof) &&
    a.values.length === b.values.length &&
    a.values.every((v, i) => areSame(v, b.values[i]))
  );
}

function areSame(a: Uint8Array | Int32Array, b: Uint8Array | Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
