/** Proving the slices of a chunk, one after another, with what earlier chunks left prepared. */
import type { Kernels } from '@dsperse/core/kernels';
import {
  executeSlice,
  fromHex,
  InputError,
  type PreparedUnit,
  ProvingError,
  prepareSlice,
  provePackage,
  type SlicePackage,
} from '@dsperse/core/prove';
import type { SliceStatement } from '@dsperse/core/verify';
import type { TensorBundle } from '../../messages/index.js';

export interface ProveJob {
  readonly fingerprint: string;
  /** The order's id: 64 hexadecimal digits. */
  readonly nonce: string;
  /** Our address in lower case. */
  readonly prover: string;
  readonly slices: readonly { readonly index: number; readonly digest: string; readonly path: string }[];
  /** Values of what the chunk reads, salts of all that it touches. */
  readonly boundary: TensorBundle;
}

export interface ProvenSlice {
  readonly statement: SliceStatement;
  readonly proof: Uint8Array;
}

/** Makes the proofs of a job. @throws ChunkError */
export type ProveChunk = (job: ProveJob, signal: AbortSignal) => Promise<readonly ProvenSlice[]>;

export type ChunkErrorCode =
  | 'boundary-mismatch'
  | 'out-of-range'
  | 'out-of-memory'
  | 'missing-package'
  | 'aborted'
  | 'worker-died'
  | 'failed';

/** Why a chunk is not proven. */
export class ChunkError extends Error {
  override readonly name = 'ChunkError';
  constructor(
    readonly code: ChunkErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What the proving core throws, as what it means for the chunk. */
export function chunkErrorOf(error: unknown): ChunkError {
  if (error instanceof ChunkError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = ((): ChunkErrorCode => {
    if (error instanceof ProvingError) {
      if (error.code === 'out-of-range') return 'out-of-range';
      if (error.code === 'out-of-memory') return 'out-of-memory';
      if (error.code === 'broken-package') return 'missing-package';
      return 'failed';
    }
    if (error instanceof InputError) {
      if (error.code === 'bad-boundary' || error.code === 'missing-tensor' || error.code === 'bad-bundle') {
        return 'boundary-mismatch';
      }
      return /^(broken-|unknown-version)/.test(error.code) ? 'missing-package' : 'failed';
    }
    return error instanceof RangeError ? 'out-of-memory' : 'failed';
  })();
  return new ChunkError(code, message, { cause: error });
}

/**
 * Committed constants of slices at the bottom of the kernels' memory, which is a stack: the next is put above them while
 * nothing else is there, and when memory runs out all are let go at once.
 */
export class PreparedSlices {
  readonly #base: number;
  readonly #prepared = new Map<string, PreparedUnit>();

  constructor(readonly kernels: Kernels) {
    this.#base = kernels.mark();
  }

  get size(): number {
    return this.#prepared.size;
  }

  /** @throws ProvingError */
  get(digest: string, slice: SlicePackage): PreparedUnit {
    const known = this.#prepared.get(digest);
    if (known) return known;
    const mark = this.kernels.mark();
    try {
      const prepared = prepareSlice(this.kernels, slice);
      this.#prepared.set(digest, prepared);
      return prepared;
    } catch (error) {
      this.kernels.release(mark);
      throw error;
    }
  }

  clear(): void {
    this.kernels.release(this.#base);
    this.#prepared.clear();
  }
}

const isOutOfMemory = (error: unknown) => error instanceof ProvingError && error.code === 'out-of-memory';

/** @throws InputError, ProvingError */
export async function proveChunk(
  job: ProveJob,
  prepared: PreparedSlices,
  load: (slice: ProveJob['slices'][number]) => Promise<SlicePackage>,
): Promise<ProvenSlice[]> {
  const nonce = fromHex(job.nonce, 32);
  if (!nonce) throw new InputError('bad-nonce', 'a nonce has 32 bytes', 'give 64 hexadecimal digits');
  const values = new Map<string, Int32Array>();
  const boundary = new Map<string, { values?: Int32Array; salt: Uint8Array }>();
  for (const [name, tensor] of job.boundary) {
    if (tensor.values) values.set(name, tensor.values);
    boundary.set(name, { values: tensor.values, salt: fromHex(tensor.salt, 32) as Uint8Array });
  }
  const proven: ProvenSlice[] = [];
  for (const wanted of job.slices) {
    const slice = await load(wanted);
    if (slice.index !== wanted.index || slice.fingerprint !== job.fingerprint) {
      throw new ChunkError('missing-package', `the package ${wanted.digest} is of another slice`);
    }
    const attempt = () => {
      const execution = executeSlice(slice, values, prepared.kernels);
      const touched = new Map(
        [...slice.inputs, ...slice.outputs].flatMap((name): [string, { values?: Int32Array; salt: Uint8Array }][] => {
          const given = boundary.get(name);
          return given ? [[name, { salt: given.salt, values: given.values ?? values.get(name) }]] : [];
        }),
      );
      const { prover } = job;
      const context = { nonce, prover, execution, prepared: prepared.get(wanted.digest, slice) };
      const made = provePackage(prepared.kernels, slice, touched, context);
      for (const [name, integers] of execution.outputs) values.set(name, integers);
      return made;
    };
    try {
      proven.push(attempt());
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      // Once more with all the memory for this slice alone.
      prepared.clear();
      proven.push(attempt());
    }
  }
  return proven;
}
