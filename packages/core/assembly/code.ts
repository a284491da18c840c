// The code and what surrounds it; see kernels.ts for the contracts and field/domain.ts for the domain.
//
// A code word of length 2^mu is made of levels 3 … mu. Level k joins two halves of length 2^(k-1) by butterflies with
// the factors t_k[i], i < 2^(k-1), kept doubled for mulDoubled4. Two levels go together: of the quarter words a, b, c, d
// (Q entries each) level k-1 joins (a, b) and (c, d) with t_(k-1)[i], level k joins the results with t_k[i] and t_k[i+Q].
import { add4, canonical4, mul, mulDoubled4, p4, sub4 } from './m31';
import { TWIDDLES } from './memory';

export function canonical(from: u32, to: u32, slot: u32, dst: usize, src: usize): void {
  let at = dst + (<usize>from << 2);
  let p = src + (<usize>from << 2);
  const end = dst + (<usize>to << 2);
  for (; at + 16 <= end; at += 16) {
    const x = v128.load(p);
    v128.store(at, canonical4(i32x4.add(x, v128.and(p4(), i32x4.shr_s(x, 31)))));
    p += 16;
  }
  for (; at < end; at += 4) {
    let x = load<u32>(p);
    x += 0x7fffffff & (<u32>(<i32>x >> 31));
    store<u32>(at, min<u32>(x, x - 0x7fffffff));
    p += 4;
  }
}

/** The same of 16-bit integers. */
export function canonical16(from: u32, to: u32, slot: u32, dst: usize, src: usize): void {
  let at = dst + (<usize>from << 2);
  let p = src + (<usize>from << 1);
  const end = dst + (<usize>to << 2);
  for (; at + 32 <= end; at += 32) {
    const x = v128.load(p);
    v128.store(at, signed4(i32x4.extend_low_i16x8_s(x)));
    v128.store(at, signed4(i32x4.extend_high_i16x8_s(x)), 16);
    p += 16;
  }
  for (; at < end; at += 4) {
    const x = <i32>load<i16>(p);
    store<u32>(at, x + (0x7fffffff & (x >> 31)));
    p += 2;
  }
}

/** The same of 8-bit integers. */
export function canonical8(from: u32, to: u32, slot: u32, dst: usize, src: usize): void {
  let at = dst + (<usize>from << 2);
  let p = src + <usize>from;
  const end = dst + (<usize>to << 2);
  for (; at + 64 <= end; at += 64) {
    const x = v128.load(p);
    const low = i16x8.extend_low_i8x16_s(x);
    const high = i16x8.extend_high_i8x16_s(x);
    v128.store(at, signed4(i32x4.extend_low_i16x8_s(low)));
    v128.store(at, signed4(i32x4.extend_high_i16x8_s(low)), 16);
    v128.store(at, signed4(i32x4.extend_low_i16x8_s(high)), 32);
    v128.store(at, signed4(i32x4.extend_high_i16x8_s(high)), 48);
    p += 16;
  }
  for (; at < end; at += 4) {
    const x = <i32>load<i8>(p);
    store<u32>(at, x + (0x7fffffff & (x >> 31)));
    p++;
  }
}

/** x mod p of signed |x| < p. */
// @ts-ignore: decorator
@inline function signed4(x: v128): v128 { return i32x4.add(x, v128.and(p4(), i32x4.shr_s(x, 31))); }

/** `bytes` zeros. */
export function clear(dst: usize, bytes: usize): void { memory.fill(dst, 0, bytes); }

/** Columns [from, to) of a matrix of `rows` rows and `cols` columns become rows of `stride` entries. */
export function transpose(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, rows: u32, cols: u32, stride: u32,
): void {
  const step = <usize>cols << 2;
  const out = <usize>stride << 2;
  // Sixteen columns at a time: a cache line of every source row.
  for (let block = from; block < to; block += 16) {
    const last = min<u32>(block + 16, to);
    let r: u32 = 0;
    for (; r + 4 <= rows; r += 4) {
      let c = block;
      let p = src + <usize>r * step + (<usize>c << 2);
      let at = dst + <usize>c * out + (<usize>r << 2);
      for (; c + 4 <= last; c += 4) {
        const x = v128.load(p);
        const y = v128.load(p + step);
        const z = v128.load(p + 2 * step);
        const w = v128.load(p + 3 * step);
        const xy = v128.shuffle<i32>(x, y, 0, 4, 1, 5);
        const zw = v128.shuffle<i32>(z, w, 0, 4, 1, 5);
        const xy2 = v128.shuffle<i32>(x, y, 2, 6, 3, 7);
        const zw2 = v128.shuffle<i32>(z, w, 2, 6, 3, 7);
        v128.store(at, v128.shuffle<i64>(xy, zw, 0, 2));
        v128.store(at + out, v128.shuffle<i64>(xy, zw, 1, 3));
        v128.store(at + 2 * out, v128.shuffle<i64>(xy2, zw2, 0, 2));
        v128.store(at + 3 * out, v128.shuffle<i64>(xy2, zw2, 1, 3));
        p += 16;
        at += 4 * out;
      }
      for (; c < last; c++) {
        store<u32>(at, load<u32>(p));
        store<u32>(at, load<u32>(p + step), 4);
        store<u32>(at, load<u32>(p + 2 * step), 8);
        store<u32>(at, load<u32>(p + 3 * step), 12);
        p += 4;
        at += out;
      }
    }
    for (; r < rows; r++) {
      for (let c = block; c < last; c++) {
        store<u32>(dst + <usize>c * out + (<usize>r << 2), load<u32>(src + <usize>r * step + (<usize>c << 2)));
      }
    }
  }
}

