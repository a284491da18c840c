/** Functionals on one tensor that differ in one block only, as one: fewer passes over the tensor for the prover. */
import { add, mul, ONE } from '../field/qm31.js';
import { getExt, lengthOf, setExt } from './ext-vector.js';
import type { Functional } from './functional.js';
import { Vector } from './vector.js';

/** The same sum of functionals on one tensor, with those that differ in one block only added up. */
export function merged(fs: readonly Functional[]): Functional[] {
  const out: Functional[] = [];
  for (const f of fs) {
    const at = out.findIndex((g) => differences(f, g) <= 1);
    if (at < 0) out.push(f);
    else out[at] = sum(out[at], f);
  }
  return out;
}

/** Number of blocks in which two functionals differ; infinite where their axes are grouped differently. */
function differences(f: Functional, g: Functional): number {
  if (f.blocks.length !== g.blocks.length) return Number.POSITIVE_INFINITY;
  let n = 0;
  for (let i = 0; i < f.blocks.length; i++) {
    const [a, b] = [f.blocks[i], g.blocks[i]];
    if (a.axes.length !== b.axes.length || a.axes.some((x, k) => x !== b.axes[k])) return Number.POSITIVE_INFINITY;
    if (!sameVector(a.values, b.values)) n++;
  }
  return n;
}

/** f + g, which differ in one block at most. */
function sum(f: Functional, g: Functional): Functional {
  const at = Math.max(
    0,
    f.blocks.findIndex((b, i) => !sameVector(b.values, g.blocks[i].values)),
  );
  if (f.blocks.length === 0) return { coef: add(f.coef, g.coef), blocks: [] };
  const [a, b] = [f.blocks[at], g.blocks[at]];
  const values = new Uint32Array(4 * a.values.length);
  const [x, y] = [a.values.entries, b.values.entries];
  for (let i = 0, n = lengthOf(values); i < n; i++) {
    setExt(values, i, add(mul(f.coef, getExt(x, i)), mul(g.coef, getExt(y, i))));
  }
  const summed = { axes: a.axes, values: Vector.of(values) };
  return { coef: ONE, blocks: f.blocks.map((block, i) => (i === at ? summed : block)) };
}

function sameVector(v: Vector, w: Vector): boolean {
  if (v === w) return true;
  if (v.length !== w.length) return false;
  const [a, b] = [v.entries, w.entries];
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
