/** In a measuring process: proves the slices of a program again and again. */
import { join } from 'node:path';
import { createKernels, type Kernels } from '@dsperse/core/kernels';
import {
  Arrays,
  type ConstantsStore,
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  fromHex,
  groupSlices,
  InvariantError,
  joinPackages,
  type PreparedUnit,
  type ProofUnit,
  prepareUnit,
  proveUnit,
} from '@dsperse/core/prove';
import { decodeKey, fingerprintOf, type SliceProof, verifyRun } from '@dsperse/core/verify';
import { constantsStore } from '../proving/constants-store.js';
import { boundaryOf } from '../proving/prove-run.js';
import { type BenchContents, readBenchContents, readBenchKey, readBenchSlice } from './bench-directory.js';
import { PhaseClock } from './phase-clock.js';
import type { BenchRequest, OpenReport, ProveReport, VerifyReport } from './protocol.js';

const NONCE = '00'.repeat(32);
/** Packages of more bytes than these are read, committed to and let go slice by slice. A code word is four times as long. */
const HELD_BYTES = 250e6;

/** Of the numbers of an inference, kept for the next one: as a prover of the network does. */
const NUMBER_BYTES = 2 ** 27;

/** What one proof is of, with its weights committed to. */
interface Ready {
  readonly unit: ProofUnit;
  readonly prepared: PreparedUnit;
}

function groupsOf(directory: string, slices: readonly number[], joinedBytes: number | undefined): number[][] {
  if (joinedBytes === undefined) return slices.map((i) => [i]);
  const groups = groupSlices(decodeKey(readBenchKey(directory)), joinedBytes, slices);
  return groups.map(({ index, count }) => Array.from({ length: count }, (_, i) => index + i));
}

export class ProverSession {
  private readonly held = new Map<string, Ready>();
  private readonly arrays = new Arrays(NUMBER_BYTES);
  private heldMs = 0;
  /** By slice: absent where the proof of an earlier one is about it too. */
  private proofs: SliceProof[] = [];

  private constructor(
    private readonly kernels: Kernels,
    private readonly directory: string,
    private readonly contents: BenchContents,
    /** Slices by the proof that they are in. */
    private readonly groups: readonly (readonly number[])[],
    private readonly holds: boolean,
    private readonly store: ConstantsStore,
  ) {}

  static async open(request: BenchRequest & { ask: 'open' }): Promise<ProverSession> {
    const { directory, workers } = request;
    const contents = readBenchContents(directory);
    const slices = request.slices ?? contents.packageSizes.map((_, i) => i);
    const groups = request.groups ?? groupsOf(directory, slices, request.joinedBytes);
    // Where memory does not hold one proof of all slices, it holds no weights of others either.
    const one = request.joinedBytes === undefined || groups.length === 1;
    const holds = one && slices.reduce((n, i) => n + contents.packageSizes[i], 0) <= HELD_BYTES;
    const kernels = await createKernels({ threads: workers });
    // Of its own: what one session has committed to is not there for the next.
    const store = await constantsStore(join(directory, `weights-${process.pid}`));
    const session = new ProverSession(kernels, directory, contents, groups, holds, store as ConstantsStore);
    if (holds) {
      const began = performance.now();
      for (const group of groups) session.held.set(group.join(), session.prepare(group));
      session.heldMs = performance.now() - began;
    }
    return session;
  }

  get report(): OpenReport {
    return { workers: this.kernels.threads, proofs: this.groups.length, holdsWeights: this.holds };
  }

  prove(): ProveReport {
    const { kernels, contents } = this;
    const nonce = fromHex(NONCE, 32) as Uint8Array;
    const salt = (tensor: string) => deriveSalt(nonce, tensor);
    const clock = new PhaseClock();
    let prepareMs = this.heldMs;
    this.proofs = [];
    const proofMs = this.groups.map((group) => {
      const mark = kernels.mark();
      const reading = performance.now();
      const { unit, prepared } = this.held.get(group.join()) ?? this.prepare(group);
      const start = performance.now();
      if (!this.holds) prepareMs += start - reading;
      clock.enter('execute');
      const execution = executeSlice(unit, contents.values, kernels, this.arrays);
      clock.enter('other');
      const boundary = boundaryOf(unit, contents.values, salt);
      const context = { nonce, prover: '', execution, prepared, onPhase: clock.enter };
      this.proofs[unit.index] = proveUnit(kernels, unit, boundary, context);
      clock.enter(undefined);
      execution.values.release();
      const ms = performance.now() - start;
      kernels.release(mark);
      return ms;
    });
    return {
      proveMs: proofMs.reduce((a, b) => a + b, 0),
      prepareMs,
      phases: clock.phases,
      proofMs,
      proofBytes: this.proofs.reduce((n, p) => n + p.proof.length, 0),
    };
  }

  verify(): VerifyReport {
    const { values, publicInputs } = this.contents;
    const key = readBenchKey(this.directory);
    const fingerprint = fingerprintOf(key);
    const inputs = new Map(publicInputs.map((name) => [name, values.get(name) as Int32Array]));
    const began = performance.now();
    const verdict = verifyRun(key, { nonce: NONCE, values, slices: this.proofs }, { fingerprint, inputs });
    const verifyMs = performance.now() - began;
    if (verdict.verdict !== 'accepted' || !verdict.coverage.linked) {
      throw new InvariantError(`an honest run was ${verdict.verdict}: ${verdict.code} at ${verdict.path}`);
    }
    return { verifyMs };
  }

  /** The run that was proven last, as JSON: what a verifier needs. */
  runDocument(): object {
    const { values, publicInputs } = this.contents;
    const key = readBenchKey(this.directory);
    const { inputs, outputs } = decodeKey(key);
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const integers = (names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, Array.from(values.get(name) as Int32Array)]));
    return {
      key: base64(key),
      fingerprint: fingerprintOf(key),
      nonce: NONCE,
      inputs: integers(publicInputs),
      values: integers([...inputs, ...outputs]),
      // By slice: null where the proof of an earlier one is about it too.
      slices: Array.from(this.proofs, (p) => (p ? { statement: p.statement, proof: base64(p.proof) } : null)),
    };
  }

  close(): Promise<void> {
    return this.kernels.close();
  }

  private prepare(group: readonly number[]): Ready {
    const packages = group.map((index) => decodeSlicePackage(readBenchSlice(this.directory, index)));
    const unit = joinPackages(decodeKey(readBenchKey(this.directory)), packages);
    return { unit, prepared: prepareUnit(this.kernels, unit, this.store) };
  }
}
