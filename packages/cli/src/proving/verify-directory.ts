/** The verdict on a run directory. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import {
  decodeKey,
  fingerprintOf,
  type PublicValues,
  type RunProof,
  type RunVerdict,
  type VerifierKey,
  verifyRun,
} from '@dsperse/core/verify';
import { KEY_FILE } from '../artifacts/program-directory.js';
import { type RunManifest, readRun, readRunKey, readRunManifest } from '../artifacts/run-directory.js';

export interface VerifyRequest {
  readonly run: string;
  /** What is trusted: a fingerprint, the key that it is the digest of, or both. */
  readonly fingerprint?: string;
  readonly keyFile?: string;
  readonly nonce?: string;
  readonly allowUnproven: boolean;
  /** Integers that the input must be, made with the key. */
  readonly inputs?: (key: VerifierKey) => PublicValues;
}

export interface DirectoryVerdict extends RunVerdict {
  /** One line: why there is no verdict, where the code does not say enough. */
  readonly reason?: string;
  readonly verifyMs: number;
  readonly key?: VerifierKey;
  readonly run?: RunProof;
  readonly manifest?: RunManifest;
}

/** Errors about the prover's files that say that they are malformed, not that they are absent. */
const MALFORMED = ['damaged-artifact'];

/** @throws InputError where the caller's own input cannot be used */
export function verifyDirectory(request: VerifyRequest): DirectoryVerdict {
  let files: { keyBytes: Uint8Array; read: ReturnType<typeof readRun> };
  let fingerprint = request.fingerprint ?? '';
  try {
    readRunManifest(request.run);
    const keyBytes = request.keyFile === undefined ? readRunKey(request.run) : readKeyFile(request.keyFile);
    fingerprint = fingerprintOf(keyBytes);
    if (request.keyFile !== undefined) checkOwnKey(request.keyFile, keyBytes, fingerprint, request.fingerprint);
    files = { keyBytes, read: readRun(request.run) };
  } catch (e) {
    if (!(e instanceof InputError)) throw e;
    const verdict = MALFORMED.includes(e.code) ? 'rejected' : 'undecided';
    return { ...NOTHING, verdict, code: e.code, path: request.run, reason: `${e.message}; ${e.hint}`, fingerprint };
  }
  const { keyBytes, read } = files;
  const { manifest, run, missing } = read;
  let key: VerifierKey | undefined;
  try {
    key = decodeKey(keyBytes);
  } catch (e) {
    // verifyRun says what it makes of it.
    if (!(e instanceof InputError)) throw e;
  }
  const trusted = request.fingerprint ?? fingerprint;
  const inputs = key && fingerprint === trusted ? request.inputs?.(key) : undefined;
  const began = performance.now();
  const { allowUnproven } = request;
  const judged = verifyRun(keyBytes, run, { fingerprint: trusted, inputs, allowUnproven });
  const verifyMs = performance.now() - began;
  const known = { key, run, manifest, verifyMs };
  if (judged.verdict === 'rejected') return { ...judged, ...known };
  const reject = (code: string, path: string) => ({ ...judged, verdict: 'rejected' as const, code, path, ...known });
  if (manifest.fingerprint !== fingerprint) return reject('fingerprint', 'run.json/fingerprint');
  if (request.nonce !== undefined && request.nonce !== run.nonce) return reject('nonce', 'run.json/nonce');
  if (missing.length > 0) {
    const reason = `missing: ${missing.join(', ')}; copy the whole run again`;
    return { ...judged, verdict: 'undecided', code: 'missing-artifact', path: missing[0], reason, ...known };
  }
  return { ...judged, ...known };
}

const NOTHING = {
  slices: [],
  coverage: { proven: [], unproven: [], linked: false },
  inputs: new Map<string, Int32Array>(),
  outputs: new Map<string, Int32Array>(),
  verifyMs: 0,
};

function readKeyFile(path: string): Uint8Array {
  try {
    // The program's directory does for its key.
    return readFileSync(statSync(path).isDirectory() ? join(path, KEY_FILE) : path);
  } catch (cause) {
    throw new InputError('missing-artifact', `the key ${path} cannot be read`, 'check the path', undefined, { cause });
  }
}

/** The caller's own key that is none, or of another program than he trusts, says nothing against the run. */
function checkOwnKey(path: string, bytes: Uint8Array, fingerprint: string, trusted = fingerprint): void {
  try {
    decodeKey(bytes);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const message = `the key ${path} cannot be used: ${cause.message}`;
    throw new InputError('bad-artifact', message, 'give verifier.key of a program', undefined, { cause });
  }
  if (fingerprint !== trusted) {
    throw new InputError(
      'bad-artifact',
      `the key ${path} is of the program ${fingerprint}, not of the one that is trusted`,
      'give one of --key and --fingerprint, or a key of that fingerprint',
    );
  }
}
