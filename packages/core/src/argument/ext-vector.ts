/**
 * Flat vectors over QM31: entry i is the four u32 at [4i, 4i+4). Plain TypeScript; the verifier's arithmetic on
 * public vectors. Lengths in the names count entries, not limbs.
 */
import { invariant } from '../base/errors.js';
import { P } from '../field/m31.js';
import { add, type Ext, eqOf, mul, mulBase, ONE, sub, ZERO } from '../field/qm31.js';
import { eqTable } from '../field/qm31-array.js';

export { dot, dotSigned, hadamard, outer } from '../field/qm31-array.js';

export type ExtVector = Uint32Array;

export const lengthOf = (v: ExtVector): number => v.length >>> 2;

export function getExt(v: ExtVector, i: number): Ext {
  const o = 4 * i;
  return [v[o], v[o + 1], v[o + 2], v[o + 3]];
}

export function setExt(v: ExtVector, i: number, x: Ext): void {
  const o = 4 * i;
  v[o] = x[0];
  v[o + 1] = x[1];
  v[o + 2] = x[2];
  v[o + 3] = x[3];
}

/** Entries from which on a copy by a view of them is worth the view. */
const MANY = 64;

/** v[i + k] = w[j + k], k < n. */
export function copyEntries(v: ExtVector, i: number, w: ExtVector, j: number, n = 1): void {
  if (n >= MANY) v.set(w.subarray(4 * j, 4 * (j + n)), 4 * i);
  else for (let o = 4 * i, from = 4 * j, end = o + 4 * n; o < end; o++, from++) v[o] = w[from];
}

/** v[i] += w[j]. */
export function addEntry(v: ExtVector, i: number, w: ExtVector, j: number): void {
  for (let o = 4 * i, from = 4 * j, end = o + 4; o < end; o++, from++) {
    const sum = v[o] + w[from];
    v[o] = sum >= P ? sum - P : sum;
  }
}

export function ones(n: number): ExtVector {
  const v = new Uint32Array(4 * n);
  for (let i = 0; i < n; i++) v[4 * i] = 1;
  return v;
}

export function extVector(xs: readonly Ext[]): ExtVector {
  const v = new Uint32Array(4 * xs.length);
  for (let i = 0; i < xs.length; i++) setExt(v, i, xs[i]);
  return v;
}

/** Σ v[i]. */
export function total(v: ExtVector): Ext {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < v.length; i += 4) {
    a += v[i];
    b += v[i + 1];
    c += v[i + 2];
    d += v[i + 3];
  }
  return [(a % P) | 0, (b % P) | 0, (c % P) | 0, (d % P) | 0];
}

/** eq(r, ·) over {0,1}^k, r[0] the most significant bit, times `scale`. */
export const eqVector = eqTable;

/** eq(r, bits of index), r[0] the most significant bit. */
export function eqAt(r: readonly Ext[], index: number): Ext {
  let v: Ext = ONE;
  for (let i = 0; i < r.length; i++) {
    const bit = Math.floor(index / 2 ** (r.length - 1 - i)) % 2;
    v = mul(v, bit === 1 ? r[i] : sub(ONE, r[i]));
  }
  return v;
}

/** eq(a, b) = Π eq(a_i, b_i). */
export function eqPoints(a: readonly Ext[], b: readonly Ext[]): Ext {
  invariant(a.length === b.length, 'lengths of points');
  let v: Ext = ONE;
  for (let i = 0; i < a.length; i++) v = mul(v, eqOf(a[i], b[i]));
  return v;
}

/** Σ_j eq(r, j)·j over j in {0,1}^k: the multilinear extension of the integers. */
export function identityAt(r: readonly Ext[]): Ext {
  let v: Ext = ZERO;
  for (const x of r) v = add(add(v, v), x);
  return v;
}

/** x mod p, as an integer of 32 bits: engines keep arrays of such unboxed. */
const residue = (x: number): number => (((x % P) + P) % P) | 0;

/** The element of the field that a signed integer |x| < 2^53 stands for. */
export function fromInteger(x: number): Ext {
  return [residue(x), 0, 0, 0];
}

/** x·n for a signed integer n. */
export function mulInteger(x: Ext, n: number): Ext {
  return mulBase(x, residue(n));
}
