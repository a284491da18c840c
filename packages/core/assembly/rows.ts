// Eight base rows at once; see kernels.ts for the contracts.
import { PARTIALS, PARTIAL_BYTES, ZEROS } from './memory';
import { sumBase } from './multilinear';
import { addTo, high4, low4, reduce, slim, splat0, splat1, splat2, splat3 } from './qm31';

/** @param rows addresses of eight base rows; 0 for zeros */
export function dotRows(from: u32, to: u32, slot: u32, rows: usize, ext: usize): void {
  // All rows over one block of weights while it is in the cache.
  const block: u32 = 1024;
  while (from < to) {
    const n = min<u32>(block, to - from);
    const q = ext + (<usize>from << 4);
    for (let x: u32 = 0; x < 8; x++) {
      const row: usize = load<u32>(rows + 4 * x);
      if (row) addTo(PARTIALS + slot * PARTIAL_BYTES + 16 * x, sumBase(row + (<usize>from << 2), q, n));
    }
    from += n;
  }
}

/** Lane sums of eight products, entry by entry: Σ_x row_x·coef_x. */
// @ts-ignore: decorator
@inline function combine(
  x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128, coefs: usize,
): v128 {
  const c0 = v128.load(coefs);
  const c1 = v128.load(coefs, 16);
  const c2 = v128.load(coefs, 32);
  const c3 = v128.load(coefs, 48);
  const c4 = v128.load(coefs, 64);
  const c5 = v128.load(coefs, 80);
  const c6 = v128.load(coefs, 96);
  const c7 = v128.load(coefs, 112);
  return reduce(
    i64x2.add(slim(low4(x0, x1, x2, x3, c0, c1, c2, c3)), slim(low4(x4, x5, x6, x7, c4, c5, c6, c7))),
    i64x2.add(slim(high4(x0, x1, x2, x3, c0, c1, c2, c3)), slim(high4(x4, x5, x6, x7, c4, c5, c6, c7))),
  );
}

/** @param rows addresses of eight base rows (0 for zeros), followed by their eight coefficients */
export function combineRows(from: u32, to: u32, slot: u32, dst: usize, rows: usize): void {
  const coefs = rows + 32;
  const a: usize = load<u32>(rows);
  const b: usize = load<u32>(rows, 4);
  const c: usize = load<u32>(rows, 8);
  const d: usize = load<u32>(rows, 12);
  const e: usize = load<u32>(rows, 16);
  const f: usize = load<u32>(rows, 20);
  const g: usize = load<u32>(rows, 24);
  const h: usize = load<u32>(rows, 28);
  let i = from;
  let at = dst + (<usize>from << 4);
  for (; i + 4 <= to; i += 4) {
    const o = <usize>i << 2;
    const x0 = v128.load(a ? a + o : ZEROS);
    const x1 = v128.load(b ? b + o : ZEROS);
    const x2 = v128.load(c ? c + o : ZEROS);
    const x3 = v128.load(d ? d + o : ZEROS);
    const x4 = v128.load(e ? e + o : ZEROS);
    const x5 = v128.load(f ? f + o : ZEROS);
    const x6 = v128.load(g ? g + o : ZEROS);
    const x7 = v128.load(h ? h + o : ZEROS);
    v128.store(at, combine(
      splat0(x0), splat0(x1), splat0(x2), splat0(x3), splat0(x4), splat0(x5), splat0(x6), splat0(x7), coefs));
    v128.store(at, combine(
      splat1(x0), splat1(x1), splat1(x2), splat1(x3), splat1(x4), splat1(x5), splat1(x6), splat1(x7), coefs), 16);
    v128.store(at, combine(
      splat2(x0), splat2(x1), splat2(x2), splat2(x3), splat2(x4), splat2(x5), splat2(x6), splat2(x7), coefs), 32);
    v128.store(at, combine(
      splat3(x0), splat3(x1), splat3(x2), splat3(x3), splat3(x4), splat3(x5), splat3(x6), splat3(x7), coefs), 48);
    at += 64;
  }
  for (; i < to; i++) {
    const o = <usize>i << 2;
    v128.store(at, combine(
      v128.load32_splat(a ? a + o : ZEROS), v128.load32_splat(b ? b + o : ZEROS),
      v128.load32_splat(c ? c + o : ZEROS), v128.load32_splat(d ? d + o : ZEROS),
      v128.load32_splat(e ? e + o : ZEROS), v128.load32_splat(f ? f + o : ZEROS),
      v128.load32_splat(g ? g + o : ZEROS), v128.load32_splat(h ? h + o : ZEROS), coefs));
    at += 16;
  }
}
