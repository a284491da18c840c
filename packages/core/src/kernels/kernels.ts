/**
 * The kernels: the prover's heavy loops over flat arrays in one (shared) memory.
 *
 * Two implementations, `reference` (plain TypeScript) and `wasm` (SIMD and threads), produce the same bytes. Kernels
 * know nothing of transcripts or relations.
 *
 * Storage. A pointer is a byte offset, 16-aligned. Base: one M31 element in a u32, canonical (0 <= x < p).
 * Ext: one QM31 element in four consecutive canonical u32 (c0 + c1·i + (c2 + c3·i)·u, i² = -1, u² = 2 + i), 16 bytes.
 * Lengths count elements. Sources and destinations do not overlap unless a contract says so. n = 0 is allowed.
 */
import type { Integers, Width } from '../base/integers.js';
import type { Ext } from '../field/qm31.js';

export type Ptr = number;

/** A range of pairs for {@link Kernels.contractAxis}. */
export interface AxisContraction {
  readonly outer: number;
  /** Length of the contracted source axis, and of the axis that replaces it. */
  readonly axis: number;
  readonly outAxis: number;
  readonly inner: number;
  /** Length of f. */
  readonly sums: number;
  /** Position read: start + stepSum·j + stepOut·k; outside [0, axis) reads zero. */
  readonly start: number;
  readonly stepSum: number;
  readonly stepOut: number;
}

/** Which part of their leaves is hashed; all of them where it is not given. */
export interface LeafPart {
  readonly first: boolean;
  readonly last: boolean;
}

/** A matrix whose entry (i, l) is src[outer[i] + inner[l]]. */
export interface ReadMatrix {
  /** Signed integers of `width` bytes. */
  readonly src: Ptr;
  readonly width: Width;
  /** All numbers of the source that are read lie in [-2^15, 2^15). */
  readonly fits16: boolean;
  /** Offsets, u32. */
  readonly outer: Ptr;
  readonly inner: Ptr;
}

export interface Kernels {
  readonly name: 'reference' | 'wasm';
  readonly threads: number;

  /** `bytes` of zeroed memory. Throws ProvingError('out-of-memory') beyond the memory's limit. */
  alloc(bytes: number): Ptr;
  /** The same, of whatever numbers, all of which are written before they are read: that costs nothing. */
  take(bytes: number): Ptr;
  /** The state of the allocator; `release(mark())` frees all that was allocated since. */
  mark(): number;
  release(mark: number): void;
  /** Largest number of bytes that were in use at once. */
  readonly peakBytes: number;
  /** Views, valid until the next `alloc`. */
  u32(ptr: Ptr, length: number): Uint32Array;
  i32(ptr: Ptr, length: number): Int32Array;
  u8(ptr: Ptr, length: number): Uint8Array;
  integers(ptr: Ptr, length: number, width: Width): Integers;
  readExt(ptr: Ptr): Ext;
  writeExt(ptr: Ptr, value: Ext): void;
  /** Stops the worker threads. */
  close(): Promise<void>;

  // --- base field and code

  /** dst[i] = src[i] mod p for signed |src[i]| <= p of `width` bytes, 4 if not given; dst may equal src where it is 4. */
  canonical(dst: Ptr, src: Ptr, n: number, width?: Width): void;
  /** dst[c·stride + r] = src[r·cols + c]: row-major matrix to position-major, stride >= rows. */
  transpose(dst: Ptr, src: Ptr, rows: number, cols: number, stride: number): void;
  /**
   * Reed-Solomon encoding at rate 1/4 of `stride` base columns at once (stride a multiple of 4).
   * message [2^logLength][stride] → dst [2^(logLength+2)][stride], both position-major. See field/domain.ts for the
   * domain and its order: level by level, halves (e0, e1) of the codewords of the message's first and second half
   * become out[i] = e0[i] + t[i]·e1[i], out[i+M/2] = e0[i] - t[i]·e1[i]; a codeword of length 4 repeats its one
   * coefficient.
   */
  encode(dst: Ptr, message: Ptr, logLength: number, stride: number): void;

  // --- hashing (BLAKE3)

  /**
   * dst[j] (32 bytes) = BLAKE3(leafBytes bytes from src + j·strideBytes), leafBytes <= 1024. A leaf may come in parts,
   * of 1024 bytes together, all but the last a multiple of 64 and more than nothing: dst holds what they come to so far.
   */
  hashLeaves(dst: Ptr, src: Ptr, count: number, leafBytes: number, strideBytes: number, part?: LeafPart): void;
  /**
   * Fills a Merkle tree in heap order: 2·count nodes of 32 bytes, the leaves' digests already at [count, 2·count);
   * node i = BLAKE3(node 2i ‖ node 2i+1); the root is node 1; node 0 is not touched. count is a power of two.
   */
  merkle(tree: Ptr, count: number): void;
  /**
   * Proof of work: the smallest nonce n >= 0 for which BLAKE3(seed ‖ n as eight little-endian bytes) starts with `bits`
   * zero bits (counted from the first byte's highest bit); the eight bytes. seed has 32 bytes, bits <= 32.
   */
  grind(seed: Uint8Array, bits: number): Uint8Array;
  /** Ext: dst[g·arity + k] = src[k·groups + g]. */
  gatherGroups(dst: Ptr, src: Ptr, groups: number, arity: number): void;

  // --- multilinear arithmetic (Ext unless it says base)

