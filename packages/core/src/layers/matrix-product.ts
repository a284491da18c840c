/**
 * Matrix products in doubles, for the float meaning of operators. Every sum runs over its terms in ascending order,
 * whatever the blocking, so results are the same bits on every machine.
 */

/** Sides of the blocks of the right operand that stay in the cache while all rows of the left one pass over them. */
const BLOCK_TERMS = 256;
const BLOCK_COLUMNS = 256;

/** A matrix in a flat array: element (i, j) stands at `at + i·row + j·column`. */
export interface MatrixView {
  readonly data: Float64Array;
  readonly at: number;
  readonly row: number;
  readonly column: number;
}

/** y[i, j] += Σ_l a[i, l]·b[l, j] for i < m, l < k, j < n. Columns of y and a are adjacent. */
export function addMatrixProduct(y: MatrixView, a: MatrixView, b: MatrixView, m: number, k: number, n: number): void {
  // Packed, a block stays in the cache: worth it where rows are scattered, or many pass over it.
  const direct = b.column === 1 && m < 8;
  const packed = direct ? undefined : new Float64Array(Math.min(BLOCK_TERMS, k) * Math.min(BLOCK_COLUMNS, n));
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = Math.min(BLOCK_COLUMNS, n - j);
    for (let l = 0; l < k; l += BLOCK_TERMS) {
      const terms = Math.min(BLOCK_TERMS, k - l);
      let from = b.at + l * b.row + j * b.column;
      let data = b.data;
      let row = b.row;
      if (packed) {
        pack(packed, b, from, terms, columns);
        [data, from, row] = [packed, 0, columns];
      }
      for (let i = 0; i < m; i++)
        addRow(y.data, y.at + i * y.row + j, columns, a.data, a.at + i * a.row + l, terms, data, from, row);
    }
  }
}

function pack(to: Float64Array, b: MatrixView, from: number, terms: number, columns: number): void {
  if (b.column === 1) {
    for (let l = 0; l < terms; l++) {
      const at = from + l * b.row;
      for (let j = 0; j < columns; j++) to[l * columns + j] = b.data[at + j];
    }
    return;
  }
  for (let j = 0; j < columns; j++) {
    const at = from + j * b.column;
    for (let l = 0; l < terms; l++) to[l * columns + j] = b.data[at + l * b.row];
  }
}

/** y[yAt + j] += Σ_l a[aAt + l]·b[bAt + l·row + j] for j < columns, l < terms. */
export function addRow(
  y: Float64Array,
  yAt: number,
  columns: number,
  a: Float64Array,
  aAt: number,
  terms: number,
  b: Float64Array,
  bAt: number,
  row: number,
): void {
  let l = 0;
  for (; l + 4 <= terms; l += 4) {
    const w0 = a[aAt + l];
    const w1 = a[aAt + l + 1];
    const w2 = a[aAt + l + 2];
    const w3 = a[aAt + l + 3];
    const p0 = bAt + l * row;
    const p1 = p0 + row;
    const p2 = p1 + row;
    const p3 = p2 + row;
    for (let j = 0; j < columns; j++)
      y[yAt + j] = y[yAt + j] + w0 * b[p0 + j] + w1 * b[p1 + j] + w2 * b[p2 + j] + w3 * b[p3 + j];
  }
  for (; l < terms; l++) {
    const w = a[aAt + l];
    const p = bAt + l * row;
    for (let j = 0; j < columns; j++) y[yAt + j] += w * b[p + j];
  }
}
