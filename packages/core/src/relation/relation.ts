/**
 * A relation is what a slice proof claims, as data.
 *
 * It is a topologically ordered list of integer tensors ("values") with, for each, how it follows from earlier ones,
 * plus the constraints that pin the committed ones. Every ONNX operator is lowered to it (packages/core/src/layers),
 * and prover, verifier and executor are written once, over it. The relation, without the numbers in its constants, is
 * part of the program's fingerprint.
 *
 * Tensors are row-major arrays of signed integers, |x| < p = 2^31 - 1. Shapes have static sizes >= 1; a scalar is [].
 */

export type ValueId = number;

/**
 * The position read on one source axis, affine in the indices of the reading expression:
 * `start + Σ step·index`. A position outside the axis reads zero.
 *
 * Index numbers: 0 … rank(out)-1 are the output's axes, then come the summed indices in order.
 */
export interface AxisIndex {
  readonly start: number;
  readonly terms: readonly { readonly index: number; readonly step: number }[];
}

/** How a linear term reads its source tensor. */
export type LinearMap =
  /** out[i] = Σ_k src[axes(i, k)], k ranging over `sums` (sizes of the summed indices); one AxisIndex per source axis. */
  | { readonly kind: 'affine'; readonly sums: readonly number[]; readonly axes: readonly AxisIndex[] }
  /** Same cells in row-major order under other dimensions; sizes of source and output are equal. */
  | { readonly kind: 'reshape' }
  /** out[…, j, …] = src[…, index[j], …] on `axis` (same rank); index -1 reads zero. */
  | { readonly kind: 'gather'; readonly axis: number; readonly index: readonly number[] };

/** coef · map(src). */
export interface LinearTerm {
  readonly src: ValueId;
  readonly coef: number;
  readonly map: LinearMap;
}

/**
 * How the executor fills in a committed value. The rule is not trusted: the lookups and zero-constraints pin the value.
 */
export type Generator =
  /** floor((src + 2^(shift-1)) / 2^shift): rounding division; shift >= 1. */
  | { readonly kind: 'quotient'; readonly src: ValueId; readonly shift: number }
  /** output[src - lo] of a function table. */
  | { readonly kind: 'table'; readonly src: ValueId; readonly table: number }
  /** floor(num / den), element-wise with equal shapes; den > 0. */
  | { readonly kind: 'divide'; readonly num: ValueId; readonly den: ValueId }
  /** floor(src / 2^shift) mod 2^bits of a non-negative source. */
  | { readonly kind: 'limb'; readonly src: ValueId; readonly shift: number; readonly bits: number }
  /** floor(sqrt(src)) of a non-negative source. */
  | { readonly kind: 'sqrt'; readonly src: ValueId }
  /** The same numbers as src. */
  | { readonly kind: 'copy'; readonly src: ValueId };

interface ValueCommon {
  /** For reports only. */
  readonly name: string;
  readonly dims: readonly number[];
  /** Every entry x satisfies lo <= x <= hi; for committed values the constraints enforce it. */
  readonly lo: number;
  readonly hi: number;
}

export type Value =
  /** A boundary tensor read by the slice; committed by its producer (or public). */
  | (ValueCommon & { readonly kind: 'input' })
  /** Fixed by the program: weights, biases, outputs of function tables. Committed once per program. */
  | (ValueCommon & { readonly kind: 'constant' })
  /** Committed by the prover (and, if it is listed in `outputs`, as a boundary tensor of its own). */
  | (ValueCommon & { readonly kind: 'witness'; readonly gen: Generator })
  /** offset + Σ terms. Never committed. */
  | (ValueCommon & { readonly kind: 'linear'; readonly terms: readonly LinearTerm[]; readonly offset: number })
  /**
   * out[i] = Σ_k a[axesA(i, k)] · b[axesB(i, k)], k over `sums`. Never committed.
   * Covers matrix products, convolutions and element-wise products.
   */
  | (ValueCommon & {
      readonly kind: 'contract';
      readonly a: ValueId;
      readonly b: ValueId;
      readonly sums: readonly number[];
      readonly axesA: readonly AxisIndex[];
      readonly axesB: readonly AxisIndex[];
    });

export type Table =
  /** { x : 0 <= x < 2^bits }. */
  | { readonly kind: 'range'; readonly bits: number }
  /** { (lo + j, output[j]) : 0 <= j < size }; `output` is a one-dimensional constant of that size. */
  | { readonly kind: 'function'; readonly lo: number; readonly size: number; readonly output: ValueId };

/** Every cell of the columns (one for a range, input and output for a function; equal dims) is a row of the table. */
export interface Lookup {
  readonly table: number;
  readonly columns: readonly ValueId[];
}

export interface Relation {
  readonly values: readonly Value[];
  readonly tables: readonly Table[];
  readonly lookups: readonly Lookup[];
  /** Values all of whose cells are zero. */
  readonly zeros: readonly ValueId[];
  /** The boundary tensors read, in order; every value of kind 'input' exactly once. */
  readonly inputs: readonly ValueId[];
  /** The boundary tensors produced, in order; each of kind 'witness'. */
  readonly outputs: readonly ValueId[];
}

export { sizeOf } from '../base/dims.js';
