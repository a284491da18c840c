// Products of eight rows with eight others over the corners of a cube; see kernels.ts for the contract.
import { sub4 } from './m31';
import { addTo, high4, low4, reduce, slim, splat0, splat1, splat2, splat3 } from './qm31';
import { CUBES, CUBE_BYTES, PARTIALS, PARTIAL_BYTES } from './memory';

// Point g = a + 3b + 9c of a grid: digit 0 or 1 is the value there, 2 the difference of the two.
const POINTS: u32 = 27;

/** Fills in the differences of a grid whose entries are `step` bytes apart; the corners are there. */
// @ts-ignore: decorator
@inline function differences(grid: usize, step: usize): void {
  for (let k: u32 = 0; k < 4; k++) {
    const at = grid + step * (3 * (k & 1) + 9 * (k >> 1));
    v128.store(at + 2 * step, sub4(v128.load(at + step), v128.load(at)));
  }
  for (let c: u32 = 0; c < 2; c++) {
    for (let a: u32 = 0; a < 3; a++) {
      const at = grid + step * (a + 9 * c);
      v128.store(at + 6 * step, sub4(v128.load(at + 3 * step), v128.load(at)));
    }
  }
  for (let k: u32 = 0; k < 9; k++) {
    const at = grid + step * k;
    v128.store(at + 18 * step, sub4(v128.load(at + 9 * step), v128.load(at)));
  }
}

/** Entry of row k in a grid. */
// @ts-ignore: decorator
@inline function corner(k: u32): u32 {
  return (k & 1) + 3 * ((k >> 1) & 1) + 9 * (k >> 2);
}

/** @param rows addresses of f_0 … f_7, w_0 … w_7; 0 for zeros */
export function productCube(from: u32, to: u32, slot: u32, rows: usize): void {
  const zero = i32x4.splat(0);
  // [27] base vectors of four positions, [4][27] extension elements, [27] pairs of sums.
  const fs = CUBES + slot * CUBE_BYTES;
  const ws = fs + 16 * POINTS;
  const sums = ws + 64 * POINTS;
  memory.fill(sums, 0, 32 * POINTS);
  for (let i = from; i < to; i += 4) {
    const count = min<u32>(4, to - i);
    for (let k: u32 = 0; k < 8; k++) {
      const f: usize = load<u32>(rows + 4 * k);
      const w: usize = load<u32>(rows + 4 * k, 32);
      const p = f + (<usize>i << 2);
      const q = w + (<usize>i << 4);
      let x = zero;
      if (f) {
        if (count == 4) x = v128.load(p);
        else {
          x = v128.load32_zero(p);
          if (count > 1) x = i32x4.replace_lane(x, 1, load<u32>(p, 4));
          if (count > 2) x = i32x4.replace_lane(x, 2, load<u32>(p, 8));
        }
      }
      const g = corner(k);
      v128.store(fs + 16 * g, x);
      for (let j: u32 = 0; j < 4; j++) {
        v128.store(ws + 16 * (POINTS * j + g), w && j < count ? v128.load(q + 16 * j) : zero);
      }
    }
    differences(fs, 16);
    for (let j: u32 = 0; j < 4; j++) differences(ws + 16 * POINTS * j, 16);
    let at = sums;
    let w = ws;
    for (let f = fs; f < ws; f += 16) {
      const x = v128.load(f);
      const x0 = splat0(x);
      const x1 = splat1(x);
      const x2 = splat2(x);
      const x3 = splat3(x);
      const y0 = v128.load(w);
      const y1 = v128.load(w, 16 * POINTS);
      const y2 = v128.load(w, 32 * POINTS);
      const y3 = v128.load(w, 48 * POINTS);
      v128.store(at, i64x2.add(v128.load(at), slim(low4(x0, x1, x2, x3, y0, y1, y2, y3))));
      v128.store(at, i64x2.add(v128.load(at, 16), slim(high4(x0, x1, x2, x3, y0, y1, y2, y3))), 16);
      w += 16;
      at += 32;
    }
  }
  for (let g: u32 = 0; g < POINTS; g++) {
    addTo(PARTIALS + slot * PARTIAL_BYTES + 16 * g, reduce(v128.load(sums + 32 * g), v128.load(sums + 32 * g, 16)));
  }
}
