// Products of integer matrices modulo 2^32; see kernels.ts.
//
// A is read where it is; B is packed first, in panels of eight columns, so that the inner loop reads it in order.

const PANEL: u32 = 8;

/** Whether all n words lie in [-2^15, 2^15): 1 or 0. */
export function fits16(src: usize, n: u32): u32 {
  const end = src + (<usize>n << 2);
  let wide = i32x4.splat(0);
  for (; src + 16 <= end; src += 16) {
    const x = v128.load(src);
    wide = v128.or(wide, v128.xor(x, i32x4.shr_s(i32x4.shl(x, 16), 16)));
  }
  let rest: i32 = v128.any_true(wide) ? 1 : 0;
  for (; src < end; src += 4) {
    const x = load<i32>(src);
    rest |= x ^ ((x << 16) >> 16);
  }
  return rest ? 0 : 1;
}

/** Panels [from, to) of B [k][n]: dst[panel][l][8] = b[l][8·panel …], zeros beyond n. */
export function packWords(from: u32, to: u32, slot: u32, dst: usize, b: usize, k: u32, n: u32): void {
  const row = <usize>n << 2;
  let at = dst + ((<usize>from * <usize>k) << 5);
  for (let panel = from; panel < to; panel++) {
    const bytes = <usize>min<u32>(n - panel * PANEL, PANEL) << 2;
    let p = b + ((<usize>panel * <usize>PANEL) << 2);
    for (let l: u32 = 0; l < k; l++) {
      if (bytes == 32) {
        v128.store(at, v128.load(p));
        v128.store(at, v128.load(p, 16), 16);
      } else {
        memory.fill(at, 0, 32);
        memory.copy(at, p, bytes);
      }
      at += 32;
      p += row;
    }
  }
}

/** The same for 16-bit entries, rows 2l and 2l+1 interleaved: dst[panel][l][8] = pairs (b[2l][c], b[2l+1][c]). */
export function packPairs(from: u32, to: u32, slot: u32, dst: usize, b: usize, k: u32, n: u32): void {
  const row = <usize>n << 2;
  const pairs = (k + 1) >> 1;
  let at = dst + ((<usize>from * <usize>pairs) << 5);
  for (let panel = from; panel < to; panel++) {
    const columns = min<u32>(n - panel * PANEL, PANEL);
    let p = b + ((<usize>panel * <usize>PANEL) << 2);
    for (let l: u32 = 0; l < k; l += 2) {
      const paired = l + 1 < k;
      if (columns == PANEL) {
        for (let c: usize = 0; c < 32; c += 16) {
          const y = paired ? i32x4.shl(v128.load(p + row + c), 16) : i32x4.splat(0);
          v128.store(at + c, v128.or(v128.and(v128.load(p + c), i32x4.splat(0xffff)), y));
        }
      } else {
        for (let c: usize = 0; c < <usize>PANEL; c++) {
          let x: u32 = 0;
          if (<u32>c < columns) {
            x = load<u32>(p + (c << 2)) & 0xffff;
            if (paired) x |= load<u32>(p + row + (c << 2)) << 16;
          }
          store<u32>(at + (c << 2), x);
        }
      }
      at += 32;
      p += 2 * row;
    }
  }
}

/** Rows [from, to) of A [m][k] as pairs of 16-bit entries: dst[i][l] = (a[i][2l], a[i][2l+1]). */
export function packRows(from: u32, to: u32, slot: u32, dst: usize, a: usize, k: u32): void {
  const pairs = (k + 1) >> 1;
  let at = dst + ((<usize>from * <usize>pairs) << 2);
  let p = a + ((<usize>from * <usize>k) << 2);
  for (let i = from; i < to; i++) {
    let l: u32 = 0;
    for (; l + 2 <= k; l += 2) {
      store<u32>(at, (load<u32>(p) & 0xffff) | (load<u32>(p, 4) << 16));
      p += 8;
      at += 4;
    }
    if (l < k) {
      store<u32>(at, load<u32>(p) & 0xffff);
      p += 4;
      at += 4;
    }
  }
}

/** Rows of a block: a cache line of the source has so many 16-bit numbers, where rows here are columns there. */
const ROWS: u32 = 32;
/** Entries of a row that are written before those of the next row of the block: a cache line of pairs. */
const ENTRIES: u32 = 32;

/** The number at an offset that is loaded from `offset`. */
// @ts-ignore: decorator
@inline function read<T>(p: usize, offset: usize): i32 { return <i32>load<T>(p + <usize>load<u32>(offset) * sizeof<T>()); }

/** Two numbers of 16 bits. */
// @ts-ignore: decorator
@inline function pair(x: i32, y: i32): u32 { return (<u32>x & 0xffff) | (<u32>y << 16); }

