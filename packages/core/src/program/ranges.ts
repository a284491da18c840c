/**
 * How large every tensor gets: observed on sample inputs (calibration), or on seeded probes where there are none.
 */
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import { evaluateGraph } from '../graph/evaluate.js';
import type { Graph, Tensor } from '../graph/graph.js';
import { semanticsOf } from '../layers/registry.js';

/** Interval [lo, hi] of real numbers by tensor name. */
export type Ranges = Readonly<Record<string, readonly [number, number]>>;

/** One input of the model: a tensor for each of its inputs, by name. */
export type Sample = ReadonlyMap<string, Tensor>;

/** The interval that each computed tensor spans over all samples. */
export function observeRanges(
  graph: Graph,
  samples: readonly Sample[],
  onProgress?: (fraction: number) => void,
): Record<string, [number, number]> {
  const ranges: Record<string, [number, number]> = Object.create(null);
  samples.forEach((sample, i) => {
    evaluateGraph(graph, sample, semanticsOf, (name, { data }) => {
      let [lo, hi] = ranges[name] ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let k = 0; k < data.length; k++) {
        const x = data[k];
        if (x < lo) lo = x;
        if (x > hi) hi = x;
        if (!Number.isFinite(x)) {
          throw new InputError(
            'non-finite-value',
            `tensor ${name} holds ${x} for a calibration input: there is no integer that stands for it`,
            'check the input, and the model on it in floats',
          );
        }
      }
      ranges[name] = [lo, hi];
    });
    onProgress?.((i + 1) / samples.length);
  });
  return ranges;
}

/** Inputs are taken to lie in [-INPUT_REACH, INPUT_REACH] where nothing is known of them. */
const INPUT_REACH = 4;
const PROBES = 6;

/** xorshift32: the same numbers everywhere. */
function* noise(seed: number): Generator<number, never> {
  let x = seed | 0 || 1;
  for (;;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield (x >>> 0) / 2 ** 32;
  }
}

/**
 * Ranges without samples: probes drawn from a fixed seed, alternately within [0, 1], [-1, 1] and bell-shaped around
 * zero. Intervals of computed tensors are widened by the factor that calibration leaves as headroom once more, as
 * probes tell less than real inputs.
 * @param floors masks among the inputs (masks.ts): a quarter of their numbers are at the floor, the others zero
 */
export function analyseRanges(
  graph: Graph,
  floors: ReadonlyMap<string, number> = new Map(),
  onProgress?: (fraction: number) => void,
): Record<string, [number, number]> {
  const random = noise(0x9e3779b9);
  const draw = (): number => random.next().value;
  const bell = (): number => draw() + draw() + draw() + draw() - 2;
  const kinds = [draw, () => 2 * draw() - 1, () => 2 * bell()];
  const samples = Array.from({ length: PROBES }, (_, i): Sample => {
    return new Map(
      graph.inputs.map((name) => {
        const info = graph.tensors.get(name) as { dtype: Tensor['dtype']; dims: readonly number[] };
        const whole = info.dtype.includes('int') || info.dtype === 'bool';
        const floor = floors.get(name);
        const kind = kinds[i % kinds.length];
        const next = floor === undefined ? kind : () => (draw() < 0.25 ? floor : 0);
        const data = Float64Array.from({ length: sizeOf(info.dims) }, () => (whole ? Math.round(draw()) : next()));
        return [name, { dtype: info.dtype, dims: info.dims, data }];
      }),
    );
  });
  const ranges = observeRanges(graph, samples, onProgress);
  for (const name of Object.keys(ranges)) ranges[name] = [2 * ranges[name][0], 2 * ranges[name][1]];
  // Half of it, as the planner doubles what it is given.
  for (const name of graph.inputs) ranges[name] = [floors.get(name) ?? -INPUT_REACH / 2, INPUT_REACH / 2];
  return ranges;
}
