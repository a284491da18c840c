/** One proof of all slices of a chunk, with what earlier chunks left prepared. */
import type { Kernels } from '@dsperse/core/kernels';
import {
  Arrays,
  type ConstantsStore,
  executeSlice,
  fromHex,
  InputError,
  joinPackages,
  type PreparedUnit,
  type ProofUnit,
  ProvingError,
  packageUnit,
  prepareUnit,
  proveUnit,
  type SliceExecution,
  type SlicePackage,
} from '@dsperse/core/prove';
import { decodeKey, fingerprintOf, type SliceProof } from '@dsperse/core/verify';
import type { TensorBundle } from '../../messages/index.js';

export interface ProveJob {
  readonly fingerprint: string;
  /** The order's id: 64 hexadecimal digits. */
  readonly nonce: string;
  /** Our address in lower case. */
  readonly prover: string;
  readonly slices: readonly { readonly index: number; readonly digest: string; readonly path: string }[];
  /** The verifier key of the program, where there are several slices. */
  readonly key?: Uint8Array;
  /** Values of what the chunk reads, salts of that and of what others read of it. */
  readonly boundary: TensorBundle;
  /** Names of outputs whose values are asked for. */
  readonly outputs?: readonly string[];
}

export interface ProvenChunk extends SliceProof {
  /** Integers of the outputs that were asked for, by name. */
  readonly outputs?: ReadonlyMap<string, Int32Array>;
}

/** Makes the proof of a job. @throws ChunkError */
export type ProveChunk = (job: ProveJob, signal: AbortSignal) => Promise<ProvenChunk>;

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

/** Bytes of a chunk's numbers that are kept for the next one. */
const NUMBER_BYTES = 2 ** 27;

interface Prepared {
  readonly unit: ProofUnit;
  readonly constants: PreparedUnit;
}

/**
 * Chunks with their constants committed, at the bottom of the kernels' memory, which is a stack: the next is put above them
 * while nothing else is there, and when memory runs out all are let go at once.
 */
export class PreparedChunks {
  /** Numbers of one inference after the other. */
  readonly arrays = new Arrays(NUMBER_BYTES);
  readonly #base: number;
  readonly #prepared = new Map<string, Prepared>();

  /** @param store has commitments of earlier chunks on the disk, or takes them */
  constructor(
    readonly kernels: Kernels,
    private readonly store?: ConstantsStore,
  ) {
    this.#base = kernels.mark();
  }

  get size(): number {
    return this.#prepared.size;
  }

  /** @param name of the chunk: what it is made of @throws ProvingError */
  get(name: string, unit: () => ProofUnit): Prepared {
    const known = this.#prepared.get(name);
    if (known) return known;
    const mark = this.kernels.mark();
    try {
      const made = unit();
      const prepared = { unit: made, constants: prepareUnit(this.kernels, made, this.store) };
      this.#prepared.set(name, prepared);
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
  prepared: PreparedChunks,
  load: (slice: ProveJob['slices'][number]) => Promise<SlicePackage>,
): Promise<ProvenChunk> {
  const nonce = fromHex(job.nonce, 32);
  if (!nonce) throw new InputError('bad-nonce', 'a nonce has 32 bytes', 'give 64 hexadecimal digits');
  const packages: SlicePackage[] = [];
  for (const wanted of job.slices) {
    const slice = await load(wanted);
    if (slice.index !== wanted.index || slice.fingerprint !== job.fingerprint) {
      throw new ChunkError('missing-package', `the package ${wanted.digest} is of another slice`);
    }
    packages.push(slice);
  }
  const boundary = new Map(
    [...job.boundary].map(([name, { values, salt }]) => [name, { values, salt: fromHex(salt, 32) as Uint8Array }]),
  );
  const { kernels } = prepared;
  const inputs = new Map([...boundary].flatMap(([name, { values }]) => (values ? [[name, values] as const] : [])));
  const attempt = (): ProvenChunk => {
    const name = job.slices.map((s) => s.digest).join();
    const { unit, constants } = prepared.get(name, () => joined(job, packages));
    const execution = executeSlice(unit, inputs, kernels, prepared.arrays);
    try {
      // Copies, as the numbers' memory is given back.
      const outputs = job.outputs && new Map(job.outputs.map((o) => [o, outputOf(execution, o).slice()]));
      const proven = proveUnit(kernels, unit, boundary, { nonce, prover: job.prover, prepared: constants, execution });
      return outputs ? { ...proven, outputs } : proven;
    } finally {
      execution.values.release();
    }
  };
  try {
    return attempt();
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
    // Once more with all the memory for this chunk alone.
    prepared.clear();
    return attempt();
  }
}

function outputOf({ outputs }: SliceExecution, name: string): Int32Array {
  const values = outputs.get(name);
  if (!values) throw new ChunkError('failed', `the chunk has no output ${name}`);
  return values;
}

/** All slices of the chunk as one. What there is to join, the key says, and the fingerprint whether it is the right key. */
function joined({ key, fingerprint }: ProveJob, packages: readonly SlicePackage[]): ProofUnit {
  const [first] = packages;
  if (packages.length === 1) return packageUnit(first);
  if (!key || fingerprintOf(key) !== fingerprint) {
    throw new ChunkError('missing-package', 'the verifier key is not that of the program');
  }
  return joinPackages(decodeKey(key, first.preset.name), packages);
}
