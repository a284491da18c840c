/** The kernels in plain TypeScript: what they mean, and what every other implementation is compared with. */
import { hash, hashPair } from '../base/blake3.js';
import { ZERO } from '../field/qm31.js';
import { Arena } from './arena.js';
import type { Kernels, Ptr, ReadMatrix } from './kernels.js';
import { get, getBase } from './reference/arithmetic.js';
import * as code from './reference/code.js';
import * as fractions from './reference/fractions.js';
import { hashPart } from './reference/hash-part.js';
import * as multilinear from './reference/multilinear.js';

const ARENA_BASE = 16;
/** More than any engine gives to one buffer. */
const MAX_BYTES = 2 ** 32;

/** @param maxMemoryBytes limit of what alloc gives out at once */
export function createReferenceKernels(maxMemoryBytes = MAX_BYTES): Kernels {
  let buffer = new ArrayBuffer(2 ** 16);
  const memory = new Arena(
    {
      get buffer() {
        return buffer;
      },
      grow(bytes) {
        if (bytes > maxMemoryBytes + ARENA_BASE) return false;
        try {
          const next = new ArrayBuffer(Math.max(bytes, Math.min(maxMemoryBytes, 2 * buffer.byteLength)));
          new Uint8Array(next).set(new Uint8Array(buffer));
          buffer = next;
          return true;
        } catch {
          return false;
        }
      },
      clear: (ptr, bytes) => new Uint8Array(buffer, ptr, bytes).fill(0),
    },
    ARENA_BASE,
  );
  const base = (ptr: Ptr, n: number) => (ptr === 0 ? undefined : memory.u32(ptr, n));
  const ext = (ptr: Ptr, n: number) => (ptr === 0 ? undefined : memory.u32(ptr, 4 * n));
  const must = (ptr: Ptr, n: number) => memory.u32(ptr, 4 * n);
  return {
    name: 'reference',
    threads: 1,
    alloc: (bytes) => memory.alloc(bytes),
    take: (bytes) => memory.take(bytes),
    mark: () => memory.mark(),
    release: (mark) => memory.release(mark),
    get peakBytes() {
      return memory.peakBytes;
    },
    u32: (ptr, n) => memory.u32(ptr, n),
    i32: (ptr, n) => memory.i32(ptr, n),
    u8: (ptr, n) => memory.u8(ptr, n),
    integers: (ptr, n, width) => memory.integers(ptr, n, width),
    readExt: (ptr) => memory.readExt(ptr),
    writeExt: (ptr, x) => memory.writeExt(ptr, x),
    close: async () => {},
    canonical: (dst, src, n, width = 4) => code.canonical(memory.u32(dst, n), memory.integers(src, n, width)),
    transpose: (dst, src, rows, cols, stride) =>
      code.transpose(memory.u32(dst, cols * stride), memory.u32(src, rows * cols), rows, cols, stride),
    encode: (dst, message, logLength, stride) => {
      const n = 2 ** logLength * stride;
      code.encode(memory.u32(dst, 4 * n), memory.u32(message, n), logLength, stride);
    },
    hashLeaves: (dst, src, count, leafBytes, strideBytes, part) => {
      for (let j = 0; j < count; j++) {
        const leaf = memory.u8(src + j * strideBytes, leafBytes);
        const at = memory.u8(dst + 32 * j, 32);
        if (part) hashPart(at, leaf, part);
        else at.set(hash(leaf));
      }
    },
    merkle: (tree, count) => {
      for (let i = count - 1; i >= 1; i--) {
        memory.u8(tree + 32 * i, 32).set(hashPair(memory.u8(tree + 64 * i, 32), memory.u8(tree + 64 * i + 32, 32)));
      }
    },
    grind: (seed, bits) => {
      const data = new Uint8Array(40);
      data.set(seed);
      const view = new DataView(data.buffer);
      for (let nonce = 0; ; nonce++) {
        view.setUint32(32, nonce % 2 ** 32, true);
        view.setUint32(36, Math.floor(nonce / 2 ** 32), true);
        const digest = hash(data);
        const head = new DataView(digest.buffer, digest.byteOffset, 4).getUint32(0, false);
        if (bits === 0 || head < 2 ** (32 - bits)) return data.slice(32);
      }
    },
    gatherGroups: (dst, src, groups, arity) => {
      for (let g = 0; g < groups; g++) {
        for (let k = 0; k < arity; k++) {
          memory.u32(dst + 16 * (g * arity + k), 4).set(memory.u32(src + 16 * (k * groups + g), 4));
        }
      }
    },
    eqTable: (dst, point, scale) => multilinear.eqTable(must(dst, 2 ** point.length), point, scale),
    eqRuns: (dst, runs, count, eqLow, logLow, eqHigh) => {
      const pairs = memory.u32(runs, 2 * count);
      const cells = pairs.reduce((n, x, i) => (i % 2 === 0 ? Math.max(n, x + pairs[i + 1]) : n), 0);
      const high = must(eqHigh, Math.ceil(cells / 2 ** logLow));
      multilinear.eqRuns(must(dst, cells), pairs, must(eqLow, 2 ** logLow), logLow, high);
    },
    fold: (dst, lo, hi, n, rho) => multilinear.fold(must(dst, n), ext(lo, n), ext(hi, n), n, rho, get),
    foldBase: (dst, lo, hi, n, rho) => multilinear.fold(must(dst, n), base(lo, n), base(hi, n), n, rho, getBase),
    productRound: (fLo, fHi, wLo, wHi, n) =>
      multilinear.productRound(ext(fLo, n), ext(fHi, n), ext(wLo, n), ext(wHi, n), n),
    productCube: (f, w, n) =>
      multilinear.productCube(
        f.map((ptr) => base(ptr, n)),
        w.map((ptr) => ext(ptr, n)),
        n,
      ),
    dot: (a, b, n) => multilinear.dot(must(a, n), must(b, n), n),
    dotBase: (a, b, n) => multilinear.dotBase(memory.u32(a, n), must(b, n), n),
    dotRows: (rows, w, n) => rows.map((row) => (row ? multilinear.dotBase(memory.u32(row, n), must(w, n), n) : ZERO)),
    combineRows: (dst, rows, coefs, n) =>
      multilinear.combineRows(
        must(dst, n),
        rows.map((ptr) => base(ptr, n)),
        coefs,
        n,
      ),
    outerAdd: (dst, stride, lead, m, inner, n, coef) => {
      if (m === 0 || n === 0) return;
      multilinear.outerAdd(must(dst, (m - 1) * stride + n), stride, must(lead, m), m, must(inner, n), n, coef);
    },
    contractAxis: (dst, src, f, s) =>
      multilinear.contractAxis(
        must(dst, s.outer * s.outAxis * s.inner),
        must(src, s.outer * s.axis * s.inner),
        must(f, s.sums),
        s,
        get,
      ),
    contractAxisBase: (dst, src, f, s) =>
      multilinear.contractAxis(
        must(dst, s.outer * s.outAxis * s.inner),
        memory.u32(src, s.outer * s.axis * s.inner),
        must(f, s.sums),
        s,
        getBase,
      ),
    lookupDenominators: (dst, a, b, n, shift, beta, beta2) =>
      fractions.lookupDenominators(must(dst, n), memory.u32(a, n), base(b, n), n, shift, beta, beta2),
    fractionUp: (dstP, dstQ, p, q, n) =>
      fractions.fractionUp(must(dstP, n), must(dstQ, n), must(p, 2 * n), must(q, 2 * n), n, get),
    fractionUpBase: (dstP, dstQ, p, q, n) =>
      fractions.fractionUp(must(dstP, n), must(dstQ, n), memory.u32(p, 2 * n), must(q, 2 * n), n, getBase),
    fractionRound: (p, q, eqLow, logLow, eqHigh, n, lambda) => {
      const low = must(eqLow, 2 ** logLow);
      const high = must(eqHigh, Math.ceil(n / 2 ** logLow));
      return fractions.fractionRound(must(p, 4 * n), must(q, 4 * n), low, logLow, high, n, lambda, get);
    },
    fractionRoundBase: (p, q, eqLow, logLow, eqHigh, n, lambda) => {
      const low = must(eqLow, 2 ** logLow);
      const high = must(eqHigh, Math.ceil(n / 2 ** logLow));
      return fractions.fractionRound(memory.u32(p, 4 * n), must(q, 4 * n), low, logLow, high, n, lambda, getBase);
    },
    fractionFold: (dst, src, n, rho) => fractions.fractionFold(must(dst, 2 * n), must(src, 4 * n), n, rho, get),
    fractionFoldBase: (dst, src, n, rho) =>
      fractions.fractionFold(must(dst, 2 * n), memory.u32(src, 4 * n), n, rho, getBase),
    gather: (dst, src, width, rowOffsets, rows, colOffsets, cols) => {
      const out = memory.i32(dst, rows * cols);
      const [row, col] = [memory.u32(rowOffsets, rows), memory.u32(colOffsets, cols)];
      const last = (offsets: Uint32Array): number => offsets.reduce((most, x) => Math.max(most, x), 0);
      const from = memory.integers(src, rows * cols === 0 ? 0 : last(row) + last(col) + 1, width);
      for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[i * cols + j] = from[row[i] + col[j]];
    },
    matmulInt: (dst, a, b, m, k, n) => {
      const out = memory.i32(dst, m * n);
      const x = memory.i32(a, m * k);
      const y = memory.i32(b, k * n);
      for (let i = 0; i < m; i++) {
        out.fill(0, i * n, (i + 1) * n);
        for (let l = 0; l < k; l++) for (let j = 0; j < n; j++) out[i * n + j] += Math.imul(x[i * k + l], y[l * n + j]);
      }
    },
    fits16: (src, n) => memory.i32(src, n).every((x) => x >= -(2 ** 15) && x < 2 ** 15),
    matmulRead: (dst, a, b, m, k, n) => {
      const out = memory.i32(dst, m * n);
      const entries = ({ src, width, outer, inner }: ReadMatrix, rows: number): ((i: number, l: number) => number) => {
        const [row, column] = [memory.u32(outer, rows), memory.u32(inner, k)];
        const last = (offsets: Uint32Array): number => offsets.reduce((most, x) => Math.max(most, x), 0);
        const from = memory.integers(src, last(row) + last(column) + 1, width);
        return (i, l) => from[row[i] + column[l]];
      };
      const [x, y] = [entries(a, m), entries(b, n)];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) sum = (sum + Math.imul(x(i, l), y(j, l))) | 0;
          out[i * n + j] = sum;
        }
      }
    },
  };
}
