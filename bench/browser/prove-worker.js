/**
 * Off the main thread, where waiting is allowed: the model of the server is compiled, proven and verified. A proof is
 * measured as `dsperse bench` does it: from inputs to proof, the weights committed before, slices proven together as far
 * as memory allows.
 */
import { createKernels } from '/core/kernels/index.js';
import { compileModel, quantizeInputs } from '/core/program/index.js';
import {
  commitProgram,
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  groupSlices,
  joinPackages,
  prepareUnit,
  proveUnit,
} from '/core/proof/prove-index.js';
import { decodeKey, fingerprintOf, verifyRun } from '/core/proof/verify-index.js';

/** Packages of more bytes than these are committed to proof by proof: all at once would not fit. */
const HELD_BYTES = 200e6;

const sample = (tensors) =>
  new Map(tensors.map(({ name, dtype, dims, data }) => [name, { dtype, dims, data: Float64Array.from(data) }]));

async function measure({ runs, threads, joinedBytes, budgetMs, isolated }) {
  const model = new Uint8Array(await (await fetch('/model.onnx')).arrayBuffer());
  const { input, calibration } = await (await fetch('/samples.json')).json();
  const kernels = await createKernels({ threads });
  const began = performance.now();
  const program = compileModel(model, { calibration: calibration.map(sample) });
  const { key, packages } = commitProgram(kernels, program, { preset: 'standard' });
  const compileMs = performance.now() - began;
  const fingerprint = fingerprintOf(key);
  const verifierKey = decodeKey(key);
  const units = groupSlices(verifierKey, joinedBytes).map(({ index, count }) =>
    joinPackages(
      verifierKey,
      packages.slice(index, index + count).map(({ bytes }) => decodeSlicePackage(bytes)),
    ),
  );
  const holds = packages.reduce((n, p) => n + p.bytes.length, 0) <= HELD_BYTES;
  let prepareMs = 0;
  const prepare = (unit) => {
    const start = performance.now();
    const prepared = prepareUnit(kernels, unit);
    prepareMs += performance.now() - start;
    return prepared;
  };
  const held = holds ? units.map(prepare) : undefined;
  const { integers } = quantizeInputs(program, sample(input), { clamp: true });
  const nonce = new Uint8Array(32);

  const prove = () => {
    const values = new Map(integers);
    let proveMs = 0;
    const proofs = [];
    units.forEach((unit, i) => {
      const mark = kernels.mark();
      const prepared = held?.[i] ?? prepare(unit);
      const start = performance.now();
      const execution = executeSlice(unit, values, kernels);
      for (const [name, data] of execution.outputs) values.set(name, data);
      const boundary = new Map(
        [...unit.inputs, ...unit.outputs].map((name) => [
          name,
          { values: values.get(name), salt: deriveSalt(nonce, name) },
        ]),
      );
      proofs[unit.index] = proveUnit(kernels, unit, boundary, { nonce, prover: '', execution, prepared });
      proveMs += performance.now() - start;
      kernels.release(mark);
    });
    return { proveMs, values, proofs };
  };

  const verify = ({ values, proofs }) => {
    const start = performance.now();
    const run = { nonce: '00'.repeat(32), values, slices: proofs };
    const { verdict, code, path } = verifyRun(key, run, { fingerprint, inputs: integers });
    if (verdict !== 'accepted') throw new Error(`an honest run was ${verdict}: ${code} at ${path}`);
    return performance.now() - start;
  };

  const first = prove();
  const weightsMs = prepareMs;
  verify(first);
  const proveMs = [];
  const verifyMs = [];
  for (const end = performance.now() + budgetMs; proveMs.length < runs; ) {
    const run = prove();
    proveMs.push(run.proveMs);
    verifyMs.push(verify(run));
    if (performance.now() > end) break;
  }
  const result = {
    isolated,
    threads: kernels.threads,
    slices: packages.length,
    proofs: units.length,
    compileMs,
    prepareMs: weightsMs,
    proveMs,
    verifyMs,
    fingerprint,
    proofBytes: first.proofs.reduce((n, p) => n + p.proof.length, 0),
    memoryBytes: kernels.u8(0, 1).buffer.byteLength,
  };
  await kernels.close();
  return result;
}

self.onmessage = async ({ data }) => {
  try {
    postMessage(await measure(data));
  } catch (error) {
    postMessage({ error: `${error?.message ?? error}` });
  }
};
