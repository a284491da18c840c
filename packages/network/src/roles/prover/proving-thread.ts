/** Jobs for the proving thread, one at a time. It is started with the first and again when it died or was aborted. */
import { Worker } from 'node:worker_threads';
import { ChunkError, type ChunkErrorCode, type ProveJob, type ProvenChunk } from './prove-chunk.js';

export interface ProvingOptions {
  /** Of the kernels. */
  readonly threads: number;
  /** Of kernels and decoded packages together. */
  readonly maxMemoryBytes: number;
  /** Where commitments to weights are kept, and how many bytes of them; nowhere where it is not given. */
  readonly weights?: { readonly directory: string; readonly mostBytes: number };
}

export interface ProvingAnswer {
  readonly proven?: ProvenChunk;
  readonly failed?: { readonly code: ChunkErrorCode; readonly message: string };
}

interface Queued {
  readonly job: ProveJob;
  readonly resolve: (proven: ProvenChunk) => void;
  readonly reject: (error: ChunkError) => void;
}

export class ProvingThread {
  #worker: Worker | undefined;
  #running: Queued | undefined;
  #queue: Queued[] = [];
  #isStopped = false;

  constructor(private readonly options: ProvingOptions) {}

  /** Starts the thread before it is needed. */
  warm(): void {
    if (!this.#isStopped) this.#started();
  }

  /** @throws ChunkError; `aborted` by the signal also in the midst of proving, `worker-died` may be tried again */
  prove(job: ProveJob, signal: AbortSignal): Promise<ProvenChunk> {
    if (this.#isStopped || signal.aborted) return Promise.reject(new ChunkError('aborted', 'the chunk was given up'));
    return new Promise<ProvenChunk>((resolve, reject) => {
      const settle = () => signal.removeEventListener('abort', onAbort);
      const queued: Queued = {
        job,
        resolve: (proven) => {
          settle();
          resolve(proven);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = () => this.#abort(queued);
      signal.addEventListener('abort', onAbort);
      this.#queue.push(queued);
      this.#next();
    });
  }

  #next(): void {
    if (this.#running || this.#isStopped) return;
    this.#running = this.#queue.shift();
    if (this.#running) this.#started().postMessage(this.#running.job);
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./prove-worker.js', import.meta.url), { workerData: this.options });
    this.#worker = worker;
    const finish = (take: (running: Queued) => void) => {
      if (this.#worker !== worker) return;
      const running = this.#running;
      this.#running = undefined;
      if (running) take(running);
      this.#next();
    };
    const died = (why: string) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      const running = this.#running;
      this.#running = undefined;
      running?.reject(new ChunkError('worker-died', why));
      this.#next();
    };
    worker.on('message', ({ proven, failed }: ProvingAnswer) =>
      finish((running) => {
        if (proven) running.resolve(proven);
        else running.reject(new ChunkError(failed?.code ?? 'failed', failed?.message ?? 'no answer'));
      }),
    );
    worker.on('error', (error) => died(error.message));
    worker.on('exit', (code) => died(`the proving thread ended with ${code}`));
    return worker;
  }

  /** Proving is one long call: the thread that is in it can only be ended. */
  #abort(queued: Queued): void {
    queued.reject(new ChunkError('aborted', 'the chunk was given up'));
    if (this.#running !== queued) {
      this.#queue = this.#queue.filter((q) => q !== queued);
      return;
    }
    const worker = this.#worker;
    this.#worker = undefined;
    this.#running = undefined;
    void worker?.terminate();
    this.#next();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const worker = this.#worker;
    this.#worker = undefined;
    for (const q of [...this.#queue, ...(this.#running ? [this.#running] : [])]) {
      q.reject(new ChunkError('aborted', 'the prover is stopping'));
    }
    this.#queue = [];
    this.#running = undefined;
    await worker?.terminate();
  }
}
