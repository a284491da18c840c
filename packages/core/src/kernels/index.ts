import type { Kernels } from './kernels.js';
import { createReferenceKernels } from './reference.js';

export type { Kernels } from './kernels.js';

export interface KernelOptions {
  /** Threads to use; all cores (at most eight) by default. */
  readonly threads?: number;
  readonly backend?: 'wasm' | 'reference';
}

export async function createKernels(_options: KernelOptions = {}): Promise<Kernels> {
  return createReferenceKernels();
}
