/**
 * Functionals of the independent verifier: coef · Π blocks, a block being weights over a few axes. They are pulled back
 * by going through every assignment of the indices, with nothing but the meaning of a relation's maps.
 */
import type { AxisIndex, LinearMap, Value } from '../../packages/core/src/relation/relation.js';
import { eqTable, ONE, plus, type Q, sum, times, ZERO } from './bigint-field.js';

export interface Block {
  readonly axes: readonly number[];
  readonly values: readonly Q[];
}

export interface Functional {
  readonly coef: Q;
  readonly blocks: readonly Block[];
}

export const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
export const log2 = (n: number): number => Math.ceil(Math.log2(n));

/** Every tuple of indices below the sizes, row-major. */
export function tuples(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>((all, n) => all.flatMap((t) => Array.from({ length: n }, (_, i) => [...t, i])), [[]]);
}

const flat = (tuple: readonly number[], dims: readonly number[]): number =>
  tuple.reduce((o, x, i) => o * dims[i] + x, 0);

/** The functional's weight on every cell, row-major. */
export function weights({ coef, blocks }: Functional, dims: readonly number[]): Q[] {
  return tuples(dims).map((cell) =>
    blocks.reduce((w, b) => {
      const own = flat(
        b.axes.map((a) => cell[a]),
        b.axes.map((a) => dims[a]),
      );
      return times(w, b.values[own]);
    }, coef),
  );
}

/** Sets of blocks and axes that are connected by a common index. */
function components(blocks: readonly Block[], axes: readonly AxisIndex[]): { blocks: Block[]; axes: number[] }[] {
  const parts = blocks.map((b) => ({ blocks: [b], indices: new Set(b.axes), axes: [] as number[] }));
  axes.forEach((a, k) => {
    const touched = parts.filter((p) => a.terms.some((t) => p.indices.has(t.index)));
    if (touched.length === 0) return;
    const [first, ...others] = touched;
    for (const o of others) {
      first.blocks.push(...o.blocks);
      for (const i of o.indices) first.indices.add(i);
      first.axes.push(...o.axes);
      parts.splice(parts.indexOf(o), 1);
    }
    first.axes.push(k);
  });
  return parts.map((p) => ({ blocks: p.blocks, axes: p.axes.sort((a, b) => a - b) }));
}

/** Weights over indices, as a functional on the tensor that `axes` read; undefined where a fixed position is outside. */
export function pullIndices(
  coef: Q,
  blocks: readonly Block[],
  sizes: readonly number[],
  axes: readonly AxisIndex[],
  dims: readonly number[],
): Functional | undefined {
  const out: Block[] = [];
  for (const [k, a] of axes.entries()) {
    if (a.terms.length > 0) continue;
    if (a.start < 0 || a.start >= dims[k]) return undefined;
    out.push({ axes: [k], values: Array.from({ length: dims[k] }, (_, i) => (i === a.start ? ONE : ZERO)) });
  }
  for (const part of components(blocks, axes)) {
    if (part.axes.length === 0) {
      for (const b of part.blocks) coef = times(coef, sum(b.values));
      continue;
    }
    const own = part.axes.map((k) => dims[k]);
    const values = new Array<Q>(size(own)).fill(ZERO);
    const indices = part.blocks.flatMap((b) => b.axes);
    for (const tuple of tuples(indices.map((i) => sizes[i]))) {
      const at = new Map(indices.map((i, n) => [i, tuple[n]]));
      const position = part.axes.map((k) =>
        axes[k].terms.reduce((s, t) => s + t.step * (at.get(t.index) as number), axes[k].start),
      );
      if (position.some((x, n) => x < 0 || x >= own[n])) continue;
      const cell = flat(position, own);
      const w = part.blocks.reduce((v, b) => {
        const o = flat(
          b.axes.map((i) => at.get(i) as number),
          b.axes.map((i) => sizes[i]),
        );
        return times(v, b.values[o]);
      }, ONE);
      values[cell] = plus(values[cell], w);
    }
    out.push({ axes: part.axes, values });
  }
  return { coef, blocks: out.sort((a, b) => a.axes[0] - b.axes[0]) };
}

export function pullMap(
  f: Functional,
  outDims: readonly number[],
  map: LinearMap,
  dims: readonly number[],
): Functional | undefined {
  if (map.kind === 'affine') {
    const sums = map.sums.map((n, i) => ({ axes: [outDims.length + i], values: new Array<Q>(n).fill(ONE) }));
    return pullIndices(f.coef, [...f.blocks, ...sums], [...outDims, ...map.sums], map.axes, dims);
  }
  if (map.kind === 'gather') {
    const blocks = f.blocks.map((b): Block => {
      if (!b.axes.includes(map.axis)) return b;
      const own = b.axes.map((a) => dims[a]);
      const values = new Array<Q>(size(own)).fill(ZERO);
      tuples(b.axes.map((a) => outDims[a])).forEach((t, o) => {
        const from = t.map((x, i) => (b.axes[i] === map.axis ? map.index[x] : x));
        if (from.every((x) => x >= 0)) values[flat(from, own)] = plus(values[flat(from, own)], b.values[o]);
      });
      return { axes: b.axes, values };
    });
    return { coef: f.coef, blocks };
  }
  return pullReshape(f, outDims, dims);
}

