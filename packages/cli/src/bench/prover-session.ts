/** In a measuring process: proves the slices of a program again and again. */
import { createKernels, type Kernels } from '@dsperse/core/kernels';
import {
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  fromHex,
  InvariantError,
  type PreparedUnit,
  prepareSlice,
  provePackage,
  type SlicePackage,
} from '@dsperse/core/prove';
import { decodeKey, fingerprintOf, type SliceProof, verifyRun } from '@dsperse/core/verify';
import { boundaryOf } from '../proving/prove-run.js';
import { type BenchContents, readBenchContents, readBenchKey, readBenchSlice } from './bench-directory.js';
import { PhaseClock } from './phase-clock.js';
import type { BenchRequest, OpenReport, ProveReport, VerifyReport } from './protocol.js';

const NONCE = '00'.repeat(32);
/** Packages of more bytes than these are read, committed to and let go slice by slice. A code word is four times as long. */
const HELD_BYTES = 200e6;

interface Ready {
  readonly slice: SlicePackage;
  readonly prepared: PreparedUnit;
}

export class ProverSession {
  private readonly held = new Map<number, Ready>();
  private heldMs = 0;
  private proofs: SliceProof[] = [];

  private constructor(
    private readonly kernels: Kernels,
    private readonly directory: string,
    private readonly contents: BenchContents,
    private readonly slices: readonly number[],
    private readonly holds: boolean,
  ) {}

  static async open(request: BenchRequest & { ask: 'open' }): Promise<ProverSession> {
    const { directory, workers } = request;
    const contents = readBenchContents(directory);
    const slices = request.slices ?? contents.packageSizes.map((_, i) => i);
    const holds = slices.reduce((n, i) => n + contents.packageSizes[i], 0) <= HELD_BYTES;
    const session = new ProverSession(await createKernels({ threads: workers }), directory, contents, slices, holds);
    if (holds) {
      const began = performance.now();
      for (const index of slices) session.held.set(index, session.prepare(index));
      session.heldMs = performance.now() - began;
    }
    return session;
  }

  get report(): OpenReport {
    return { workers: this.kernels.threads, holdsWeights: this.holds };
  }

  prove(slices: readonly number[] = this.slices): ProveReport {
    const { kernels, contents } = this;
    const nonce = fromHex(NONCE, 32) as Uint8Array;
    const salt = (tensor: string) => deriveSalt(nonce, tensor);
    const clock = new PhaseClock();
    let prepareMs = this.heldMs;
    this.proofs = [];
    const sliceMs = slices.map((index) => {
      const mark = kernels.mark();
      const reading = performance.now();
      const { slice, prepared } = this.held.get(index) ?? this.prepare(index);
      const start = performance.now();
      if (!this.holds) prepareMs += start - reading;
      clock.enter('execute');
      const execution = executeSlice(slice, contents.values, kernels);
      clock.enter('other');
      const boundary = boundaryOf(slice, contents.values, salt);
      const context = { nonce, prover: '', execution, prepared, onPhase: clock.enter };
      this.proofs.push(provePackage(kernels, slice, boundary, context));
      clock.enter(undefined);
      const ms = performance.now() - start;
      kernels.release(mark);
      return ms;
    });
    return {
      proveMs: sliceMs.reduce((a, b) => a + b, 0),
      prepareMs,
      phases: clock.phases,
      sliceMs,
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
    if (verdict.verdict !== 'accepted' || decodeKey(key).slices.length !== this.proofs.length) {
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
      slices: this.proofs.map(({ statement, proof }) => ({ statement, proof: base64(proof) })),
    };
  }

  close(): Promise<void> {
    return this.kernels.close();
  }

  private prepare(index: number): Ready {
    const slice = decodeSlicePackage(readBenchSlice(this.directory, index));
    return { slice, prepared: prepareSlice(this.kernels, slice) };
  }
}
