/** Threads that verify cases, each one at a time. */
import { Worker } from 'node:worker_threads';
import type { AppealRequest } from './check-appeal.js';
import type { CaseOutcome, CaseRequest } from './check-case.js';

export interface VerifyOptions {
  /** Keys of another preset are not used: `tiny` is for tests and proves nothing. */
  readonly preset: 'standard' | 'tiny';
}

export interface VerifyRequest extends Omit<CaseRequest, 'key'> {
  readonly keyBytes: Uint8Array | undefined;
}

export interface VerifyAnswer {
  readonly outcome: CaseOutcome;
  readonly seconds: number;
}

/** Judges a case: by the threads, or in place of them in tests. */
export type VerifyCase = (request: VerifyRequest) => Promise<VerifyAnswer>;

export interface VerifyAppealRequest extends Omit<AppealRequest, 'key'> {
  readonly keyBytes: Uint8Array | undefined;
}

/** Looks at an appeal, as a case is judged. */
export type VerifyAppeal = (request: VerifyAppealRequest) => Promise<CaseOutcome>;

export const stoppingAnswer = (): VerifyAnswer => ({ outcome: { abstain: 'stopping', path: '' }, seconds: 0 });

interface Queued {
  readonly request: VerifyRequest | VerifyAppealRequest;
  readonly resolve: (answer: VerifyAnswer) => void;
}

export class VerifyPool {
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Queued>();
  #queue: Queued[] = [];
  #isStopped = false;

  constructor(
    private readonly size: number,
    private readonly options: VerifyOptions,
  ) {}

  /** Starts the threads before they are needed. */
  warm(): void {
    while (!this.#isStopped && this.#idle.length + this.#busy.size < this.size) this.#idle.push(this.#start());
  }

  async appeal(request: VerifyAppealRequest): Promise<CaseOutcome> {
    return (await this.#put(request)).outcome;
  }

  verify(request: VerifyRequest): Promise<VerifyAnswer> {
    return this.#put(request);
  }

  /** Never rejects: a thread that dies makes an abstention. */
  #put(request: VerifyRequest | VerifyAppealRequest): Promise<VerifyAnswer> {
    return new Promise((resolve) => {
      this.#queue.push({ request, resolve });
      this.#next();
    });
  }

  #next(): void {
    while (!this.#isStopped && this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.size ? this.#start() : undefined);
      if (!worker) return;
      const queued = this.#queue.shift() as Queued;
      this.#busy.set(worker, queued);
      worker.postMessage(queued.request);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL('./verify-worker.js', import.meta.url), { workerData: this.options });
    worker.on('message', (answer: VerifyAnswer) => {
      this.#busy.get(worker)?.resolve(answer);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      this.#next();
    });
    const died = (why: string) => {
      const idle = this.#idle.indexOf(worker);
      if (idle >= 0) this.#idle.splice(idle, 1);
      this.#busy.get(worker)?.resolve({ outcome: { abstain: 'thread-died', path: why }, seconds: 0 });
      this.#busy.delete(worker);
      this.#next();
    };
    worker.on('error', (error) => died(error.message));
    worker.on('exit', (code) => died(`the thread ended with ${code}`));
    return worker;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    for (const { resolve } of [...this.#queue, ...this.#busy.values()]) {
      resolve(stoppingAnswer());
    }
    this.#queue = [];
    this.#busy.clear();
    this.#idle.length = 0;
    await Promise.all(workers.map((w) => w.terminate()));
  }
}