  /** dst[i] = scale·eq(point, i); point[0] is the most significant bit of i; 2^point.length entries. */
  eqTable(dst: Ptr, point: readonly Ext[], scale: Ext): void;
  /**
   * dst[i] = eqHigh[i >> logLow]·eqLow[i mod 2^logLow] for the i of `count` runs [start, start + length), which stand at
   * `runs` as pairs of u32.
   */
  eqRuns(dst: Ptr, runs: Ptr, count: number, eqLow: Ptr, logLow: number, eqHigh: Ptr): void;
  /** dst[i] = lo[i] + rho·(hi[i] - lo[i]); a null pointer (0) reads zeros; dst may equal lo. */
  fold(dst: Ptr, lo: Ptr, hi: Ptr, n: number, rho: Ext): void;
  /** The same with base sources. */
  foldBase(dst: Ptr, lo: Ptr, hi: Ptr, n: number, rho: Ext): void;
  /** [Σ fLo·wLo, Σ (2·fHi - fLo)·(2·wHi - wLo)]: values at 0 and 2 of a product round; null pointers read zeros. */
  productRound(fLo: Ptr, fHi: Ptr, wLo: Ptr, wHi: Ptr, n: number): [Ext, Ext];
  /**
   * Eight base rows f and eight ext rows w of n entries, as corners of two multilinear cubes (bit k of the row's number
   * is coordinate k); null pointers read zeros. Σ_i F_i·W_i, of degree 2 in each coordinate, at the 27 points
   * a + 3b + 9c of {0, 1, ∞}³, where ∞ (2) stands for the leading coefficient.
   */
  productCube(f: readonly Ptr[], w: readonly Ptr[], n: number): Ext[];
  /** Σ a[i]·b[i]. */
  dot(a: Ptr, b: Ptr, n: number): Ext;
  /** Σ base[i]·ext[i]. */
  dotBase(base: Ptr, ext: Ptr, n: number): Ext;
  /** Σ_i rows[x][i]·ext[i] for each of eight base rows; null pointers read zeros. */
  dotRows(rows: readonly Ptr[], ext: Ptr, n: number): Ext[];
  /** dst[i] = Σ_x coefs[x]·rows[x][i] of eight base rows; null pointers read zeros. */
  combineRows(dst: Ptr, rows: readonly Ptr[], coefs: readonly Ext[], n: number): void;
  /** dst[i·stride + j] += coef·lead[i]·inner[j], i < m, j < n (stride in elements). */
  outerAdd(dst: Ptr, stride: number, lead: Ptr, m: number, inner: Ptr, n: number, coef: Ext): void;
  /** dst[o][k][i] = Σ_j f[j]·src[o][start + stepSum·j + stepOut·k][i] over ext src. */
  contractAxis(dst: Ptr, src: Ptr, f: Ptr, shape: AxisContraction): void;
  /** The same with base src. */
  contractAxisBase(dst: Ptr, src: Ptr, f: Ptr, shape: AxisContraction): void;

  // --- fractions (logup)

  /** dst[i] = shift - beta·a[i] - beta2·b[i] for base a, b; b may be null. */
  lookupDenominators(dst: Ptr, a: Ptr, b: Ptr, n: number, shift: Ext, beta: Ext, beta2: Ext): void;
  /** For i < n: dstP[i] = p[2i]·q[2i+1] + p[2i+1]·q[2i], dstQ[i] = q[2i]·q[2i+1]. */
  fractionUp(dstP: Ptr, dstQ: Ptr, p: Ptr, q: Ptr, n: number): void;
  /** The same with base p. */
  fractionUpBase(dstP: Ptr, dstQ: Ptr, p: Ptr, q: Ptr, n: number): void;
  /**
   * One sumcheck round over pairs of fractions. With lo = entries 4j, 4j+1 and hi = entries 4j+2, 4j+3 of p and q,
   * eq(j) = eqHigh[j >> logLow]·eqLow[j mod 2^logLow] and g(p0, p1, q0, q1) = p0·q1 + p1·q0 + lambda·q0·q1:
   * [Σ_j eq(j)·g(lo), Σ_j eq(j)·g(hi - lo), Σ_j eq(j)], j < n.
   */
  fractionRound(p: Ptr, q: Ptr, eqLow: Ptr, logLow: number, eqHigh: Ptr, n: number, lambda: Ext): [Ext, Ext, Ext];
  /** The same with base p. */
  fractionRoundBase(p: Ptr, q: Ptr, eqLow: Ptr, logLow: number, eqHigh: Ptr, n: number, lambda: Ext): [Ext, Ext, Ext];
  /** For j < n, c < 2: dst[2j+c] = src[4j+c] + rho·(src[4j+2+c] - src[4j+c]); dst may equal src. */
  fractionFold(dst: Ptr, src: Ptr, n: number, rho: Ext): void;
  /** The same with base src; dst is not src. */
  fractionFoldBase(dst: Ptr, src: Ptr, n: number, rho: Ext): void;

  // --- integers

  /** dst[i·cols + j] = src[rowOffsets[i] + colOffsets[j]], offsets u32, src signed integers of `width` bytes, dst of 4. */
  gather(dst: Ptr, src: Ptr, width: Width, rowOffsets: Ptr, rows: number, colOffsets: Ptr, cols: number): void;
  /** dst[m][n] = Σ_k a[m][k]·b[k][n], signed, modulo 2^32. */
  matmulInt(dst: Ptr, a: Ptr, b: Ptr, m: number, k: number, n: number): void;
  /** Whether n signed words lie in [-2^15, 2^15). */
  fits16(src: Ptr, n: number): boolean;
  /** The same product of matrices that are read where they are: dst[i][j] = Σ_l a(i, l)·b(j, l), l < k. */
  matmulRead(dst: Ptr, a: ReadMatrix, b: ReadMatrix, m: number, k: number, n: number): void;
}