/** dst[g·arity + k] = src[k·groups + g] for groups [from, to). */
export function gatherGroups(from: u32, to: u32, slot: u32, dst: usize, src: usize, groups: u32, arity: u32): void {
  const step = <usize>groups << 4;
  let at = dst + ((<usize>from * <usize>arity) << 4);
  for (let g = from; g < to; g++) {
    let p = src + (<usize>g << 4);
    for (let k: u32 = 0; k < arity; k++) {
      v128.store(at, v128.load(p));
      at += 16;
      p += step;
    }
  }
}

/**
 * The table of S_mu, doubled, mu >= 1: x-coordinates of points in the order of field/domain.ts. The step from n to 2n
 * points sends the point (x, y) to (c, s) - (x, y) = (c·x + s·y, s·x - c·y).
 * @param x dst, 2^(mu-1) words
 * @param y scratch of the same size
 * @param steps the points (c, s), first that at index 0, then one for each doubling
 */
export function twiddles(x: usize, y: usize, mu: u32, steps: usize): void {
  store<u32>(x, load<u32>(steps));
  store<u32>(y, load<u32>(steps, 4));
  const half = <usize>4 << (mu - 1);
  for (let n: usize = 4; n < half; n <<= 1) {
    steps += 8;
    if (n < 16) {
      const c = load<u32>(steps);
      const s = load<u32>(steps, 4);
      for (let i: usize = 0; i < n; i += 4) {
        const u = load<u32>(x + i);
        const v = load<u32>(y + i);
        const a = mul(c, u) + mul(s, v);
        const b = mul(s, u) + 0x7fffffff - mul(c, v);
        store<u32>(x + n + i, min<u32>(a, a - 0x7fffffff));
        store<u32>(y + n + i, min<u32>(b, b - 0x7fffffff));
      }
    } else {
      const c = i32x4.shl(v128.load32_splat(steps), 1);
      const s = i32x4.shl(v128.load32_splat(steps, 4), 1);
      for (let i: usize = 0; i < n; i += 16) {
        const u = v128.load(x + i);
        const v = v128.load(y + i);
        v128.store(x + n + i, add4(mulDoubled4(u, c), mulDoubled4(v, s)));
        v128.store(y + n + i, sub4(mulDoubled4(u, s), mulDoubled4(v, c)));
      }
    }
  }
  for (let i: usize = 0; i < half; i += 4) store<u32>(x + i, load<u32>(x + i) << 1);
}

/** The first levels: every `2^group` message rows (group <= 2) become a code word of 2^(group+2) rows. */
// @ts-ignore: decorator
@inline function start(dst: usize, message: usize, group: u32, row: usize, t3: usize, t4: usize): void {
  for (let col: usize = 0; col < row; col += 16) {
    const a = v128.load(message + col);
    let at = dst + col;
    if (group == 0) {
      for (let i = 0; i < 4; i++) {
        v128.store(at, a);
        at += row;
      }
      continue;
    }
    const b = v128.load(message + row + col);
    if (group == 1) {
      for (let i: usize = 0; i < 16; i += 4) {
        const tb = mulDoubled4(b, v128.load32_splat(t3 + i));
        v128.store(at, add4(a, tb));
        v128.store(at + 4 * row, sub4(a, tb));
        at += row;
      }
      continue;
    }
    const c = v128.load(message + 2 * row + col);
    const d = v128.load(message + 3 * row + col);
    for (let i: usize = 0; i < 16; i += 4) {
      quad(at, 4 * row, a, b, c, d, v128.load32_splat(t3 + i), v128.load32_splat(t4 + i), v128.load32_splat(t4 + i, 16));
      at += row;
    }
  }
}

