// BLAKE3 on four messages at once, one to a lane of 32 bits; see base/blake3.ts for the function.
import { PARTIALS, PARTIAL_BYTES, SCRATCH, SCRATCH_BYTES } from './memory';

const CHUNK_START = 1;
const CHUNK_END = 2;
const ROOT = 8;

// Working space of a thread: sixteen message words, sixteen state words, four blocks of bytes.
const STATE: usize = 256;
const BLOCKS: usize = 512;

// @ts-ignore: decorator
@inline function rotate16(x: v128): v128 {
  return v128.shuffle<i16>(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
}
// @ts-ignore: decorator
@inline function rotate8(x: v128): v128 {
  return v128.swizzle(x, i8x16(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12));
}
// @ts-ignore: decorator
@inline function rotate(x: v128, n: i32): v128 { return v128.or(i32x4.shr_u(x, n), i32x4.shl(x, 32 - n)); }

/** The quarter round on state words a, b, c, d with message words x, y. */
// @ts-ignore: decorator
@inline function mix(m: usize, ia: usize, ib: usize, ic: usize, id: usize, x: usize, y: usize): void {
  const s = m + STATE;
  let a = v128.load(s + 16 * ia);
  let b = v128.load(s + 16 * ib);
  let c = v128.load(s + 16 * ic);
  let d = v128.load(s + 16 * id);
  a = i32x4.add(i32x4.add(a, b), v128.load(m + 16 * x));
  d = rotate16(v128.xor(d, a));
  c = i32x4.add(c, d);
  b = rotate(v128.xor(b, c), 12);
  a = i32x4.add(i32x4.add(a, b), v128.load(m + 16 * y));
  d = rotate8(v128.xor(d, a));
  c = i32x4.add(c, d);
  b = rotate(v128.xor(b, c), 7);
  v128.store(s + 16 * ia, a);
  v128.store(s + 16 * ib, b);
  v128.store(s + 16 * ic, c);
  v128.store(s + 16 * id, d);
}

// @ts-ignore: decorator
@inline function round(
  m: usize, x0: usize, x1: usize, x2: usize, x3: usize, x4: usize, x5: usize, x6: usize, x7: usize,
  x8: usize, x9: usize, x10: usize, x11: usize, x12: usize, x13: usize, x14: usize, x15: usize,
): void {
  mix(m, 0, 4, 8, 12, x0, x1);
  mix(m, 1, 5, 9, 13, x2, x3);
  mix(m, 2, 6, 10, 14, x4, x5);
  mix(m, 3, 7, 11, 15, x6, x7);
  mix(m, 0, 5, 10, 15, x8, x9);
  mix(m, 1, 6, 11, 12, x10, x11);
  mix(m, 2, 7, 8, 13, x12, x13);
  mix(m, 3, 4, 9, 14, x14, x15);
}

/** State words 0 … 7 ← the next chaining values; the message is in place, and so is the chaining value. */
function compress(m: usize, length: i32, flags: i32): void {
  const s = m + STATE;
  v128.store(s, i32x4.splat(0x6a09e667), 128);
  v128.store(s, i32x4.splat(0xbb67ae85), 144);
  v128.store(s, i32x4.splat(0x3c6ef372), 160);
  v128.store(s, i32x4.splat(0xa54ff53a), 176);
  v128.store(s, i32x4.splat(0), 192);
  v128.store(s, i32x4.splat(0), 208);
  v128.store(s, i32x4.splat(length), 224);
  v128.store(s, i32x4.splat(flags), 240);
  round(m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  round(m, 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);
  round(m, 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);
  round(m, 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);
  round(m, 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);
  round(m, 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);
  round(m, 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);
  for (let i: usize = 0; i < 128; i += 16) v128.store(s + i, v128.xor(v128.load(s + i), v128.load(s + i, 128)));
}

function start(m: usize): void {
  const s = m + STATE;
  v128.store(s, i32x4.splat(0x6a09e667));
  v128.store(s, i32x4.splat(0xbb67ae85), 16);
  v128.store(s, i32x4.splat(0x3c6ef372), 32);
  v128.store(s, i32x4.splat(0xa54ff53a), 48);
  v128.store(s, i32x4.splat(0x510e527f), 64);
  v128.store(s, i32x4.splat(0x9b05688c), 80);
  v128.store(s, i32x4.splat(0x1f83d9ab), 96);
  v128.store(s, i32x4.splat(0x5be0cd19), 112);
}

/** Words at `to` ← the `bytes` bytes at each of four places, one place to a lane. */
// @ts-ignore: decorator
@inline function loadWords(to: usize, p0: usize, p1: usize, p2: usize, p3: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(p0 + i);
    const y = v128.load(p1 + i);
    const z = v128.load(p2 + i);
    const w = v128.load(p3 + i);
    const xy = v128.shuffle<i32>(x, y, 0, 4, 1, 5);
    const zw = v128.shuffle<i32>(z, w, 0, 4, 1, 5);
    const xy2 = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
    const zw2 = v128.shuffle<i32>(z, w, 2, 6, 3, 7);
    const at = to + (i << 2);
    v128.store(at, v128.shuffle<i64>(xy, zw, 0, 2));
    v128.store(at, v128.shuffle<i64>(xy, zw, 1, 3), 16);
    v128.store(at, v128.shuffle<i64>(xy2, zw2, 0, 2), 32);
    v128.store(at, v128.shuffle<i64>(xy2, zw2, 1, 3), 48);
  }
}

/** State words 0 … 7 ← the 32 bytes at each of four places. */
function resume(m: usize, p0: usize, p1: usize, p2: usize, p3: usize): void {
  loadWords(m + STATE, p0, p1, p2, p3, 32);
}

/** Message words ← the 64 bytes at each of four places. */
function loadBlocks(m: usize, p0: usize, p1: usize, p2: usize, p3: usize): void {
  loadWords(m, p0, p1, p2, p3, 64);
}

/** Writes the first `lanes` digests one after the other. */
function storeDigests(m: usize, dst: usize, lanes: u32): void {
  const s = m + STATE;
  const b = m + BLOCKS;
  for (let i: usize = 0; i < 2; i++) {
    const x = v128.load(s + (i << 6));
    const y = v128.load(s + (i << 6), 16);
    const z = v128.load(s + (i << 6), 32);
    const w = v128.load(s + (i << 6), 48);
    const xy = v128.shuffle<i32>(x, y, 0, 4, 1, 5);
    const zw = v128.shuffle<i32>(z, w, 0, 4, 1, 5);
    const xy2 = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
    const zw2 = v128.shuffle<i32>(z, w, 2, 6, 3, 7);
    const to = b + (i << 4);
    v128.store(to, v128.shuffle<i64>(xy, zw, 0, 2));
    v128.store(to, v128.shuffle<i64>(xy, zw, 1, 3), 32);
    v128.store(to, v128.shuffle<i64>(xy2, zw2, 0, 2), 64);
    v128.store(to, v128.shuffle<i64>(xy2, zw2, 1, 3), 96);
  }
  memory.copy(dst, b, <usize>lanes << 5);
}

/**
 * The part of message j at src + j·stride, `bytes` long, for j in [from, to): at dst[j] stands what the parts before come
 * to, and then what they come to with this one, which is the digest where it is the last one.
 */
export function hashLeaves(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, bytes: u32, stride: usize, first: u32, last: u32,
): void {
  const m = SCRATCH + <usize>slot * SCRATCH_BYTES;
  const b = m + BLOCKS;
  for (let j = from; j < to; j += 4) {
    const lanes = min<u32>(4, to - j);
    // Lanes without a message of their own hash the first one's.
    let p0 = src + <usize>j * stride;
    let p1 = lanes > 1 ? p0 + stride : p0;
    let p2 = lanes > 2 ? p1 + stride : p0;
    let p3 = lanes > 3 ? p2 + stride : p0;
    let flags = 0;
    let rest = bytes;
    const to = dst + (<usize>j << 5);
    if (first) {
      flags = CHUNK_START;
      start(m);
    } else resume(m, to, lanes > 1 ? to + 32 : to, lanes > 2 ? to + 64 : to, lanes > 3 ? to + 96 : to);
    for (; rest > 64; rest -= 64) {
      loadBlocks(m, p0, p1, p2, p3);
      compress(m, 64, flags);
      flags = 0;
      p0 += 64;
      p1 += 64;
      p2 += 64;
      p3 += 64;
    }
    if (rest == 64) loadBlocks(m, p0, p1, p2, p3);
    else {
      memory.fill(b, 0, 256);
      memory.copy(b, p0, rest);
      memory.copy(b + 64, p1, rest);
      memory.copy(b + 128, p2, rest);
      memory.copy(b + 192, p3, rest);
      loadBlocks(m, b, b + 64, b + 128, b + 192);
    }
    compress(m, rest, last ? flags | CHUNK_END | ROOT : flags);
    storeDigests(m, to, lanes);
  }
}

/**
 * The smallest nonce base + n, n in [from, to), for which the digest of seed ‖ nonce starts with `bits` zeros: n + 1 is
 * written to the partial result where it is still zero or larger.
 */
export function grind(from: u32, to: u32, slot: u32, seed: usize, low: u32, high: u32, bits: u32): void {
  const m = SCRATCH + <usize>slot * SCRATCH_BYTES;
  const out = PARTIALS + slot * PARTIAL_BYTES;
  const known = load<u32>(out);
  if (known != 0 && known <= from) return;
  for (let i: usize = 0; i < 8; i++) v128.store(m + (i << 4), v128.load32_splat(seed + (i << 2)));
  for (let i: usize = 8; i < 16; i++) v128.store(m + (i << 4), i32x4.splat(0));
  v128.store(m, i32x4.splat(high), 144);
  const limit = <u64>1 << (32 - bits);
  for (let n = from; n < to; n += 4) {
    v128.store(m, i32x4.add(i32x4.splat(low + n), i32x4(0, 1, 2, 3)), 128);
    start(m);
    compress(m, 40, CHUNK_START | CHUNK_END | ROOT);
    for (let lane: u32 = 0; lane < 4 && n + lane < to; lane++) {
      if (<u64>bswap<u32>(load<u32>(m + STATE + (<usize>lane << 2))) < limit) {
        store<u32>(out, n + lane + 1);
        return;
      }
    }
  }
}