/**
 * Axes are grouped, as few as possible, into runs of equal products, an axis of size 1 facing none by itself; runs that a
 * block spans are joined.
 */
function pullReshape(f: Functional, outDims: readonly number[], dims: readonly number[]): Functional {
  const runs: { out: number[]; src: number[] }[] = [];
  for (let i = 0, j = 0; i < outDims.length || j < dims.length; ) {
    const run = { out: [] as number[], src: [] as number[] };
    if ((outDims[i] === 1) !== (dims[j] === 1)) {
      if (outDims[i] === 1) run.out.push(i++);
      else run.src.push(j++);
      runs.push(run);
      continue;
    }
    if (i < outDims.length) run.out.push(i++);
    if (j < dims.length) run.src.push(j++);
    const product = (axes: number[], of: readonly number[]) => size(axes.map((a) => of[a]));
    while (product(run.out, outDims) !== product(run.src, dims)) {
      if (product(run.out, outDims) < product(run.src, dims)) run.out.push(i++);
      else run.src.push(j++);
    }
    runs.push(run);
  }
  const runOf = (axis: number) => runs.findIndex((r) => r.out.includes(axis));
  for (let changed = true; changed; ) {
    changed = false;
    for (const b of f.blocks) {
      const touched = b.axes.map(runOf);
      const [from, to] = [Math.min(...touched), Math.max(...touched)];
      if (from === to) continue;
      const merged = runs.splice(from, to - from + 1);
      runs.splice(from, 0, { out: merged.flatMap((r) => r.out), src: merged.flatMap((r) => r.src) });
      changed = true;
    }
  }
  let coef = f.coef;
  const blocks: Block[] = [];
  for (const run of runs) {
    const own = f.blocks.filter((b) => run.out.includes(b.axes[0]));
    const local = { coef: ONE, blocks: own.map((b) => ({ ...b, axes: b.axes.map((a) => run.out.indexOf(a)) })) };
    const values = weights(
      local,
      run.out.map((a) => outDims[a]),
    );
    if (run.src.length > 0) blocks.push({ axes: run.src, values });
    else coef = times(coef, values[0]);
  }
  return { coef, blocks };
}

type Contract = Extract<Value, { kind: 'contract' }>;

/** The indices of a contraction: those that both operands read are joint, each with its variables. */
export function jointIndices(v: Contract, f: Functional) {
  const sums = v.sums.map((n, i): Block => ({ axes: [v.dims.length + i], values: new Array<Q>(n).fill(ONE) }));
  const reads = (axes: readonly AxisIndex[], b: Block) =>
    axes.some((a) => a.terms.some((t) => b.axes.includes(t.index)));
  const all = [...f.blocks, ...sums];
  const joint = all.filter((b) => reads(v.axesA, b) && reads(v.axesB, b));
  const rest = all.filter((b) => !joint.includes(b));
  const privateB = rest.filter((b) => reads(v.axesB, b));
  const sizes = [...v.dims, ...v.sums];
  const order = joint.flatMap((b) => [...b.axes]);
  const logs = order.map((i) => log2(sizes[i]));
  return { sizes, joint, privateA: rest.filter((b) => !privateB.includes(b)), privateB, order, logs };
}

/** What a contraction's ends claim of its operands, at a point of its own variables. */
export function operandClaims(v: Contract, f: Functional, point: readonly Q[], dimsA: number[], dimsB: number[]) {
  const { sizes, joint, privateA, privateB, order, logs } = jointIndices(v, f);
  let from = 0;
  const eqs = order.map((i, n): Block => {
    const values = eqTable(point.slice(from, from + logs[n])).slice(0, sizes[i]);
    from += logs[n];
    return { axes: [i], values };
  });
  const weighed = joint.map((b): Block => {
    const eq = weights(
      {
        coef: ONE,
        blocks: b.axes.map((i, n) => ({ axes: [n], values: (eqs.find((e) => e.axes[0] === i) as Block).values })),
      },
      b.axes.map((i) => sizes[i]),
    );
    return { axes: b.axes, values: b.values.map((x, i) => times(x, eq[i])) };
  });
  return {
    a: pullIndices(f.coef, [...privateA, ...weighed], sizes, v.axesA, dimsA),
    b: pullIndices(ONE, [...privateB, ...eqs], sizes, v.axesB, dimsB),
  };
}
