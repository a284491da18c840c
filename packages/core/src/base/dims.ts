/** Number of cells of a tensor. */
export function sizeOf(dims: readonly number[]): number {
  let n = 1;
  for (const d of dims) n *= d;
  return n;
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const out = new Array<number>(dims.length);
  let s = 1;
  for (let i = dims.length - 1; i >= 0; i--) {
    out[i] = s;
    s *= dims[i];
  }
  return out;
}

/**
 * The axis of which a commitment pads nothing: the first of those that a power of two would lengthen most;
 * dims.length where every axis has size 1.
 */
export function leadAxis(dims: readonly number[]): number {
  let lead = dims.length;
  dims.forEach((d, i) => {
    if (d > 1 && (lead === dims.length || roundedUp(d) * dims[lead] > roundedUp(dims[lead]) * d)) lead = i;
  });
  return lead;
}

/** The least power of two that is not below n. */
const roundedUp = (n: number): number => (n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1)));

/** Number of cells with every axis but the leading one padded to a power of two. */
export function paddedSize(dims: readonly number[]): number {
  const lead = leadAxis(dims);
  return dims.reduce((n, d, i) => n * (i === lead ? d : roundedUp(d)), 1);
}
