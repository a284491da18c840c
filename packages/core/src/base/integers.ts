/** Signed integers, each of at most 32 bits, in an array of the width that its maker chose. */
export type Integers = Int8Array | Int16Array | Int32Array;

/** Bytes of a signed integer. */
export type Width = 1 | 2 | 4;

/** Fewer numbers than these are left at 32 bits: what would be saved is less than what loops over several widths cost. */
export const NARROW_FROM = 2 ** 12;

/** The least width that holds all of [lo, hi]. */
export function widthFor(lo: number, hi: number): Width {
  const most = Math.max(-1 - lo, hi);
  return most < 2 ** 7 ? 1 : most < 2 ** 15 ? 2 : 4;
}

export const widthOf = (data: Integers): Width => data.BYTES_PER_ELEMENT as Width;

/** `count` integers of a width, from a byte of a buffer on that is a multiple of the width. */
export function integersAt(buffer: ArrayBufferLike, byteOffset: number, count: number, width: Width): Integers {
  if (width === 1) return new Int8Array(buffer, byteOffset, count);
  return width === 2 ? new Int16Array(buffer, byteOffset, count) : new Int32Array(buffer, byteOffset, count);
}

/** The same numbers at 32 bits: the array itself where it has them. */
export const asInt32 = (data: Integers): Int32Array => (data instanceof Int32Array ? data : Int32Array.from(data));