/** Blocks [from, to) of the rows of A [m][k], packed as by packRows: a[i][l] = src[outer[i] + inner[l]]. */
// @ts-ignore: decorator
@inline function readRows<T>(
  from: u32, to: u32, dst: usize, src: usize, outer: usize, inner: usize, m: u32, k: u32,
): void {
  const row = <usize>((k + 1) >> 1) << 2;
  for (let block = from; block < to; block++) {
    const first = block * ROWS;
    const last = min<u32>(first + ROWS, m);
    for (let tile: u32 = 0; tile < k; tile += ENTRIES) {
      const end = inner + (<usize>min<u32>(tile + ENTRIES, k) << 2);
      for (let i = first; i < last; i++) {
        const p = src + <usize>load<u32>(outer + (<usize>i << 2)) * sizeof<T>();
        let at = dst + <usize>i * row + (<usize>tile << 1);
        let o = inner + (<usize>tile << 2);
        for (; o + 8 <= end; o += 8) {
          store<u32>(at, pair(read<T>(p, o), read<T>(p, o + 4)));
          at += 4;
        }
        if (o < end) store<u32>(at, pair(read<T>(p, o), 0));
      }
    }
  }
}

export function readRows8(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, m: u32, k: u32,
): void {
  readRows<i8>(from, to, dst, src, outer, inner, m, k);
}

export function readRows16(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, m: u32, k: u32,
): void {
  readRows<i16>(from, to, dst, src, outer, inner, m, k);
}

export function readRows32(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, m: u32, k: u32,
): void {
  readRows<i32>(from, to, dst, src, outer, inner, m, k);
}

/** Whether four offsets follow one another. */
// @ts-ignore: decorator
@inline function follow(offsets: usize): bool {
  const x = load<u32>(offsets);
  return load<u32>(offsets, 4) == x + 1 && load<u32>(offsets, 8) == x + 2 && load<u32>(offsets, 12) == x + 3;
}

/** Pairs of four 32-bit numbers at p and four at q. */
// @ts-ignore: decorator
@inline function pairs4(p: usize, q: usize): v128 {
  return v128.or(v128.and(v128.load(p), i32x4.splat(0xffff)), i32x4.shl(v128.load(q), 16));
}

/** Panels [from, to) of B [k][n], packed as by packPairs: b[l][j] = src[inner[l] + outer[j]]. */
// @ts-ignore: decorator
@inline function readPanels<T>(
  from: u32, to: u32, dst: usize, src: usize, outer: usize, inner: usize, k: u32, n: u32,
): void {
  const pairs = (k + 1) >> 1;
  const end = inner + (<usize>k << 2);
  let at = dst + ((<usize>from * <usize>pairs) << 5);
  for (let panel = from; panel < to; panel++) {
    const columns = min<u32>(n - panel * PANEL, PANEL);
    const offsets = outer + ((<usize>panel * <usize>PANEL) << 2);
    let o = inner;
    if (sizeof<T>() == 4 && columns == PANEL && follow(offsets) && follow(offsets + 16)) {
      const p = src + (<usize>load<u32>(offsets) << 2);
      const q = src + (<usize>load<u32>(offsets, 16) << 2);
      for (; o + 8 <= end; o += 8) {
        const x = <usize>load<u32>(o) << 2;
        const y = <usize>load<u32>(o, 4) << 2;
        v128.store(at, pairs4(p + x, p + y));
        v128.store(at, pairs4(q + x, q + y), 16);
        at += 32;
      }
      if (o < end) {
        const x = <usize>load<u32>(o) << 2;
        v128.store(at, v128.and(v128.load(p + x), i32x4.splat(0xffff)));
        v128.store(at, v128.and(v128.load(q + x), i32x4.splat(0xffff)), 16);
        at += 32;
      }
      continue;
    }
    const bytes = <usize>columns << 2;
    for (; o < end; o += 8) {
      const paired = o + 8 <= end;
      const p = src + <usize>load<u32>(o) * sizeof<T>();
      const q = paired ? src + <usize>load<u32>(o, 4) * sizeof<T>() : p;
      if (columns < PANEL) memory.fill(at, 0, 32);
      for (let c: usize = 0; c < bytes; c += 4) {
        store<u32>(at + c, pair(read<T>(p, offsets + c), paired ? read<T>(q, offsets + c) : 0));
      }
      at += 32;
    }
  }
}

export function readPanels8(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, k: u32, n: u32,
): void {
  readPanels<i8>(from, to, dst, src, outer, inner, k, n);
}

export function readPanels16(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, k: u32, n: u32,
): void {
  readPanels<i16>(from, to, dst, src, outer, inner, k, n);
}

export function readPanels32(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, outer: usize, inner: usize, k: u32, n: u32,
): void {
  readPanels<i32>(from, to, dst, src, outer, inner, k, n);
}

/** Stores the first `columns` of eight words. */
function storeRow(dst: usize, low: v128, high: v128, columns: u32): void {
  if (columns == PANEL) {
    v128.store(dst, low);
    v128.store(dst, high, 16);
    return;
  }
  if (columns >= 4) {
    v128.store(dst, low);
    dst += 16;
    columns -= 4;
    low = high;
  }
  if (columns > 0) v128.store32_lane(dst, low, 0);
  if (columns > 1) v128.store32_lane(dst, low, 1, 4);
  if (columns > 2) v128.store32_lane(dst, low, 2, 8);
}

