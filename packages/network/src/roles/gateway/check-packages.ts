/**
 * The packages of a program before it is published: whoever is first would else give all provers other slices under its name,
 * whose proofs are rejected at their cost.
 */
import type { Kernels } from '@dsperse/core/kernels';
import {
  decodeSlicePackage,
  InputError,
  ProvingError,
  packageFault,
  prepareSlice,
  type SlicePackage,
} from '@dsperse/core/prove';
import { decodeKey, fingerprintOf } from '@dsperse/core/verify';

/**
 * @param read bytes of the package of each slice
 * @returns what is wrong; undefined where all are of the key's program
 */
export async function packagesFault(
  keyBytes: Uint8Array,
  count: number,
  read: (index: number) => Promise<Uint8Array>,
  kernels: Kernels,
  preset: 'standard' | 'tiny' = 'standard',
): Promise<string | undefined> {
  const key = decodeKey(keyBytes, preset);
  const fingerprint = fingerprintOf(keyBytes);
  for (let index = 0; index < count; index++) {
    let slice: SlicePackage;
    try {
      slice = decodeSlicePackage(await read(index));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return `slice ${index}: ${error.message}`;
    }
    const fault = slice.index === index ? packageFault(key, fingerprint, slice) : 'index';
    if (fault) return `slice ${index} has another ${fault} than the key`;
    const mark = kernels.mark();
    try {
      prepareSlice(kernels, slice);
    } catch (error) {
      // What does not fit into this machine's memory its provers find out themselves: they release it.
      if (error instanceof ProvingError && error.code === 'broken-package') return `slice ${index}: ${error.message}`;
      if (!(error instanceof ProvingError) || error.code !== 'out-of-memory') throw error;
    } finally {
      kernels.release(mark);
    }
  }
  return undefined;
}
