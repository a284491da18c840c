/**
 * The integer inference of an order: of those chunks that others read of, so that all can be proven at the same time. What is an
 * output alone the prover of its chunk computes. Each chunk's inputs are told as soon as they are known. Where the requester ran
 * the model itself, its values are taken as they are: whoever cannot reproduce them says so.
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
import { publicCommitment } from '@dsperse/core/verify';
import { type BundledTensor, encodeBundle, type TensorBundle } from '../../messages/index.js';

export interface ActivationJob {
  /** Salts are derived from it: 64 hexadecimal digits. */
  readonly secret: string;
  readonly input: TensorBundle;
  /** Values of all tensors that pass between slices, where the requester computed them. */
  readonly given?: TensorBundle;
  /** Public outputs of the program. */
  readonly outputs: readonly string[];
  readonly chunks: readonly ChunkBoundary[];
}

/** The indices of a chunk's slices, and the names of its boundary tensors: what passes between its own slices is none. */
export interface ChunkBoundary {
  readonly slices: readonly number[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** What values are computed with. */
export interface Inference {
  readonly kernels: Kernels;
  /** Memory that one order's inference takes after the other's. */
  readonly arrays: Arrays;
  readonly slice: (index: number) => Promise<SlicePackage>;
}

export interface ActivationListener {
  /** The boundary values of a chunk are known: values of what it reads, salts of that and of what others read of it. */
  chunk(index: number, bundle: Uint8Array): Promise<void>;
}

export interface Activations {
  /** Commitments of all tensors that a chunk reads, by name. */
  readonly commitments: Record<string, string>;
  /** Public inputs (with the salt of their commitment), and public outputs that a chunk reads, as a bundle. */
  readonly values: Uint8Array;
}

const readBy = (chunks: readonly ChunkBoundary[]): ReadonlySet<string> => new Set(chunks.flatMap((c) => c.inputs));

/** Whether a chunk reads what another one makes: where none does, all is known with the input. */
export function hasInnerTensors(chunks: readonly ChunkBoundary[]): boolean {
  const read = readBy(chunks);
  return chunks.some(({ outputs }) => outputs.some((name) => read.has(name)));
}

/**
 * @param inference undefined where there is nothing to infer
 * @throws ProvingError `out-of-range`, InputError where the given activations do not fit
 */
export async function runActivations(
  job: ActivationJob,
  inference: Inference | undefined,
  listener: ActivationListener,
): Promise<Activations> {
  const secret = fromHex(job.secret, 32) as Uint8Array;
  const saltOf = (name: string): string => job.given?.get(name)?.salt ?? toHex(deriveSalt(secret, name));
  const values = new Map<string, Int32Array>();
  for (const [name, tensor] of job.input) values.set(name, tensor.values as Int32Array);
  const read = readBy(job.chunks);
  const inferred: SlicePackage[] = [];
  for (const [index, chunk] of job.chunks.entries()) {
    await listener.chunk(index, encodeBundle(chunkBundle(chunk, values, saltOf)));
    const passedOn = chunk.outputs.filter((name) => read.has(name));
    if (passedOn.length === 0) continue;
    if (!inference) throw new Error('there is something to infer, and nothing to do it with');
    const slices = await Promise.all(chunk.slices.map(inference.slice));
    inferred.push(...slices);
    // Public outputs bear no salt that a prover could compare: wrong ones would make its right proof look wrong. They are
    // computed as the prover does it, from what the chunk reads.
    const isPublic = passedOn.some((name) => job.outputs.includes(name));
    for (const s of slices) {
      const outputs =
        job.given && !isPublic
          ? givenOutputs(s, passedOn, job.given)
          : inferSlice(s, values, inference.kernels, inference.arrays);
      for (const [name, integers] of outputs) values.set(name, integers);
    }
  }
  // Nobody waits for the commitments before the first proof is there: all chunks are told before.
  const commitments = new Map<string, string>();
  const publicTensors = new Map<string, BundledTensor>(job.input);
  for (const name of read) {
    const isInput = job.input.has(name);
    if (!isInput && !job.outputs.includes(name)) continue;
    const integers = values.get(name) as Int32Array;
    commitments.set(name, publicCommitment(integers));
    if (!isInput) publicTensors.set(name, { values: integers, salt: '0'.repeat(64) });
  }
  for (const s of inferred) {
    const fresh = s.outputs.filter((name) => read.has(name) && !commitments.has(name));
    if (fresh.length === 0) continue;
    const boundary = new Map(
      fresh.map((name) => {
        return [name, { values: values.get(name) as Int32Array, salt: fromHex(saltOf(name), 32) as Uint8Array }];
      }),
    );
    const found = boundaryCommitments((inference as Inference).kernels, s, boundary);
    for (const [name, commitment] of found) commitments.set(name, commitment);
  }
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

/** @param wanted names of tensors, not all of them of this slice */
function givenOutputs(
  slice: SlicePackage,
  wanted: readonly string[],
  given: TensorBundle,
): ReadonlyMap<string, Int32Array> {
  const names = slice.outputs.filter((name) => wanted.includes(name));
  return new Map(
    names.map((name) => {
      const tensor = given.get(name);
      const size = slice.tensors.get(name)?.dims.reduce((n, d) => n * d, 1);
      if (!tensor?.values || tensor.values.length !== size) {
        throw new InputError('bad-activations', `the activations lack ${name}`, 'send all boundary tensors of one run');
      }
      return [name, tensor.values];
    }),
  );
}
