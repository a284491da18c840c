import type { Arena } from '../arena.js';
import type { Kernels, Ptr, ReadMatrix } from '../kernels.js';
import { grainOf } from './grains.js';
import type { WasmFunction } from './platform.js';
import type { Pool } from './pool.js';

const PANEL = 8;
const BLOCK = 16;
/** Below so many rows packing B costs more than it saves. */
const FEW_ROWS = 4;
/** Vector operations in a grain. */
const GRAIN_OPERATIONS = 131072;

/** See Kernels.matmulInt. 16-bit operands, which are the rule, take half the operations. */
export function matmulInt(
  pool: Pool,
  arena: Arena,
  fits16: WasmFunction,
  dst: Ptr,
  a: Ptr,
  b: Ptr,
  m: number,
  k: number,
  n: number,
): void {
  if (m === 0 || n === 0) return;
  if (m < FEW_ROWS && n >= BLOCK) {
    pool.run('matmulColumns', Math.ceil(n / BLOCK), grainOf(GRAIN_OPERATIONS, 4 * m * k), dst, a, b, m, k, n);
    return;
  }
  const mark = arena.mark();
  const panels = Math.ceil(n / PANEL);
  const narrow = fits16(a, m * k) === 1 && fits16(b, k * n) === 1;
  const terms = narrow ? Math.ceil(k / 2) : k;
  const packed = arena.take(32 * panels * terms);
  const packGrain = grainOf(GRAIN_OPERATIONS, 4 * k);
  const grain = grainOf(GRAIN_OPERATIONS, terms * 2 * panels);
  if (narrow) {
    const rows = arena.take(4 * m * terms);
    pool.run('packRows', m, packGrain, rows, a, k);
    pool.run('packPairs', panels, packGrain, packed, b, k, n);
    pool.run('matmulPairs', m, grain, dst, rows, packed, k, n);
  } else {
    pool.run('packWords', panels, packGrain, packed, b, k, n);
    pool.run('matmulWords', m, grain, dst, a, packed, k, n);
  }
  arena.release(mark);
}

/** Rows that are read together: assembly/matmul.ts has the same. */
const READ_ROWS = 32;

/** See Kernels.matmulRead: 16-bit matrices are packed from where they are, others copied first. */
export function matmulRead(
  pool: Pool,
  arena: Arena,
  { gather, matmulInt }: Pick<Kernels, 'gather' | 'matmulInt'>,
  dst: Ptr,
  a: ReadMatrix,
  b: ReadMatrix,
  m: number,
  k: number,
  n: number,
): void {
  if (m === 0 || n === 0) return;
  const mark = arena.mark();
  if (a.fits16 && b.fits16) {
    const pairs = Math.ceil(k / 2);
    const panels = Math.ceil(n / PANEL);
    const rows = arena.take(4 * m * pairs);
    const packed = arena.take(32 * panels * pairs);
    const blockGrain = grainOf(GRAIN_OPERATIONS, 4 * READ_ROWS * k);
    pool.run(`readRows${8 * a.width}`, Math.ceil(m / READ_ROWS), blockGrain, rows, a.src, a.outer, a.inner, m, k);
    const panelGrain = grainOf(GRAIN_OPERATIONS, 4 * k);
    pool.run(`readPanels${8 * b.width}`, panels, panelGrain, packed, b.src, b.outer, b.inner, k, n);
    pool.run('matmulPairs', m, grainOf(GRAIN_OPERATIONS, pairs * 2 * panels), dst, rows, packed, k, n);
  } else {
    const x = arena.take(4 * m * k);
    const y = arena.take(4 * k * n);
    gather(x, a.src, a.width, a.outer, m, a.inner, k);
    gather(y, b.src, b.width, b.inner, k, b.outer, n);
    matmulInt(dst, x, y, m, k, n);
  }
  arena.release(mark);
}
