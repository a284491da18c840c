import { compress, IV } from '../../base/blake3-compress.js';
import type { LeafPart } from '../kernels.js';

const BLOCK = 64;
const CHUNK_START = 1;
const CHUNK_END = 2;
const ROOT = 8;

/**
 * {@link Kernels.hashLeaves} of one leaf: a chunk of BLAKE3, whose chaining value stands in `state` between its parts.
 * @param state 32 bytes, replaced
 */
export function hashPart(state: Uint8Array, part: Uint8Array, { first, last }: LeafPart): void {
  const words = new DataView(state.buffer, state.byteOffset, 32);
  const cv = Int32Array.from({ length: 8 }, (_, i) => (first ? IV[i] : words.getInt32(4 * i, true)));
  // A last block may be empty, one before it is not.
  const blocks = Math.max(1, Math.ceil(part.length / BLOCK));
  for (let b = 0; b < blocks; b++) {
    const bytes = new Uint8Array(BLOCK);
    const some = part.subarray(BLOCK * b, BLOCK * (b + 1));
    bytes.set(some);
    const view = new DataView(bytes.buffer);
    const message = Int32Array.from({ length: 16 }, (_, i) => view.getInt32(4 * i, true));
    const flags = (first && b === 0 ? CHUNK_START : 0) | (last && b === blocks - 1 ? CHUNK_END | ROOT : 0);
    compress(cv, message, 0, some.length, flags);
  }
  cv.forEach((x, i) => {
    words.setInt32(4 * i, x, true);
  });
}
