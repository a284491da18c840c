/**
 * BLAKE3 (O'Connor, Aumasson, Neves and Wilcox-O'Hearn 2020), unkeyed, 32 bytes of output, in plain TypeScript.
 *
 * A message is cut into chunks of 1024 bytes, a chunk into blocks of 64; the chunks are the leaves of a binary tree in
 * which every left subtree is complete.
 */

import { compress, IV } from './blake3-compress.js';
import { keepShape } from './keep-shape.js';

const BLOCK_BYTES = 64;
const CHUNK_BYTES = 1024;
const DIGEST_BYTES = 32;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;

// Scratch of the functions below, none of which is re-entrant.
const block = new Int32Array(16);
const chaining = new Int32Array(8);

/** block ← bytes[at, at + 64), little-endian. */
function loadBlock(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const o = at + 4 * i;
    block[i] = bytes[o] | (bytes[o + 1] << 8) | (bytes[o + 2] << 16) | (bytes[o + 3] << 24);
  }
}

/** block ← bytes[at, at + length) and zeros, length < 64. */
function loadShortBlock(bytes: Uint8Array, at: number, length: number): void {
  block.fill(0);
  for (let i = 0; i < length; i++) block[i >>> 2] |= bytes[at + i] << (8 * (i & 3));
}

function store(cv: Int32Array): Uint8Array {
  const out = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < 8; i++) {
    const w = cv[i];
    out[4 * i] = w;
    out[4 * i + 1] = w >>> 8;
    out[4 * i + 2] = w >>> 16;
    out[4 * i + 3] = w >>> 24;
  }
  return out;
}

/**
 * cv ← chaining value of the chunk bytes[from, to), to - from <= 1024.
 * @param last flags of the last block besides CHUNK_END
 */
function compressChunk(
  cv: Int32Array,
  bytes: Uint8Array,
  from: number,
  to: number,
  number: number,
  last: number,
): void {
  cv.set(IV);
  let flags = CHUNK_START;
  let at = from;
  for (; at + BLOCK_BYTES < to; at += BLOCK_BYTES) {
    loadBlock(bytes, at);
    compress(cv, block, number, BLOCK_BYTES, flags);
    flags = 0;
  }
  const rest = to - at;
  if (rest === BLOCK_BYTES) loadBlock(bytes, at);
  else loadShortBlock(bytes, at, rest);
  compress(cv, block, number, rest, flags | CHUNK_END | last);
}

/** cv ← chaining value of the parent of `left` and `right`. */
function compressParent(cv: Int32Array, left: Int32Array, right: Int32Array, last: number): void {
  block.set(left);
  block.set(right, 8);
  cv.set(IV);
  compress(cv, block, 0, BLOCK_BYTES, PARENT | last);
}

/** The 32-byte digest of bytes[from, to). */
export function hash(bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array {
  if (to - from > CHUNK_BYTES) return new Hasher().update(bytes.subarray(from, to)).digest();
  compressChunk(chaining, bytes, from, to, 0, ROOT);
  return store(chaining);
}

/** The digest of left ‖ right, two digests of 32 bytes. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  for (let i = 0; i < 8; i++) {
    const o = 4 * i;
    block[i] = left[o] | (left[o + 1] << 8) | (left[o + 2] << 16) | (left[o + 3] << 24);
    block[i + 8] = right[o] | (right[o + 1] << 8) | (right[o + 2] << 16) | (right[o + 3] << 24);
  }
  chaining.set(IV);
  compress(chaining, block, 0, BLOCK_BYTES, CHUNK_START | CHUNK_END | ROOT);
  return store(chaining);
}

/** Hashes a message that comes in pieces. */
export class Hasher {
  /** The chunk not yet compressed; never empty once there was input, as the last chunk is treated differently. */
  private readonly chunk = new Uint8Array(CHUNK_BYTES);
  private held = 0;
  /** Chunks compressed so far. */
  private chunks = 0;
  /** Chaining values of the complete subtrees, largest first: one for each bit set in `chunks`. */
  private readonly subtrees: Int32Array[] = [];

  update(bytes: Uint8Array): this {
    let at = 0;
    while (at < bytes.length) {
      if (this.held === CHUNK_BYTES) {
        this.push(this.chunk, 0);
        this.held = 0;
      }
      // Whole chunks that are not the last are read where they are.
      if (this.held === 0) {
        for (; at + CHUNK_BYTES < bytes.length; at += CHUNK_BYTES) this.push(bytes, at);
      }
      const take = Math.min(CHUNK_BYTES - this.held, bytes.length - at);
      this.chunk.set(bytes.subarray(at, at + take), this.held);
      this.held += take;
      at += take;
    }
    return this;
  }

  /** The digest of everything so far; the hasher may be fed on. */
  digest(): Uint8Array {
    const cv = new Int32Array(8);
    compressChunk(cv, this.chunk, 0, this.held, this.chunks, this.subtrees.length === 0 ? ROOT : 0);
    for (let i = this.subtrees.length - 1; i >= 0; i--) compressParent(cv, this.subtrees[i], cv, i === 0 ? ROOT : 0);
    return store(cv);
  }

  /** Takes in a complete chunk that is not the last, and joins the subtrees that it completes. */
  private push(bytes: Uint8Array, at: number): void {
    const cv = new Int32Array(8);
    compressChunk(cv, bytes, at, at + CHUNK_BYTES, this.chunks, 0);
    this.chunks++;
    for (let n = this.chunks; n % 2 === 0; n /= 2) compressParent(cv, this.subtrees.pop() as Int32Array, cv, 0);
    this.subtrees.push(cv);
  }
}

keepShape(new Hasher());
