/** How far the integers are from floats. */

export interface TensorFidelity {
  readonly tensor: string;
  readonly maxAbsError: number;
  readonly meanAbsError: number;
  /** maxAbsError over the largest magnitude of the reference. */
  readonly maxRelError: number;
  /** Whether the largest of the last axis is at the same place, in every row. */
  readonly argmaxAgrees: boolean;
  /** Numbers that are not compared: masked, or not finite in the reference. */
  readonly leftOut: number;
}

/** Magnitude of numbers that only mask something out: no calculation in single precision comes near it. */
const MASK = 1e30;

/**
 * @param isMasked cells that stand for `nothing` in both, by numbers of different magnitudes
 */
export function compareTensors(
  tensor: string,
  found: ArrayLike<number>,
  reference: ArrayLike<number>,
  dims: readonly number[],
  isMasked: (index: number) => boolean = () => false,
): TensorFidelity {
  let [worst, sum, magnitude, count] = [0, 0, 0, 0];
  const n = reference.length;
  const isLeftOut = (i: number): boolean => !(Math.abs(reference[i]) < MASK) || isMasked(i);
  for (let i = 0; i < n; i++) {
    if (isLeftOut(i)) continue;
    const error = Math.abs(found[i] - reference[i]);
    worst = Number.isFinite(error) ? Math.max(worst, error) : Number.MAX_VALUE;
    sum += Number.isFinite(error) ? error : 0;
    magnitude = Math.max(magnitude, Math.abs(reference[i]));
    count++;
  }
  const row = Math.max(1, dims[dims.length - 1] ?? 1);
  let agrees = true;
  for (let at = 0; at + row <= n; at += row) {
    const cells = Array.from({ length: row }, (_, i) => at + i).filter((i) => !isLeftOut(i));
    if (cells.length === 0) continue;
    const a = cells.reduce((best, i) => (found[i] > found[best] ? i : best));
    const b = cells.reduce((best, i) => (reference[i] > reference[best] ? i : best));
    // A tie in the reference is broken by neither.
    if (a !== b && reference[a] !== reference[b]) agrees = false;
  }
  return {
    tensor,
    maxAbsError: worst,
    meanAbsError: count > 0 ? sum / count : 0,
    maxRelError: magnitude > 0 ? worst / magnitude : worst === 0 ? 0 : 1,
    argmaxAgrees: agrees,
    leftOut: n - count,
  };
}

/** The worst over several tensors. */
export function worstOf(tensors: readonly TensorFidelity[]): Omit<TensorFidelity, 'tensor'> {
  const most = (of: (t: TensorFidelity) => number): number => tensors.reduce((m, t) => Math.max(m, of(t)), 0);
  return {
    maxAbsError: most((t) => t.maxAbsError),
    meanAbsError: most((t) => t.meanAbsError),
    maxRelError: most((t) => t.maxRelError),
    argmaxAgrees: tensors.every((t) => t.argmaxAgrees),
    leftOut: tensors.reduce((sum, t) => sum + t.leftOut, 0),
  };
}
