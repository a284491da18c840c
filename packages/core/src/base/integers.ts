/** Signed integers, each of at most 32 bits, in an array of the width that its maker chose. */
export type Integers = Int8Array | Int16Array | Int32Array;

/** Fewer numbers than these are left at 32 bits: what would be saved is less than what loops over several widths cost. */
export const NARROW_FROM = 2 ** 12;

/** The same numbers at 32 bits: the array itself where it has them. */
export const asInt32 = (data: Integers): Int32Array => (data instanceof Int32Array ? data : Int32Array.from(data));
