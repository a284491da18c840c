// dst[o][k][i] = Σ_j f[j]·src[o][start + stepSum·j + stepOut·k][i]; see kernels.ts.
import { high4, low4, reduce, slim, splat0, splat1, splat2, splat3, timesI, timesU } from './qm31';

/** The four rows of each of n elements, 64 bytes to an element. */
export function rowsOf(dst: usize, src: usize, n: u32): void {
  for (const end = src + (<usize>n << 4); src < end; src += 16) {
    const b = v128.load(src);
    const ib = timesI(b);
    const ub = timesU(b, ib);
    v128.store(dst, b);
    v128.store(dst, ib, 16);
    v128.store(dst, ub, 32);
    v128.store(dst, timesI(ub), 48);
    dst += 64;
  }
}

/** First j >= 0 with 0 <= at + step·j < axis, and the number of them, packed as first·2^32 + count. */
function range(at: i32, step: i32, axis: i32, sums: i32): u64 {
  let first = 0;
  let end = sums;
  if (step == 0) {
    if (at < 0 || at >= axis) end = 0;
  } else if (step > 0) {
    if (at < 0) first = (-at + step - 1) / step;
    const stop = at >= axis ? 0 : (axis - at + step - 1) / step;
    end = min(end, stop);
  } else {
    if (at >= axis) first = (at - axis) / -step + 1;
    const stop = at < 0 ? 0 : at / -step + 1;
    end = min(end, stop);
  }
  return (<u64>first << 32) | <u64>max(end - first, 0);
}

/** Entries [from, to) of dst, counted through all lines (o, k) of `inner` entries. `rows` are the rows of f. */
export function contractAxis(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, rows: usize,
  axis: i32, outAxis: u32, inner: u32, sums: i32, begin: i32, stepSum: i32, stepOut: i32,
): void {
  const line = <usize>inner << 4;
  const next = <usize>(stepSum * <i32>line);
  while (from < to) {
    const l = from / inner;
    const skip = from - l * inner;
    const length = min<u32>(inner - skip, to - from);
    const o = l / outAxis;
    const at = begin + stepOut * <i32>(l - o * outAxis);
    const r = range(at, stepSum, axis, sums);
    const first = <i32>(r >> 32);
    const count = <u32>r;
    let p = src + (<usize>o * <usize>axis + <usize>(at + stepSum * first)) * line + (<usize>skip << 4);
    let out = dst + (<usize>from << 4);
    const f = rows + (<usize>first << 6);
    from += length;
    for (const end = out + (<usize>length << 4); out < end; out += 16) {
      let low = i64x2.splat(0);
      let high = low;
      let x = p;
      let y = f;
      for (let j = count; j > 0; j--) {
        const x0 = v128.load32_splat(x);
        const x1 = v128.load32_splat(x, 4);
        const x2 = v128.load32_splat(x, 8);
        const x3 = v128.load32_splat(x, 12);
        const y0 = v128.load(y);
        const y1 = v128.load(y, 16);
        const y2 = v128.load(y, 32);
        const y3 = v128.load(y, 48);
        low = i64x2.add(low, slim(low4(x0, x1, x2, x3, y0, y1, y2, y3)));
        high = i64x2.add(high, slim(high4(x0, x1, x2, x3, y0, y1, y2, y3)));
        x += next;
        y += 64;
      }
      v128.store(out, reduce(low, high));
      p += 16;
    }
  }
}

