/** Where a program is cut. */
import { InputError } from '../base/errors.js';
import { crossingCells, type SliceRange } from './cut.js';
import type { LoweredGraph } from './lower-graph.js';
import { occupancy, workOf, workUnits } from './work.js';

/** `auto`: balanced, as many as the size of the model asks for; a number: balanced into so many; `at`: after tensors. */
export type SlicePlan = 'auto' | 'layers' | number | { readonly at: readonly string[] };

/** Work units aimed at by `auto`: a second or two of proving on one core. */
const AUTO_UNITS = 1.5e9;
/** What one cell that crosses a cut costs: committed once and opened twice. */
const PER_CROSSING = 250;

export function planSlices(lowered: LoweredGraph, plan: SlicePlan): SliceRange[] {
  const whole = lowered.builder.build();
  const units = lowered.layers.map((l) => workUnits(workOf(whole, l.from, l.to)));
  // Layers that only move numbers belong to the one before.
  const starts = units.flatMap((u, i) => (i > 0 && u > 0 && units.slice(0, i).some((v) => v > 0) ? [i] : []));
  const count = lowered.layers.length;
  if (plan === 'layers') return rangesOf(starts, count);
  if (typeof plan === 'object') return rangesOf(cutsAt(lowered, plan.at, starts), count);
  const cut = (n: number): SliceRange[] =>
    rangesOf(n === 1 ? [] : balance(units, starts, crossingCells(lowered), n), count);
  if (plan === 'auto') {
    const total = units.reduce((a, b) => a + b, 0);
    const most = starts.length + 1;
    const share = lowered.layers.map((l) => occupancy(whole, l.from, l.to));
    // A layer that fills a proof by itself is no reason to cut the others finer.
    const room = Math.max(1, ...share);
    for (let n = Math.max(1, Math.min(most, Math.ceil(total / AUTO_UNITS))); ; n++) {
      const ranges = cut(n);
      const full = ranges.some(({ from, to }) => share.slice(from, to).reduce((a, b) => a + b, 0) > room);
      if (!full || n >= most) return ranges;
    }
  }
  const n = plan;
  if (!Number.isInteger(n) || n < 1) {
    throw new InputError(
      'bad-slices',
      `cannot cut into ${n} slices`,
      'give a number from 1 on, auto, layers or at:<tensor>',
    );
  }
  if (n > starts.length + 1) {
    throw new InputError(
      'bad-slices',
      `the model has ${starts.length + 1} layer${starts.length > 0 ? 's' : ''}, which cannot make ${n} slices`,
      `use --slices ${starts.length + 1} or fewer`,
    );
  }
  return cut(n);
}

const rangesOf = (cuts: readonly number[], count: number): SliceRange[] =>
  [0, ...cuts].map((from, i) => ({ from, to: cuts[i] ?? count }));

/**
 * n - 1 of the possible starts such that the largest slice (its work and its crossings) is least; of equal ones those
 * with the least crossings. Dynamic programming over (slices, last start).
 */
function balance(
  units: readonly number[],
  starts: readonly number[],
  crossing: readonly number[],
  n: number,
): number[] {
  const at = [0, ...starts, units.length];
  const prefix = [0];
  for (const u of units) prefix.push(prefix[prefix.length - 1] + u);
  const edge = at.map((k) => (k === 0 || k === units.length ? 0 : PER_CROSSING * crossing[k]));
  const load = (i: number, j: number): number => prefix[at[j]] - prefix[at[i]] + edge[i] + edge[j];
  const last = at.length - 1;
  let best = at.map((_, j) => ({ worst: j === 0 ? 0 : load(0, j), edges: edge[j] }));
  const from: number[][] = [];
  for (let k = 2; k <= n; k++) {
    const choice: number[] = [];
    best = at.map((_, j) => {
      let found = { worst: Number.POSITIVE_INFINITY, edges: 0 };
      for (let i = k - 1; i < j; i++) {
        const worst = Math.max(best[i].worst, load(i, j));
        const edges = best[i].edges + edge[j];
        if (worst < found.worst || (worst === found.worst && edges < found.edges)) {
          found = { worst, edges };
          choice[j] = i;
        }
      }
      return found;
    });
    from.push(choice);
  }
  const cuts: number[] = [];
  for (let k = n - 2, j = last; k >= 0; k--) {
    j = from[k][j];
    cuts.unshift(at[j]);
  }
  return cuts;
}

/** Cuts after the layers that make the named tensors. */
function cutsAt(lowered: LoweredGraph, names: readonly string[], starts: readonly number[]): number[] {
  const cuts = new Set<number>();
  const possible = starts.map((i) => lowered.layers[i - 1].outputs[0]);
  for (const name of names) {
    const layer = lowered.layers.findIndex((l) => l.outputs.includes(name));
    const start = layer < 0 ? undefined : starts.find((s) => s > layer);
    if (layer < 0) {
      throw new InputError(
        'bad-slices',
        `the program cannot be cut at ${name}: no layer ends with it`,
        `tensors that it can be cut at: ${possible.slice(0, 20).join(', ')}${possible.length > 20 ? ', …' : ''}`,
      );
    }
    if (start === undefined) {
      throw new InputError('bad-slices', `nothing is left to prove after ${name}`, 'cut earlier');
    }
    cuts.add(start);
  }
  return [...cuts].sort((a, b) => a - b);
}
