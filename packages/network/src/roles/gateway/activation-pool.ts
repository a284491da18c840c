/** Inference in a thread of its own, started again when it dies. */
import { Worker } from 'node:worker_threads';
import type { BlobLocation } from '../../store/index.js';
import type { ActivationJob, ActivationListener, Activations } from './run-activations.js';

export interface WorkerRequest {
  readonly id: number;
  readonly job: ActivationJob;
  /** Digest of the package of each slice. */
  readonly packages: readonly string[];
}

/** Whether the packages are of the program whose key has this digest. */
export interface CheckRequest {
  readonly id: number;
  readonly key: string;
  readonly packages: readonly string[];
}

/** Bytes of the inference thread after its last job: what its heap holds, buffers outside of it, and the kernels' memory. */
export interface ThreadMemory {
  readonly heap: number;
  readonly external: number;
  readonly kernels: number;
}

export type WorkerAnswer =
  | { readonly id: number; readonly kind: 'memory'; readonly memory: ThreadMemory }
  | { readonly id: number; readonly kind: 'checked'; readonly fault: string | undefined }
  | { readonly id: number; readonly kind: 'chunk'; readonly index: number; readonly bundle: Uint8Array }
  | ({ readonly id: number; readonly kind: 'done' } & Activations)
  | { readonly id: number; readonly kind: 'failed'; readonly code: string; readonly message: string };

/** `code` is `out-of-range` where the program was not made for the input; `worker-died` may be tried again. */
export class ActivationError extends Error {
  override readonly name = 'ActivationError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  readonly listener: ActivationListener;
  readonly resolve: (result: Activations) => void;
  readonly reject: (error: Error) => void;
  /** Listener calls, one after another. */
  told: Promise<void>;
}

export class ActivationPool {
  #worker: Worker | undefined;
  #memory: ThreadMemory | undefined;
  #next = 0;
  #stopped = false;
  readonly #pending = new Map<number, Pending>();
  readonly #checks = new Map<
    number,
    { resolve: (fault: string | undefined) => void; reject: (error: Error) => void }
  >();

  constructor(private readonly options: { blobs: BlobLocation; cacheBytes: number; threads: number }) {}

  /** Undefined before the first job of the thread. */
  get memory(): ThreadMemory | undefined {
    return this.#memory;
  }

  /** Starts the thread before it is needed. */
  warm(): void {
    if (!this.#stopped) this.#started();
  }

  run(job: ActivationJob, packages: readonly string[], listener: ActivationListener): Promise<Activations> {
    if (this.#stopped) return Promise.reject(new ActivationError('worker-died', 'the gateway is stopping'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { listener, resolve, reject, told: Promise.resolve() });
      this.#started().postMessage({ id, job, packages } satisfies WorkerRequest);
    });
  }

  /** @returns what is wrong with the packages of a program; undefined where nothing is */
  check(key: string, packages: readonly string[]): Promise<string | undefined> {
    if (this.#stopped) return Promise.reject(new ActivationError('worker-died', 'the gateway is stopping'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#checks.set(id, { resolve, reject });
      this.#started().postMessage({ id, key, packages } satisfies CheckRequest);
    });
  }

  #failAll(why: string): void {
    for (const p of [...this.#pending.values(), ...this.#checks.values()])
      p.reject(new ActivationError('worker-died', why));
    this.#pending.clear();
    this.#checks.clear();
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./activation-worker.js', import.meta.url), { workerData: this.options });
    this.#worker = worker;
    worker.on('message', (answer: WorkerAnswer) => this.#take(answer));
    const died = (why: string) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#memory = undefined;
      this.#failAll(why);
    };
    worker.on('error', (error) => died(error.message));
    worker.on('exit', (code) => died(`the inference thread ended with ${code}`));
    return worker;
  }

  #take(answer: WorkerAnswer): void {
    if (answer.kind === 'memory') {
      this.#memory = answer.memory;
      return;
    }
    const check = this.#checks.get(answer.id);
    if (check) {
      this.#checks.delete(answer.id);
      if (answer.kind === 'checked') check.resolve(answer.fault);
      else check.reject(new ActivationError('failed', answer.kind === 'failed' ? answer.message : 'no answer'));
      return;
    }
    if (answer.kind === 'checked') return;
    const pending = this.#pending.get(answer.id);
    if (!pending) return;
    if (answer.kind === 'chunk') {
      pending.told = pending.told.then(() => pending.listener.chunk(answer.index, answer.bundle));
      pending.told.catch(pending.reject);
      return;
    }
    this.#pending.delete(answer.id);
    if (answer.kind === 'failed') {
      pending.reject(new ActivationError(answer.code, answer.message));
      return;
    }
    const { commitments, values } = answer;
    pending.told.then(() => pending.resolve({ commitments, values }), pending.reject);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failAll('the gateway is stopping');
    await worker?.terminate();
  }
}
