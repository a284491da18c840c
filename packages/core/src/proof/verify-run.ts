/**
 * The verdict on a run: total over the program's slices. Every slice that is not shown is named as unproven; every tensor
 * that crosses a cut must be committed to the same by the slice that makes it and those that read it; the public input
 * and output are those that the first and last commitments bind.
 */
import type { Preset } from '../argument/presets.js';
import { InputError } from '../base/errors.js';
import type { AcceptedSlices } from './accepted-slices.js';
import type { SliceStatement } from './statement.js';
import { fingerprintOf, readKey, type VerifierKey } from './verifier-key.js';
import {
  ACCEPTED,
  type PublicValues,
  rangeOf,
  rejected,
  undecided,
  type Verdict,
  verifySlice,
} from './verify-slice.js';

export interface SliceProof {
  readonly statement: SliceStatement;
  readonly proof: Uint8Array;
}

export interface RunProof {
  /** The nonce that every slice must be proven for: 64 hexadecimal digits. */
  readonly nonce: string;
  /** Integers of the public inputs and outputs, by name; outputs of unproven slices may be absent. */
  readonly values: PublicValues;
  /** By slice; undefined where it is unproven, or where the proof of an earlier one is about it too. */
  readonly slices: readonly (SliceProof | undefined)[];
}

export interface RunOptions {
  /** What the caller trusts: the run is rejected if the key is another program's. */
  readonly fingerprint?: string;
  /** The input that the caller asked for, as integers: the run is rejected if it is about another. */
  readonly inputs?: PublicValues;
  /** Accept although some slices are unproven (targeted verification). */
  readonly allowUnproven?: boolean;
  /** `tiny` takes keys that were made for tests, whose proofs prove nothing; `standard` where nothing is said. */
  readonly preset?: Preset['name'];
  /** Proofs that were verified before: those of the very same bytes and numbers are not verified again. */
  readonly accepted?: AcceptedSlices;
}

export interface SliceReport {
  readonly index: number;
  readonly verdict: 'accepted' | 'rejected' | 'undecided' | 'unproven';
  readonly code?: string;
  readonly path?: string;
  /** The slice at which the proof stands, where it is one of several joined slices. */
  readonly provenWith?: number;
}

export interface RunVerdict {
  readonly verdict: 'accepted' | 'rejected' | 'undecided';
  readonly code?: string;
  readonly path?: string;
  readonly fingerprint: string;
  readonly slices: readonly SliceReport[];
  readonly coverage: {
    readonly proven: readonly number[];
    readonly unproven: readonly number[];
    /** Whether every tensor that crosses a cut is shown by both sides to be the same. */
    readonly linked: boolean;
  };
  /** Integers of the public tensors that an accepted slice binds. */
  readonly inputs: PublicValues;
  readonly outputs: PublicValues;
}

const nothingShown = (fingerprint: string): RunVerdict => ({
  verdict: 'undecided',
  fingerprint,
  slices: [],
  coverage: { proven: [], unproven: [], linked: false },
  inputs: new Map(),
  outputs: new Map(),
});

/** Keys that are remembered. */
const MOST_KEYS = 4;
/** By preset and fingerprint, the digest of the bytes that they were decoded from: so nothing rests on whose bytes they were. */
const opened = new Map<string, VerifierKey>();

/** As readKey, of which it remembers what was asked for last: most runs are of the program of the run before. */
function openKey(data: Uint8Array, fingerprint: string, preset: Preset['name'] = 'standard'): VerifierKey {
  const name = `${preset} ${fingerprint}`;
  const key = opened.get(name) ?? readKey(data, preset);
  // The one that was asked for longest ago is forgotten first.
  opened.delete(name);
  opened.set(name, key);
  if (opened.size > MOST_KEYS) opened.delete([...opened.keys()][0]);
  return key;
}

/** @param keyBytes the verifier key, as it was published: its digest is the fingerprint */
export function verifyRun(keyBytes: Uint8Array, run: RunProof, options: RunOptions = {}): RunVerdict {
  const fingerprint = fingerprintOf(keyBytes);
  const none = nothingShown(fingerprint);
  if (options.fingerprint !== undefined && options.fingerprint !== fingerprint) {
    return { ...none, ...rejected('fingerprint', 'verifier.key') };
  }
  let key: VerifierKey;
  try {
    key = openKey(keyBytes, fingerprint, options.preset);
  } catch (error) {
    return { ...none, ...undecided(error instanceof InputError ? error.code : 'internal', 'verifier.key') };
  }
  return verifyRunBy({ key, fingerprint }, run, options);
}

/** A key that was decoded, with the fingerprint of the bytes that it was decoded from. */
export interface OpenedKey {
  readonly key: VerifierKey;
  readonly fingerprint: string;
}