/** The same over base src; f as it is. */
export function contractAxisBase(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, f: usize,
  axis: i32, outAxis: u32, inner: u32, sums: i32, begin: i32, stepSum: i32, stepOut: i32,
): void {
  const line = <usize>inner << 2;
  const next = <usize>(stepSum * <i32>line);
  while (from < to) {
    const l = from / inner;
    const skip = from - l * inner;
    const length = min<u32>(inner - skip, to - from);
    const o = l / outAxis;
    const at = begin + stepOut * <i32>(l - o * outAxis);
    const r = range(at, stepSum, axis, sums);
    const first = <i32>(r >> 32);
    const count = <u32>r;
    let p = src + (<usize>o * <usize>axis + <usize>(at + stepSum * first)) * line + (<usize>skip << 2);
    let out = dst + (<usize>from << 4);
    const g = f + (<usize>first << 4);
    from += length;
    let i = length;
    // Four entries and four terms at a time.
    for (; i >= 4; i -= 4) {
      let l0 = i64x2.splat(0);
      let l1 = l0;
      let l2 = l0;
      let l3 = l0;
      let h0 = l0;
      let h1 = l0;
      let h2 = l0;
      let h3 = l0;
      let x = p;
      let y = g;
      let j = count;
      for (; j >= 4; j -= 4) {
        const y0 = v128.load(y);
        const y1 = v128.load(y, 16);
        const y2 = v128.load(y, 32);
        const y3 = v128.load(y, 48);
        const xb = x + next;
        const xc = xb + next;
        const xd = xc + next;
        let a = v128.load32_splat(x);
        let b = v128.load32_splat(xb);
        let c = v128.load32_splat(xc);
        let d = v128.load32_splat(xd);
        l0 = i64x2.add(l0, slim(low4(a, b, c, d, y0, y1, y2, y3)));
        h0 = i64x2.add(h0, slim(high4(a, b, c, d, y0, y1, y2, y3)));
        a = v128.load32_splat(x, 4);
        b = v128.load32_splat(xb, 4);
        c = v128.load32_splat(xc, 4);
        d = v128.load32_splat(xd, 4);
        l1 = i64x2.add(l1, slim(low4(a, b, c, d, y0, y1, y2, y3)));
        h1 = i64x2.add(h1, slim(high4(a, b, c, d, y0, y1, y2, y3)));
        a = v128.load32_splat(x, 8);
        b = v128.load32_splat(xb, 8);
        c = v128.load32_splat(xc, 8);
        d = v128.load32_splat(xd, 8);
        l2 = i64x2.add(l2, slim(low4(a, b, c, d, y0, y1, y2, y3)));
        h2 = i64x2.add(h2, slim(high4(a, b, c, d, y0, y1, y2, y3)));
        a = v128.load32_splat(x, 12);
        b = v128.load32_splat(xb, 12);
        c = v128.load32_splat(xc, 12);
        d = v128.load32_splat(xd, 12);
        l3 = i64x2.add(l3, slim(low4(a, b, c, d, y0, y1, y2, y3)));
        h3 = i64x2.add(h3, slim(high4(a, b, c, d, y0, y1, y2, y3)));
        x = xd + next;
        y += 64;
      }
      for (; j > 0; j--) {
        const v = v128.load(x);
        const w = v128.load(y);
        l0 = i64x2.add(l0, slim(i64x2.extmul_low_i32x4_u(splat0(v), w)));
        h0 = i64x2.add(h0, slim(i64x2.extmul_high_i32x4_u(splat0(v), w)));
        l1 = i64x2.add(l1, slim(i64x2.extmul_low_i32x4_u(splat1(v), w)));
        h1 = i64x2.add(h1, slim(i64x2.extmul_high_i32x4_u(splat1(v), w)));
        l2 = i64x2.add(l2, slim(i64x2.extmul_low_i32x4_u(splat2(v), w)));
        h2 = i64x2.add(h2, slim(i64x2.extmul_high_i32x4_u(splat2(v), w)));
        l3 = i64x2.add(l3, slim(i64x2.extmul_low_i32x4_u(splat3(v), w)));
        h3 = i64x2.add(h3, slim(i64x2.extmul_high_i32x4_u(splat3(v), w)));
        x += next;
        y += 16;
      }
      v128.store(out, reduce(l0, h0));
      v128.store(out, reduce(l1, h1), 16);
      v128.store(out, reduce(l2, h2), 32);
      v128.store(out, reduce(l3, h3), 48);
      p += 16;
      out += 64;
    }
    for (; i > 0; i--) {
      let low = i64x2.splat(0);
      let high = low;
      let x = p;
      let y = g;
      for (let j = count; j > 0; j--) {
        const v = v128.load32_splat(x);
        const w = v128.load(y);
        low = i64x2.add(low, slim(i64x2.extmul_low_i32x4_u(v, w)));
        high = i64x2.add(high, slim(i64x2.extmul_high_i32x4_u(v, w)));
        x += next;
        y += 16;
      }
      v128.store(out, reduce(low, high));
      p += 4;
      out += 16;
    }
  }
}
