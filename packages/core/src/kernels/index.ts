import type { Kernels } from './kernels.js';
import { createReferenceKernels } from './reference.js';
import { createWasmKernels } from './wasm/create.js';

export type { AxisContraction, Kernels, Ptr } from './kernels.js';
export { createReferenceKernels } from './reference.js';

export interface KernelOptions {
  /** Threads to use, the calling one among them; one for each core by default, at most eight. */
  readonly threads?: number;
  /** `wasm` (the default) falls back to `reference` where the platform has no WebAssembly SIMD or shared memory. */
  readonly backend?: 'wasm' | 'reference';
  /** Limit of what is allocated at once; by default what the platform gives, below 4 GiB. */
  readonly maxMemoryBytes?: number;
}

/** The kernels; `close()` them to stop their threads. Results do not depend on the backend or the threads. */
export async function createKernels(options: KernelOptions = {}): Promise<Kernels> {
  const { threads, backend = 'wasm', maxMemoryBytes } = options;
  const wasm = backend === 'wasm' ? await createWasmKernels(threads, maxMemoryBytes) : undefined;
  return wasm ?? createReferenceKernels(maxMemoryBytes);
}
