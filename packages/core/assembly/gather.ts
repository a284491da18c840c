// dst[i·cols + j] = src[rowOffsets[i] + colOffsets[j]]; see kernels.ts.

/** Rows of a block: what one cache line of the source has of sixteen of them is read at once where they are its columns. */
const ROWS: u32 = 16;

// @ts-ignore: decorator
@inline function gather<T>(
  from: u32, to: u32, dst: usize, src: usize, rowOffsets: usize, rows: u32, colOffsets: usize, cols: u32,
): void {
  const row = <usize>cols << 2;
  for (let block = from; block < to; block++) {
    const first = block * ROWS;
    const count = min<u32>(ROWS, rows - first);
    const out = dst + <usize>first * row;
    const offsets = rowOffsets + (<usize>first << 2);
    const stop = offsets + (<usize>count << 2);
    for (let j: usize = 0; j < row; j += 4) {
      const column = <usize>load<u32>(colOffsets + j);
      let at = out + j;
      for (let o = offsets; o < stop; o += 4) {
        store<i32>(at, <i32>load<T>(src + (<usize>load<u32>(o) + column) * sizeof<T>()));
        at += row;
      }
    }
  }
}

/** Blocks [from, to) of rows, of 8-bit integers. */
export function gather8(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, rowOffsets: usize, rows: u32, colOffsets: usize, cols: u32,
): void {
  gather<i8>(from, to, dst, src, rowOffsets, rows, colOffsets, cols);
}

/** The same of 16-bit integers. */
export function gather16(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, rowOffsets: usize, rows: u32, colOffsets: usize, cols: u32,
): void {
  gather<i16>(from, to, dst, src, rowOffsets, rows, colOffsets, cols);
}

/** The same of 32-bit integers. */
export function gather32(
  from: u32, to: u32, slot: u32, dst: usize, src: usize, rowOffsets: usize, rows: u32, colOffsets: usize, cols: u32,
): void {
  gather<i32>(from, to, dst, src, rowOffsets, rows, colOffsets, cols);
}