/** As verifyRun, with a key that the caller has decoded: options.preset was for that. */
export function verifyRunBy({ key, fingerprint }: OpenedKey, run: RunProof, options: RunOptions = {}): RunVerdict {
  const none = nothingShown(fingerprint);
  if (options.fingerprint !== undefined && options.fingerprint !== fingerprint) {
    return { ...none, ...rejected('fingerprint', 'verifier.key') };
  }
  const slices = judgeSlices(key, fingerprint, run, options.accepted);
  const inState = (state: SliceReport['verdict']) => slices.flatMap((s) => (s.verdict === state ? [s.index] : []));
  const proven = inState('accepted');
  const unproven = inState('unproven');
  const links = checkLinks(key, run, proven);
  const bound = (names: readonly string[]): PublicValues =>
    new Map(
      names.flatMap((name): [string, Int32Array][] => {
        const values = run.values.get(name);
        const shown = proven.some((i) => [...key.slices[i].inputs, ...key.slices[i].outputs].includes(name));
        return values && shown ? [[name, values]] : [];
      }),
    );
  const verdict = judge(key, run, options, slices, links.verdict);
  return {
    ...none,
    ...verdict,
    slices,
    coverage: { proven, unproven, linked: links.complete },
    inputs: bound(key.inputs),
    outputs: bound(key.outputs),
  };
}

function judgeSlices(
  key: VerifierKey,
  fingerprint: string,
  run: RunProof,
  accepted: AcceptedSlices | undefined,
): SliceReport[] {
  const reports: SliceReport[] = [];
  for (let index = 0; index < key.slices.length; index++) {
    const given = run.slices[index];
    const joined = reports[index];
    if (joined) {
      // A slice is proven once: which of two proofs counts is not the verifier's to choose.
      if (given) reports[index] = { index, ...rejected('proven-twice', `slices/${index}`) };
      continue;
    }
    const report = given
      ? judgeSlice(key, fingerprint, run, given, index, accepted)
      : { index, verdict: 'unproven' as const };
    const { count } = (given && rangeOf(key, given.statement ?? {})) ?? { count: 1 };
    for (let k = index; k < index + count && k < key.slices.length; k++) {
      reports[k] = count > 1 ? { ...report, index: k, provenWith: index } : report;
    }
  }
  return reports;
}

function judgeSlice(
  key: VerifierKey,
  fingerprint: string,
  run: RunProof,
  given: SliceProof,
  index: number,
  accepted: AcceptedSlices | undefined,
): SliceReport {
  if (given.statement?.index !== index) return { index, ...rejected('slice-index', `slices/${index}/statement/index`) };
  if (given.statement.nonce !== run.nonce) return { index, ...rejected('nonce', `slices/${index}/statement/nonce`) };
  const { statement, proof } = given;
  const verdict = accepted
    ? accepted.verify(key, fingerprint, statement, proof, run.values)
    : verifySlice(key, fingerprint, statement, proof, run.values);
  return { index, ...verdict, ...('path' in verdict ? { path: `slices/${index}/${verdict.path}` } : {}) };
}

/** Compares the commitments of every tensor among the proofs of the slices that are proven. */
function checkLinks(
  key: VerifierKey,
  run: RunProof,
  proven: readonly number[],
): { readonly verdict: Verdict; readonly complete: boolean } {
  const commitments = new Map<string, string>();
  const makers = new Set<string>(key.inputs);
  let verdict = ACCEPTED;
  let complete = true;
  for (const index of proven) {
    const { inputs, outputs } = key.slices[index];
    for (const name of outputs) makers.add(name);
    // Read by a proven slice, made by one that is not.
    if (inputs.some((name) => !makers.has(name))) complete = false;
    // Joined slices have one statement, at the first; what they hand to each other is no boundary.
    for (const [name, commitment] of Object.entries(run.slices[index]?.statement.commitments ?? {})) {
      const known = commitments.get(name);
      if (known === undefined) commitments.set(name, commitment);
      else if (known !== commitment) {
        complete = false;
        if (verdict === ACCEPTED) verdict = rejected('link', `slices/${index}/tensors/${name}`);
      }
    }
  }
  return { verdict, complete: complete && proven.length === key.slices.length };
}

function judge(
  key: VerifierKey,
  run: RunProof,
  options: RunOptions,
  slices: readonly SliceReport[],
  links: Verdict,
): Verdict {
  for (const wrong of ['rejected', 'undecided'] as const) {
    const s = slices.find((x) => x.verdict === wrong);
    if (s) return { verdict: wrong, code: s.code as string, path: s.path as string };
    if (wrong === 'rejected' && links.verdict !== 'accepted') return links;
  }
  if (run.slices.length > key.slices.length) return rejected('too-many-slices', 'slices');
  for (const [name, values] of options.inputs ?? []) {
    const given = run.values.get(name);
    if (!given || !sameIntegers(given, values)) {
      return rejected('input-mismatch', `values/${name}`);
    }
  }
  const unproven = slices.filter((s) => s.verdict === 'unproven').map((s) => s.index);
  if (unproven.length > 0 && (!options.allowUnproven || unproven.length === slices.length)) {
    return undecided('unproven-slices', `slices/${unproven.join(',')}`);
  }
  return ACCEPTED;
}

function sameIntegers(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
