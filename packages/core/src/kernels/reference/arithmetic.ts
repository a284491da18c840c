/** Reading and writing extension elements of flat arrays. */
import type { Ext } from '../../field/qm31.js';

export function get(v: Uint32Array | undefined, i: number): Ext {
  if (!v) return [0, 0, 0, 0];
  return [v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]];
}

export function getBase(v: Uint32Array | undefined, i: number): Ext {
  return [v ? v[i] : 0, 0, 0, 0];
}

export function put(v: Uint32Array, i: number, x: Ext): void {
  v[4 * i] = x[0];
  v[4 * i + 1] = x[1];
  v[4 * i + 2] = x[2];
  v[4 * i + 3] = x[3];
}
