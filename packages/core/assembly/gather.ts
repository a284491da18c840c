// dst[i·cols + j] = src[rowOffsets[i] + colOffsets[j]]; see kernels.ts.

/** Rows of a block: a cache line of the source has so many 16-bit numbers, where rows here are columns there. */
const ROWS: u32 = 32;
/** Columns that all rows of a block are written at before the next: a cache line of each. */
const COLUMNS: usize = 64;

// @ts-ignore: decorator
@inline function gather<T>(
  from: u32, to: u32, dst: usize, src: usize, rowOffsets: usize, rows: u32, colOffsets: usize, cols: u32,
): void {
  const row = <usize>cols << 2;
  for (let block = from; block < to; block++) {
    const first = block * ROWS;
    const count = min<u32>(ROWS, rows - first);
    const offsets = rowOffsets + (<usize>first << 2);
    const stop = offsets + (<usize>count << 2);
    for (let tile: usize = 0; tile < row; tile += COLUMNS) {
      const end = min(row, tile + COLUMNS);
      let out = dst + <usize>first * row;
      for (let o = offsets; o < stop; o += 4) {
        const p = src + <usize>load<u32>(o) * sizeof<T>();
        for (let j = tile; j < end; j += 4) {
          store<i32>(out + j, <i32>load<T>(p + <usize>load<u32>(colOffsets + j) * sizeof<T>()));
        }
        out += row;
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
