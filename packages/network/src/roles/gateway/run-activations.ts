/**
 * The integer inference of an order: cheap next to proving, and done once, so that all chunks can be proven at the same
 * time. Each chunk's inputs are told as soon as they are known. Where the requester ran the model itself, its values are
 * taken as they are: whoever cannot reproduce them says so.
 */
import type { Kernels } from '@dsperse/core/kernels';
import {
  boundaryCommitments,
  deriveSalt,
  executeSlice,
  fromHex,
  InputError,
  type SlicePackage,
  toHex,
} from '@dsperse/core/prove';
import { type BundledTensor, encodeBundle, type TensorBundle } from '../../messages/index.js';

export interface ActivationJob {
  /** Salts are derived from it: 64 hexadecimal digits. */
  readonly secret: string;
  readonly input: TensorBundle;
  /** Values of all boundary tensors, where the requester computed them. */
  readonly given?: TensorBundle;
  /** The salt of the input's commitment stands with the input tensors. */
  readonly outputs: readonly string[];
  /** Indices of the slices of each chunk. */
  readonly chunks: readonly (readonly number[])[];
}

export interface ActivationListener {
  /** The boundary values of a chunk are known: values of what it reads, salts of all that it touches. */
  chunk(index: number, bundle: Uint8Array): Promise<void>;
}

export interface Activations {
  /** Commitments of all boundary tensors, by name. */
  readonly commitments: Record<string, string>;
  /** Public inputs (with the salt of their commitment) and outputs, as a bundle. */
  readonly values: Uint8Array;
}

/** @throws ProvingError `out-of-range`, InputError where the given activations do not fit */
export async function runActivations(
  job: ActivationJob,
  kernels: Kernels,
  slice: (index: number) => Promise<SlicePackage>,
  listener: ActivationListener,
): Promise<Activations> {
  const secret = fromHex(job.secret, 32) as Uint8Array;
  const saltOf = (name: string): string => job.given?.get(name)?.salt ?? toHex(deriveSalt(secret, name));
  const values = new Map<string, Int32Array>();
  for (const [name, tensor] of job.input) values.set(name, tensor.values as Int32Array);
  const commitments = new Map<string, string>();
  for (const [index, indices] of job.chunks.entries()) {
    const slices = await Promise.all(indices.map(slice));
    await listener.chunk(index, encodeBundle(chunkBundle(slices, values, saltOf)));
    for (const s of slices) {
      // Public outputs bear no commitment that a prover could compare: wrong ones would make its right proof look wrong.
      const isPublic = s.outputs.some((name) => job.outputs.includes(name));
      const outputs = job.given && !isPublic ? givenOutputs(s, job.given) : executeSlice(s, values, kernels).outputs;
      for (const [name, integers] of outputs) values.set(name, integers);
      const fresh = [...s.inputs, ...s.outputs].filter((name) => !commitments.has(name));
      const boundary = new Map(
        fresh.map((name) => {
          return [name, { values: values.get(name) as Int32Array, salt: fromHex(saltOf(name), 32) as Uint8Array }];
        }),
      );
      for (const [name, commitment] of boundaryCommitments(kernels, s, boundary)) commitments.set(name, commitment);
    }
  }
  const publicTensors = new Map<string, BundledTensor>(job.input);
  for (const name of job.outputs) publicTensors.set(name, { values: values.get(name), salt: '0'.repeat(64) });
  return { commitments: Object.fromEntries(commitments), values: encodeBundle(publicTensors) };
}

/** What the prover of the slices needs: values of what comes from outside, salts of everything. */
function chunkBundle(
  slices: readonly SlicePackage[],
  values: ReadonlyMap<string, Int32Array>,
  saltOf: (name: string) => string,
): TensorBundle {
  const bundle = new Map<string, BundledTensor>();
  const made = new Set<string>();
  for (const s of slices) {
    for (const name of s.inputs) {
      if (!made.has(name)) bundle.set(name, { values: values.get(name) as Int32Array, salt: saltOf(name) });
    }
    for (const name of s.outputs) {
      made.add(name);
      bundle.set(name, { salt: saltOf(name) });
    }
  }
  return bundle;
}

function givenOutputs(slice: SlicePackage, given: TensorBundle): Map<string, Int32Array> {
  return new Map(
    slice.outputs.map((name) => {
      const tensor = given.get(name);
      const size = slice.tensors.get(name)?.dims.reduce((n, d) => n * d, 1);
      if (!tensor?.values || tensor.values.length !== size) {
        throw new InputError('bad-activations', `the activations lack ${name}`, 'send all boundary tensors of one run');
      }
      return [name, tensor.values];
    }),
  );
}
