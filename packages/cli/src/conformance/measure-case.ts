/** One case at one precision: compiled, proven, verified, tampered with once, and compared. */
import type { Kernels } from '@dsperse/core/kernels';
import { type CompiledProgram, compileModel, dequantize, type Precision, quantizeInputs } from '@dsperse/core/program';
import {
  commitProgram,
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  fromHex,
  InvariantError,
  provePackage,
} from '@dsperse/core/prove';
import { type RunOptions, type RunProof, type RunVerdict, verifyRun } from '@dsperse/core/verify';
import { boundaryOf } from '../proving/prove-run.js';
import type { ConformanceCase } from './cases.js';

/** Of an accepted run whose forgery was rejected. */
export interface Measurement {
  readonly precision: Precision;
  readonly slices: number;
  /** Largest difference from the expected outputs, as a fraction of their range. */
  readonly error: number;
  readonly argmaxAgrees: boolean;
  readonly proveMs: number;
  readonly verifyMs: number;
  readonly proofBytes: number;
}

const NONCE = '01'.repeat(32);

/**
 * @throws InputError, ProvingError where the case is refused; InvariantError where an honest run is not accepted or a
 * forged one is not rejected
 */
export function measureCase(
  kernels: Kernels,
  c: ConformanceCase,
  precision: Precision,
  preset: 'tiny' | 'standard' = 'standard',
): Measurement {
  const program = compileModel(c.model, { calibration: [c.inputs], precision });
  const { key, fingerprint, packages } = commitProgram(kernels, program, { preset });
  const { integers } = quantizeInputs(program, c.inputs);
  const slices = packages.map(({ bytes }) => decodeSlicePackage(bytes));
  const nonce = fromHex(NONCE, 32) as Uint8Array;
  const values = new Map(integers);
  const began = performance.now();
  const proofs = slices.map((slice) => {
    const execution = executeSlice(slice, values, kernels);
    for (const [name, data] of execution.outputs) values.set(name, data);
    const boundary = boundaryOf(slice, values, (tensor) => deriveSalt(nonce, tensor));
    return provePackage(kernels, slice, boundary, { nonce, prover: '', execution });
  });
  const proveMs = performance.now() - began;
  const bound = new Map([...program.inputs, ...program.outputs].map((n) => [n, values.get(n) as Int32Array]));
  const run: RunProof = { nonce: NONCE, values: bound, slices: proofs };
  const verifying = performance.now();
  const verdict = verifyRun(key, run, { fingerprint, inputs: integers, preset });
  const verifyMs = performance.now() - verifying;
  if (verdict.verdict !== 'accepted')
    throw new InvariantError(`an honest run was ${verdict.verdict}: ${verdict.code} at ${verdict.path}`);
  checkForgery(program, key, run, { fingerprint, preset });
  return {
    precision,
    slices: slices.length,
    ...compare(program, verdict, c.expected),
    proveMs,
    verifyMs,
    proofBytes: proofs.reduce((n, p) => n + p.proof.length, 0),
  };
}

/** Each output in turn claimed to be one unit more than it is. */
function checkForgery(program: CompiledProgram, key: Uint8Array, run: RunProof, options: RunOptions): void {
  for (const name of program.outputs) {
    const forged = Int32Array.from(run.values.get(name) as Int32Array);
    forged[forged.length >> 1]++;
    const { verdict } = verifyRun(key, { ...run, values: new Map(run.values).set(name, forged) }, options);
    if (verdict !== 'rejected') throw new InvariantError(`a forged output ${name} was ${verdict}`);
  }
}

/** Ties of the expected outputs, up to rounding in single precision, are broken by neither. */
const TIE = 1e-6;

function compare(
  program: CompiledProgram,
  verdict: RunVerdict,
  expected: ConformanceCase['expected'],
): { error: number; argmaxAgrees: boolean } {
  let error = 0;
  let argmaxAgrees = true;
  for (const [name, want] of expected) {
    const tensor = program.tensors.get(name);
    const integers = verdict.outputs.get(name);
    if (!tensor || !integers) throw new InvariantError(`output ${name} is not bound by the run`);
    const got = dequantize(tensor, integers);
    if (got.length !== want.length) throw new InvariantError(`output ${name} has ${got.length} cells`);
    const known = want.flatMap((x, i) => (Number.isNaN(x) ? [] : [i]));
    const [lo, hi] = known.reduce(([a, b], i) => [Math.min(a, want[i]), Math.max(b, want[i])], [Infinity, -Infinity]);
    const range = hi - lo || Math.abs(hi) || 1;
    for (const i of known) error = Math.max(error, Math.abs(got[i] - want[i]) / range);
    const best = known.reduce((b, i) => (got[i] > got[b] ? i : b), known[0] ?? 0);
    if (known.length > 0 && want[best] < hi - TIE * range) argmaxAgrees = false;
  }
  return { error, argmaxAgrees };
}
