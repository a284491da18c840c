/** The kernels in WebAssembly, with SIMD and threads. The loops are in packages/core/assembly. */
import { invariant } from '../../base/errors.js';
import type { Ext } from '../../field/qm31.js';
import type { Arena } from '../arena.js';
import type { Kernels, LeafPart, Ptr } from '../kernels.js';
import { Encoder } from './code.js';
import { GRAIN, grainOf } from './grains.js';
import { CONSTANTS } from './layout.js';
import { matmulInt, matmulRead } from './matmul.js';
import type { WasmFunction } from './platform.js';
import type { Pool } from './pool.js';

const EXT = 16;
const DIGEST = 32;
/** Parts in a grain, for kernels whose entries consist of several: see grainOf. */
const GRAIN_WORDS = 65536;
const GRAIN_ELEMENTS = 16384;
const GRAIN_BLOCKS = 1024;
/** Rows that are gathered together: gather.ts has the same. */
const GATHERED_ROWS = 32;
const WHOLE: LeafPart = { first: true, last: true };
/** Nonces tried before the threads meet. */
const GRIND_ROUND = 16384;

export function wasmKernels(functions: Readonly<Record<string, WasmFunction>>, arena: Arena, pool: Pool): Kernels {
  const encoder = new Encoder(pool, arena, functions.twiddles);
  /** Puts field elements where kernels read their constants; gives the address of the first. */
  const constants = (...xs: readonly Ext[]): Ptr => {
    xs.forEach((x, i) => {
      arena.writeExt(CONSTANTS + EXT * i, x);
    });
    return CONSTANTS;
  };
  const digests: Kernels['hashLeaves'] = (dst, src, count, bytes, stride, part = WHOLE): void => {
    const [first, last] = [Number(part.first), Number(part.last)];
    pool.run('hashLeaves', count, grainOf(GRAIN_BLOCKS, Math.ceil(bytes / 64)), dst, src, bytes, stride, first, last);
  };
  const gather: Kernels['gather'] = (dst, src, width, rowOffsets, rows, colOffsets, cols) => {
    const blocks = Math.ceil(rows / GATHERED_ROWS);
    const grain = grainOf(GRAIN_WORDS, GATHERED_ROWS * cols);
    pool.run(`gather${8 * width}`, blocks, grain, dst, src, rowOffsets, rows, colOffsets, cols);
  };
  const product: Kernels['matmulInt'] = (dst, a, b, m, k, n) =>
    matmulInt(pool, arena, functions.fits16, dst, a, b, m, k, n);
  return {
    name: 'wasm',
    get threads() {
      return pool.threads;
    },
    alloc: (bytes) => arena.alloc(bytes),
    take: (bytes) => arena.take(bytes),
    mark: () => arena.mark(),
    release: (mark) => arena.release(mark),
    get peakBytes() {
      return arena.peakBytes;
    },
    u32: (ptr, n) => arena.u32(ptr, n),
    i32: (ptr, n) => arena.i32(ptr, n),
    u8: (ptr, n) => arena.u8(ptr, n),
    integers: (ptr, n, width) => arena.integers(ptr, n, width),
    readExt: (ptr) => arena.readExt(ptr),
    writeExt: (ptr, x) => arena.writeExt(ptr, x),
    close: () => pool.stop(),

    canonical: (dst, src, n, width = 4) =>
      pool.run(`canonical${width === 4 ? '' : 8 * width}`, n, GRAIN.canonical, dst, src),
    transpose: (dst, src, rows, cols, stride) =>
      pool.run('transpose', cols, 16 * grainOf(GRAIN_WORDS / 16, rows), dst, src, rows, cols, stride),
    encode: (dst, message, logLength, stride) => encoder.encode(dst, message, logLength, stride),
    gatherGroups: (dst, src, groups, arity) =>
      pool.run('gatherGroups', groups, grainOf(GRAIN_ELEMENTS, arity), dst, src, groups, arity),

    hashLeaves: digests,
    merkle: (tree, count) => {
      for (let n = count / 2; n >= 1; n /= 2) digests(tree + DIGEST * n, tree + 2 * DIGEST * n, n, 64, 64);
    },
    grind: (seed, bits) => {
      invariant(seed.length === DIGEST && bits >= 0 && bits <= 32, 'a grinding seed of 32 bytes, at most 32 bits');
      arena.u8(CONSTANTS, DIGEST).set(seed);
      for (let base = 0; ; base += GRIND_ROUND) {
        const [low, high] = [base % 2 ** 32, Math.floor(base / 2 ** 32)];
        const found = pool.smallest('grind', GRIND_ROUND, GRAIN.grind, CONSTANTS, low, high, bits);
        if (found === 0) continue;
        const nonce = new Uint8Array(8);
        const view = new DataView(nonce.buffer);
        view.setUint32(0, low + found - 1, true);
        view.setUint32(4, high, true);
        return nonce;
      }
    },

    eqTable: (dst, point, scale) => {
      arena.writeExt(dst, scale);
      // From the last coordinate to the first, so that every doubling adds a more significant bit.
      for (let k = point.length - 1, n = 1; k >= 0; k--, n *= 2) {
        pool.run('eqDouble', n, GRAIN.eqDouble, dst, n, constants(point[k]));
      }
    },
    eqRuns: (dst, runs, count, eqLow, logLow, eqHigh) =>
      pool.run('eqRuns', count, GRAIN.eqRuns, dst, runs, eqLow, logLow, eqHigh),
    fold: (dst, lo, hi, n, rho) => pool.run('fold', n, GRAIN.fold, dst, lo, hi, constants(rho)),
    foldBase: (dst, lo, hi, n, rho) => pool.run('foldBase', n, GRAIN.foldBase, dst, lo, hi, constants(rho)),
    productRound: (fLo, fHi, wLo, wHi, n) =>
      pool.sums(2, 'productRound', n, GRAIN.productRound, fLo, fHi, wLo, wHi) as [Ext, Ext],
    productCube: (f, w, n) => {
      arena.u32(CONSTANTS, 16).set([...f, ...w]);
      return pool.sums(27, 'productCube', n, GRAIN.productCube, CONSTANTS);
    },
    dot: (a, b, n) => pool.sums(1, 'dot', n, GRAIN.dot, a, b)[0],
    dotBase: (base, ext, n) => pool.sums(1, 'dotBase', n, GRAIN.dotBase, base, ext)[0],
    dotRows: (rows, ext, n) => {
      arena.u32(CONSTANTS, 8).set(rows);
      return pool.sums(8, 'dotRows', n, GRAIN.dotRows, CONSTANTS, ext);
    },
    combineRows: (dst, rows, coefs, n) => {
      arena.u32(CONSTANTS, 40).set([...rows, ...coefs.flat()]);
      pool.run('combineRows', n, GRAIN.combineRows, dst, CONSTANTS);
    },
    outerAdd: (dst, stride, lead, m, inner, n, coef) => {
      const at = constants(coef);
      if (m >= 4 * pool.threads || n <= GRAIN.fold) {
        pool.run('outerAdd', m, grainOf(GRAIN.fold, n + 4), dst, stride, lead, inner, n, at);
        return;
      }
      for (let i = 0; i < m; i++) {
        pool.run('outerAddRow', n, GRAIN.fold, dst + EXT * stride * i, lead + EXT * i, inner, at);
      }
    },
    contractAxis: (dst, src, f, s) => {
      const mark = arena.mark();
      const rows = arena.alloc(4 * EXT * s.sums);
      functions.rowsOf(rows, f, s.sums);
      const args = [dst, src, rows, s.axis, s.outAxis, s.inner, s.sums, s.start, s.stepSum, s.stepOut];
      pool.run('contractAxis', s.outer * s.outAxis * s.inner, grainOf(GRAIN.dot, 1 + s.sums), ...args);
      arena.release(mark);
    },
    contractAxisBase: (dst, src, f, s) => {
      const args = [dst, src, f, s.axis, s.outAxis, s.inner, s.sums, s.start, s.stepSum, s.stepOut];
      pool.run('contractAxisBase', s.outer * s.outAxis * s.inner, grainOf(GRAIN.dotBase, 1 + s.sums), ...args);
    },

    lookupDenominators: (dst, a, b, n, shift, beta, beta2) => {
      const at = constants(shift, beta, beta2);
      pool.run('lookupDenominators', n, GRAIN.lookupDenominators, dst, a, b, at, at + EXT, at + 2 * EXT);
    },
    fractionUp: (dstP, dstQ, p, q, n) => pool.run('fractionUp', n, GRAIN.fractionUp, dstP, dstQ, p, q),
    fractionUpBase: (dstP, dstQ, p, q, n) => pool.run('fractionUpBase', n, GRAIN.fractionUp, dstP, dstQ, p, q),
    fractionRound: (p, q, eqLow, logLow, eqHigh, n, lambda) => {
      const at = constants(lambda);
      return pool.sums(3, 'fractionRound', n, GRAIN.fractionRound, p, q, eqLow, logLow, eqHigh, at) as [Ext, Ext, Ext];
    },
    fractionRoundBase: (p, q, eqLow, logLow, eqHigh, n, lambda) => {
      const at = constants(lambda);
      const sums = pool.sums(3, 'fractionRoundBase', n, GRAIN.fractionRound, p, q, eqLow, logLow, eqHigh, at);
      return sums as [Ext, Ext, Ext];
    },
    fractionFoldBase: (dst, src, n, rho) =>
      pool.run('fractionFoldBase', n, GRAIN.fractionFold, dst, src, constants(rho)),
    fractionFold: (dst, src, n, rho) => {
      const at = constants(rho);
      if (dst !== src) {
        pool.run('fractionFold', n, GRAIN.fractionFold, dst, src, at);
        return;
      }
      // In place entries [f, 2f) write over what [f/2, f) read, and read what only [2f, 4f) write over: stretches that
      // double in length are free of conflicts in themselves, and done one after the other.
      const first = Math.min(n, GRAIN.fractionFold);
      functions.fractionFold(0, first, 0, dst, src, at);
      for (let from = first; from < n; from *= 2) {
        const length = Math.min(from, n - from);
        pool.run('fractionFold', length, GRAIN.fractionFold, dst + 2 * EXT * from, src + 4 * EXT * from, at);
      }
    },

    gather,
    matmulInt: product,
    fits16: (src, n) => functions.fits16(src, n) === 1,
    matmulRead: (dst, a, b, m, k, n) => matmulRead(pool, arena, { gather, matmulInt: product }, dst, a, b, m, k, n),
  };
}
