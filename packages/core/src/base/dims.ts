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
  for (let i = 0; i < dims.length; i++) {
    const d = dims[i];
    if (d > 1 && (lead === dims.length || roundedUp(d) * dims[lead] > roundedUp(dims[lead]) * d)) lead = i;
  }
  return lead;
}

/** The least power of two that is not below n. */
const roundedUp = (n: number): number => (n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1)));

/** Number of cells with every axis but the leading one padded to a power of two. */
export function paddedSize(dims: readonly number[]): number {
  const lead = leadAxis(dims);
  let n = 1;
  for (let i = 0; i < dims.length; i++) n *= i === lead ? dims[i] : roundedUp(dims[i]);
  return n;
}

/** Some indices of every axis, in a row. */
export interface Box {
  readonly starts: readonly number[];
  readonly dims: readonly number[];
}

/** Most boxes that a tensor is taken apart in, and most axes that are looked at. */
const MAX_BOXES = 8;
const MAX_AXES = 4;

/**
 * A tensor in boxes that together need least padding: axes of size q·2^t, q odd, in q parts of 2^t. Of choices that are as
 * good, the one with fewest boxes; one box where more would not save `least` cells.
 */
export function boxesOf(dims: readonly number[], least: number): Box[] {
  if (paddedSize(dims) - sizeOf(dims) < least) return [{ starts: dims.map(() => 0), dims }];
  const padded = (sizes: readonly number[]): number => (sizeOf(dims) / sizeOf(sizes)) * paddedSize(sizes);
  const isOdd = (d: number): boolean => d > powerIn(d) && d / powerIn(d) <= MAX_BOXES;
  // The last ones first: cells that stand together stay together.
  const odd = dims
    .flatMap((d, i) => (isOdd(d) ? [i] : []))
    .reverse()
    .slice(0, MAX_AXES);
  let best = dims;
  for (let choice = 1; choice < 2 ** odd.length; choice++) {
    const sizes = [...dims];
    odd.forEach((axis, k) => {
      if (Math.floor(choice / 2 ** k) % 2 === 1) sizes[axis] = powerIn(dims[axis]);
    });
    if (sizeOf(dims) / sizeOf(sizes) > MAX_BOXES) continue;
    const [now, known] = [padded(sizes), padded(best)];
    if (now < known || (now === known && sizeOf(sizes) > sizeOf(best))) best = sizes;
  }
  const sizes = paddedSize(dims) - padded(best) < least ? dims : best;
  return dims.reduce<Box[]>((boxes, d, i) => boxes.flatMap((b) => along(b, d, sizes[i])), [{ starts: [], dims: [] }]);
}

/** The boxes that a box becomes with one more axis, of length d in parts of `size`. */
const along = ({ starts, dims }: Box, d: number, size: number): Box[] =>
  Array.from({ length: d / size }, (_, k) => ({ starts: [...starts, k * size], dims: [...dims, size] }));

/** The largest power of two that divides n. */
const powerIn = (n: number): number => (n % 2 === 0 ? 2 * powerIn(n / 2) : 1);
