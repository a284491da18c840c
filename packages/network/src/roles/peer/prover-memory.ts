/** What a prover's memory holds. */
import { groupMemory } from '@dsperse/core/prove';
import type { VerifierKey } from '@dsperse/core/verify';

/** Of the bytes that proving may take, those of the kernels; the rest is for decoded slice packages. */
export const kernelBytes = (maxMemoryBytes: number): number => maxMemoryBytes - Math.floor(maxMemoryBytes / 4);

/** An estimate may be too small by a tenth. */
const MARGIN = 1.1;

/** Whether there can be one proof of slices [index, index + count), and proving may take so many bytes. */
export function fitsMemory(key: VerifierKey, index: number, count: number, maxMemoryBytes: number): boolean {
  const needed = groupMemory(key, { index, count });
  if (!needed) return false;
  const kernels = MARGIN * needed.kernelBytes;
  return kernels <= kernelBytes(maxMemoryBytes) && kernels + MARGIN * needed.numberBytes <= maxMemoryBytes;
}
