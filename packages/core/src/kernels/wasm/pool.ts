import { InvariantError, invariant } from '../../base/errors.js';
import { add, type Ext } from '../../field/qm31.js';
import { CONTROL, CONTROL_WORDS, MAX_THREADS, PARTIAL_BYTES, PARTIALS } from './layout.js';
import type { WasmFunction, WasmMemory, WasmModule, WorkerThread } from './platform.js';
import { startWorkers } from './platform.js';
import {
  ARGUMENTS,
  CHUNK,
  FAILED,
  GENERATION,
  KERNEL,
  MAX_ARGUMENTS,
  NEXT,
  OPEN,
  STATE,
  TOTAL,
  WORKER_SOURCE,
  type WorkerData,
} from './worker.js';

/** Whether this thread may sleep; the main thread of a browser may not. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, STATE, ~Atomics.load(words, STATE), 0);
    return true;
  } catch {
    return false;
  }
}

const partialAt = (words: Uint32Array, i: number): Ext => [words[i], words[i + 1], words[i + 2], words[i + 3]];

/**
 * Runs kernels over ranges, on the calling thread and on workers. A kernel is called as
 * f(from, to, thread, ...arguments) any number of times, its ranges covering [0, total).
 */
export class Pool {
  private readonly words: Int32Array;
  private readonly partials: Uint32Array;
  private readonly names: readonly string[];
  private readonly maySleep: boolean;
  private workers: WorkerThread[] = [];

  constructor(
    private readonly kernels: Readonly<Record<string, WasmFunction>>,
    memory: WasmMemory,
  ) {
    this.words = new Int32Array(memory.buffer, CONTROL, CONTROL_WORDS);
    this.partials = new Uint32Array(memory.buffer, PARTIALS, (MAX_THREADS * PARTIAL_BYTES) / 4);
    this.names = Object.keys(kernels)
      .filter((name) => typeof kernels[name] === 'function')
      .sort();
    this.maySleep = maySleep(this.words);
  }

  /** Number of threads, the calling one among them. */
  get threads(): number {
    return 1 + this.workers.length;
  }

  /** Starts workers; they take part as soon as they run. */
  async start(workers: number, module: WasmModule, memory: WasmMemory): Promise<void> {
    const data = Array.from({ length: workers }, (_, i): WorkerData => {
      return { module, memory, names: this.names, control: CONTROL, controlWords: CONTROL_WORDS, slot: i + 1 };
    });
    this.workers = await startWorkers(WORKER_SOURCE, data);
  }

  async stop(): Promise<void> {
    const { workers } = this;
    this.workers = [];
    await Promise.all(workers.map((w) => w.stop()));
  }

  /**
   * Covers [0, total).
   * @param grain entries worth handing to another thread; see grains.ts
   */
  run(name: string, total: number, grain: number, ...args: number[]): void {
    const kernel = this.kernels[name];
    if (total >= 2 * grain && this.workers.length > 0) {
      this.share(name, total, Math.max(grain, 4 * Math.floor(total / (16 * this.threads))), args);
      return;
    }
    // In pieces here too: an engine replaces a function's first, slow code only between calls.
    for (let from = 0; from < total; from += grain) kernel(from, Math.min(from + grain, total), 0, ...args);
  }

  /** Covers [0, total) and adds up the threads' partial results, `count` field elements. */
  sums(count: number, name: string, total: number, grain: number, ...args: number[]): Ext[] {
    const { partials } = this;
    partials.fill(0);
    this.run(name, total, grain, ...args);
    const out: Ext[] = [];
    for (let k = 0; k < count; k++) {
      let sum: Ext = partialAt(partials, 4 * k);
      for (let slot = 1; slot < this.threads; slot++) {
        sum = add(sum, partialAt(partials, (slot * PARTIAL_BYTES) / 4 + 4 * k));
      }
      out.push(sum);
    }
    return out;
  }

  /** The smallest non-zero first word among the partial results, which start as zeros; 0 if there is none. */
  smallest(name: string, total: number, grain: number, ...args: number[]): number {
    const { partials } = this;
    partials.fill(0);
    this.run(name, total, grain, ...args);
    const found = Array.from({ length: this.threads }, (_, slot) => partials[(slot * PARTIAL_BYTES) / 4]);
    return found.reduce((least, x) => (x !== 0 && (least === 0 || x < least) ? x : least), 0);
  }

  private share(name: string, total: number, chunk: number, args: readonly number[]): void {
    const { words } = this;
    const kernel = this.kernels[name];
    invariant(args.length < MAX_ARGUMENTS, `too many arguments for ${name}`);
    words[KERNEL] = this.names.indexOf(name);
    words[TOTAL] = total;
    words[CHUNK] = chunk;
    words[NEXT] = 0;
    words[FAILED] = 0;
    words[ARGUMENTS] = args.length;
    for (let i = 0; i < args.length; i++) words[ARGUMENTS + 1 + i] = args[i];
    Atomics.store(words, STATE, OPEN);
    Atomics.add(words, GENERATION, 1);
    Atomics.notify(words, GENERATION);
    try {
      for (let from = Atomics.add(words, NEXT, chunk); from < total; from = Atomics.add(words, NEXT, chunk)) {
        kernel(from, Math.min(from + chunk, total), 0, ...args);
      }
    } finally {
      Atomics.and(words, STATE, ~OPEN);
      this.awaitWorkers();
    }
    if (words[FAILED] !== 0) throw new InvariantError(`kernel ${name} failed on a worker`);
  }

  /** Returns when no worker is inside the job. */
  private awaitWorkers(): void {
    const { words } = this;
    for (let polls = 0; ; polls++) {
      const inside = Atomics.load(words, STATE);
      if (inside === 0) return;
      if (polls > 2000 && this.maySleep) Atomics.wait(words, STATE, inside);
    }
  }
}
