/** How far the integers are from floats. */

export interface TensorFidelity {
  readonly tensor: string;
  readonly maxAbsError: number;
  readonly meanAbsError: number;
  /** maxAbsError over the largest magnitude of the reference. */
  readonly maxRelError: number;
  /** Whether the largest of the last axis is at the same place, in every row. */
  readonly argmaxAgrees: boolean;
}

export function compareTensors(
  tensor: string,
  found: ArrayLike<number>,
  reference: ArrayLike<number>,
  dims: readonly number[],
): TensorFidelity {
  let [worst, sum, magnitude] = [0, 0, 0];
  const n = reference.length;
  for (let i = 0; i < n; i++) {
    const error = Math.abs(found[i] - reference[i]);
    // An infinite or undefined reference is as far away as can be.
    worst = Number.isFinite(error) ? Math.max(worst, error) : Number.MAX_VALUE;
    sum += Number.isFinite(error) ? error : 0;
    magnitude = Math.max(magnitude, Math.abs(reference[i]));
  }
  const row = Math.max(1, dims[dims.length - 1] ?? 1);
  let agrees = true;
  for (let at = 0; at + row <= n; at += row) {
    let [a, b] = [at, at];
    for (let i = at; i < at + row; i++) {
      if (found[i] > found[a]) a = i;
      if (reference[i] > reference[b]) b = i;
    }
    // A tie in the reference is broken by neither.
    if (a !== b && reference[a] !== reference[b]) agrees = false;
  }
  return {
    tensor,
    maxAbsError: worst,
    meanAbsError: n > 0 ? sum / n : 0,
    maxRelError: magnitude > 0 ? worst / magnitude : worst === 0 ? 0 : 1,
    argmaxAgrees: agrees,
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
  };
}
