/**
 * The integer inference of an order: cheap next to proving, and done once, so that all chunks can be proven at the same
 * time. Each chunk's inputs are told as soon as they are known. Where the requester ran the model itself, its values are
 * taken as they are: whoever cannot reproduce them says so.
 */
import type { Kernels } from '@dsperse/core/kernels';
import {
  type Arrays,
  boundaryCommitments,
  deriveSalt,
  fromHex,
  InputError,
  inferSlice,
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
  readonly chunks: readonly ChunkBoundary[];
}

/** The indices of a chunk's slices, and the names of its boundary tensors: what passes between its own slices is none. */
export interface ChunkBoundary {
  readonly slices: readonly number[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface ActivationListener {
  /** The boundary values of a chunk are known: values of what it reads, salts of that and of what others read of it. */
  chunk(index: number, bundle: Uint8Array): Promise<void>;
}

export interface Activations {
  /** Commitments of the boundary tensors of all chunks, by name. */
  readonly commitments: Record<string, string>;
  /** Public inputs (with the salt of their commitment) and outputs, as a bundle. */
  readonly values: Uint8Array;
}

/**
 * @param arrays memory that one order's inference takes after the other's
 * @throws ProvingError `out-of-range`, InputError where the given activations do not fit
 */
export async function runActivations(
  job: ActivationJob,
  kernels: Kernels,
  arrays: Arrays,
  slice: (index: number) => Promise<SlicePackage>,
  listener: ActivationListener,
): Promise<Activations> {
  const secret = fromHex(job.secret, 32) as Uint8Array;
  const saltOf = (name: string): string => job.given?.get(name)?.salt ?? toHex(deriveSalt(secret, name));
  const values = new Map<string, Int32Array>();
  for (const [name, tensor] of job.input) values.set(name, tensor.values as Int32Array);
  const run: { chunk: ChunkBoundary; slices: readonly SlicePackage[] }[] = [];
  for (const [index, chunk] of job.chunks.entries()) {
    const slices = await Promise.all(chunk.slices.map(slice));
    run.push({ chunk, slices });
    await listener.chunk(index, encodeBundle(chunkBundle(chunk, values, saltOf)));
    // Public outputs bear no commitment that a prover could compare: wrong ones would make its right proof look wrong. They
    // are computed as the prover does it, from what the chunk reads.
    const isPublic = chunk.outputs.some((name) => job.outputs.includes(name));
    for (const s of slices) {
      const outputs = job.given && !isPublic ? givenOutputs(s, job.given) : inferSlice(s, values, kernels, arrays);
      for (const [name, integers] of outputs) values.set(name, integers);
    }
  }
  // Nobody waits for the commitments before the first proof is there: all chunks are told before.
  const commitments = new Map<string, string>();
  for (const { chunk, slices } of run) {
    const outer = new Set([...chunk.inputs, ...chunk.outputs]);
    for (const s of slices) {
      const fresh = [...s.inputs, ...s.outputs].filter((name) => outer.has(name) && !commitments.has(name));
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

/** What the prover of a chunk needs. */
function chunkBundle(
  { inputs, outputs }: ChunkBoundary,
  values: ReadonlyMap<string, Int32Array>,
  saltOf: (name: string) => string,
): TensorBundle {
  return new Map<string, BundledTensor>([
    ...inputs.map((name) => [name, { values: values.get(name) as Int32Array, salt: saltOf(name) }] as const),
    ...outputs.map((name) => [name, { salt: saltOf(name) }] as const),
  ]);
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