/** One product: a 32-bit one, or the sum of two 16-bit ones. */
// @ts-ignore: decorator
@inline function times(a: v128, b: v128, pairs: bool): v128 {
  return pairs ? i32x4.dot_i16x8_s(a, b) : i32x4.mul(a, b);
}

/** Rows [from, to) of the product with a packed B; `terms` words of A to a row. */
// @ts-ignore: decorator
@inline function multiply(
  from: u32, to: u32, dst: usize, a: usize, packed: usize, terms: u32, n: u32, pairs: bool,
): void {
  const row = <usize>terms << 2;
  const out = <usize>n << 2;
  const panelBytes = <usize>terms << 5;
  for (let c: u32 = 0; c < n; c += PANEL) {
    const columns = min<u32>(PANEL, n - c);
    const panel = packed + <usize>(c >> 3) * panelBytes;
    const stop = panel + panelBytes;
    let p = a + <usize>from * row;
    let at = dst + <usize>from * out + (<usize>c << 2);
    let i = from;
    for (; i + 4 <= to; i += 4) {
      let s0 = i32x4.splat(0);
      let s1 = s0;
      let t0 = s0;
      let t1 = s0;
      let u0 = s0;
      let u1 = s0;
      let v0 = s0;
      let v1 = s0;
      let p0 = p;
      let p1 = p + row;
      let p2 = p1 + row;
      let p3 = p2 + row;
      for (let b = panel; b < stop; b += 32) {
        const y0 = v128.load(b);
        const y1 = v128.load(b, 16);
        let x = v128.load32_splat(p0);
        s0 = i32x4.add(s0, times(x, y0, pairs));
        s1 = i32x4.add(s1, times(x, y1, pairs));
        x = v128.load32_splat(p1);
        t0 = i32x4.add(t0, times(x, y0, pairs));
        t1 = i32x4.add(t1, times(x, y1, pairs));
        x = v128.load32_splat(p2);
        u0 = i32x4.add(u0, times(x, y0, pairs));
        u1 = i32x4.add(u1, times(x, y1, pairs));
        x = v128.load32_splat(p3);
        v0 = i32x4.add(v0, times(x, y0, pairs));
        v1 = i32x4.add(v1, times(x, y1, pairs));
        p0 += 4;
        p1 += 4;
        p2 += 4;
        p3 += 4;
      }
      storeRow(at, s0, s1, columns);
      storeRow(at + out, t0, t1, columns);
      storeRow(at + 2 * out, u0, u1, columns);
      storeRow(at + 3 * out, v0, v1, columns);
      at += 4 * out;
      p = a + <usize>(i + 4) * row;
    }
    for (; i < to; i++) {
      let s0 = i32x4.splat(0);
      let s1 = s0;
      let q = p;
      for (let b = panel; b < stop; b += 32) {
        const x = v128.load32_splat(q);
        s0 = i32x4.add(s0, times(x, v128.load(b), pairs));
        s1 = i32x4.add(s1, times(x, v128.load(b, 16), pairs));
        q += 4;
      }
      storeRow(at, s0, s1, columns);
      p += row;
      at += out;
    }
  }
}

/** Rows [from, to) of dst = a·b, a [m][k] as it is, b packed by packWords. */
export function matmulWords(from: u32, to: u32, slot: u32, dst: usize, a: usize, packed: usize, k: u32, n: u32): void {
  multiply(from, to, dst, a, packed, k, n, false);
}

/** The same for 16-bit entries, packed by packRows and packPairs. */
export function matmulPairs(from: u32, to: u32, slot: u32, dst: usize, a: usize, packed: usize, k: u32, n: u32): void {
  multiply(from, to, dst, a, packed, (k + 1) >> 1, n, true);
}

/**
 * dst [m][n] = a [m][k] · b [k][n] for few rows, b as it is: blocks [from, to) of sixteen columns, the last one moved
 * back to end at n (n >= 16).
 */
export function matmulColumns(from: u32, to: u32, slot: u32, dst: usize, a: usize, b: usize, m: u32, k: u32, n: u32): void {
  const row = <usize>n << 2;
  for (let block = from; block < to; block++) {
    const column = <usize>min<u32>(block << 4, n - 16) << 2;
    let p = a;
    for (let i: u32 = 0; i < m; i++) {
      let s0 = i32x4.splat(0);
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      let q = b + column;
      for (const end = p + (<usize>k << 2); p < end; p += 4) {
        const x = v128.load32_splat(p);
        s0 = i32x4.add(s0, i32x4.mul(x, v128.load(q)));
        s1 = i32x4.add(s1, i32x4.mul(x, v128.load(q, 16)));
        s2 = i32x4.add(s2, i32x4.mul(x, v128.load(q, 32)));
        s3 = i32x4.add(s3, i32x4.mul(x, v128.load(q, 48)));
        q += row;
      }
      const at = dst + <usize>i * row + column;
      v128.store(at, s0);
      v128.store(at, s1, 16);
      v128.store(at, s2, 32);
      v128.store(at, s3, 48);
    }
  }
}