/** Two levels on one entry of each quarter, written `quarter` bytes apart from `at`. */
// @ts-ignore: decorator
@inline function quad(
  at: usize, quarter: usize, a: v128, b: v128, c: v128, d: v128, s: v128, t: v128, u: v128,
): void {
  const sb = mulDoubled4(b, s);
  const sd = mulDoubled4(d, s);
  const p = add4(a, sb);
  const q = sub4(a, sb);
  const tr = mulDoubled4(add4(c, sd), t);
  const uw = mulDoubled4(sub4(c, sd), u);
  v128.store(at, add4(p, tr));
  v128.store(at + quarter, add4(q, uw));
  v128.store(at + 2 * quarter, sub4(p, tr));
  v128.store(at + 3 * quarter, sub4(q, uw));
}

/** Levels mu-1 and mu for the entries [from, to) of the quarters of the code word at `word`. */
// @ts-ignore: decorator
@inline function join4(word: usize, from: usize, to: usize, mu: u32, row: usize, lower: usize, upper: usize): void {
  const quarter = row << (mu - 2);
  const far = <usize>4 << (mu - 2);
  let at = word + from * row;
  for (let i = from << 2; i < to << 2; i += 4) {
    const s = v128.load32_splat(lower + i);
    const t = v128.load32_splat(upper + i);
    const u = v128.load32_splat(upper + far + i);
    for (const end = at + row; at < end; at += 16) {
      quad(
        at, quarter, v128.load(at), v128.load(at + quarter), v128.load(at + 2 * quarter), v128.load(at + 3 * quarter),
        s, t, u,
      );
    }
  }
}

/** Level mu for the entries [from, to) of the halves. */
// @ts-ignore: decorator
@inline function join2(word: usize, from: usize, to: usize, mu: u32, row: usize, upper: usize): void {
  const half = row << (mu - 1);
  let at = word + from * row;
  for (let i = from << 2; i < to << 2; i += 4) {
    const t = v128.load32_splat(upper + i);
    for (const end = at + row; at < end; at += 16) {
      const a = v128.load(at);
      const tb = mulDoubled4(v128.load(at + half), t);
      v128.store(at, add4(a, tb));
      v128.store(at + half, sub4(a, tb));
    }
  }
}

// @ts-ignore: decorator
@inline function table(mu: u32): usize { return TWIDDLES + (<usize>4 << (mu - 1)); }

/** Code words of 2^mu positions from message rows, blocks [from, to); all levels of a block while it is in the cache. */
export function encodeBlocks(from: u32, to: u32, slot: u32, dst: usize, message: usize, mu: u32, row: usize): void {
  const group = min<u32>(mu - 2, 2);
  const size = row << mu;
  for (let block = from; block < to; block++) {
    const word = dst + <usize>block * size;
    const source = message + <usize>block * (size >> 2);
    for (let o: usize = 0; o < size >> 2; o += row << group) start(word + 4 * o, source + o, group, row, table(3), table(4));
    let k = group + 2;
    for (; k + 2 <= mu; k += 2) {
      const piece = row << (k + 2);
      for (let o: usize = 0; o < size; o += piece) join4(word + o, 0, <usize>1 << k, k + 2, row, table(k + 1), table(k + 2));
    }
    if (k < mu) {
      const piece = row << (k + 1);
      for (let o: usize = 0; o < size; o += piece) join2(word + o, 0, <usize>1 << k, k + 1, row, table(k + 1));
    }
  }
}

/** Levels mu-1 and mu of consecutive code words of 2^mu positions; entries [from, to) of all their first quarters. */
export function encodeJoin4(
  from: u32, to: u32, slot: u32, dst: usize, mu: u32, row: usize, lower: usize, upper: usize,
): void {
  const quarter: u32 = 1 << (mu - 2);
  while (from < to) {
    const i = from & (quarter - 1);
    const n = min<u32>(quarter - i, to - from);
    join4(dst + ((<usize>(from - i) * row) << 2), i, i + n, mu, row, lower, upper);
    from += n;
  }
}

/** Level mu of consecutive code words of 2^mu positions; entries [from, to) of all their first halves. */
export function encodeJoin2(from: u32, to: u32, slot: u32, dst: usize, mu: u32, row: usize, upper: usize): void {
  const half: u32 = 1 << (mu - 1);
  while (from < to) {
    const i = from & (half - 1);
    const n = min<u32>(half - i, to - from);
    join2(dst + ((<usize>(from - i) * row) << 1), i, i + n, mu, row, upper);
    from += n;
  }
}
