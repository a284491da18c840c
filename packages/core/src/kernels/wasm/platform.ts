/** What the kernels use of WebAssembly and of worker threads, alike in Node and browsers. */

export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
  /** Throws a RangeError where the memory cannot grow. */
  grow(pages: number): number;
}

/** A compiled module. */
export type WasmModule = object;

/** A function of the module; numbers are taken modulo 2^32. */
export type WasmFunction = (...args: number[]) => number | undefined;

interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  instantiate(
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ): Promise<{ readonly exports: Record<string, WasmFunction> }>;
  readonly Memory: new (options: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
}

/** A running worker, started from source. */
export interface WorkerThread {
  stop(): Promise<void>;
}

interface BrowserWorker {
  postMessage(message: unknown): void;
  terminate(): void;
}

interface Platform {
  readonly WebAssembly?: WebAssemblyApi;
  readonly process?: { readonly versions?: { readonly node?: string } };
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly crossOriginIsolated?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly Worker?: new (url: string) => BrowserWorker;
  readonly Blob?: new (parts: string[], options: { type: string }) => object;
  readonly URL?: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

const platform = globalThis as unknown as Platform;
const inNode = platform.process?.versions?.node !== undefined;

export const webAssembly: WebAssemblyApi | undefined = platform.WebAssembly;

/** Whether a memory can be shared with workers: browsers ask for cross-origin isolation. */
export const canShareMemory: boolean =
  platform.SharedArrayBuffer !== undefined && (inNode || platform.crossOriginIsolated === true);

/** Number of cores, 1 where it is not known. */
export async function coreCount(): Promise<number> {
  if (!inNode) return platform.navigator?.hardwareConcurrency ?? 1;
  const { availableParallelism } = await import('node:os');
  return availableParallelism();
}

/**
 * Starts workers that run `source` with `data`: as workerData in Node, as the first message in browsers. They do not
 * keep the process alive.
 */
export async function startWorkers(source: string, data: readonly unknown[]): Promise<WorkerThread[]> {
  if (inNode) {
    const { Worker } = await import('node:worker_threads');
    return data.map((workerData) => {
      const worker = new Worker(source, { eval: true, workerData, execArgv: [] });
      worker.unref();
      // A worker that cannot start is one that never takes part.
      worker.on('error', () => {});
      return {
        stop: async () => {
          await worker.terminate();
        },
      };
    });
  }
  const { Worker, Blob, URL } = platform;
  if (!Worker || !Blob || !URL) return [];
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  return data.map((message) => {
    const worker = new Worker(url);
    worker.postMessage(message);
    return { stop: async () => worker.terminate() };
  });
}
