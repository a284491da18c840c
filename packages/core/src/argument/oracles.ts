/**
 * Commitments. An oracle is a stack of tensors written as a matrix of `rows` rows of 2^logRow cells; each row is a
 * message of the Reed-Solomon code, and the Merkle tree's leaf at a position holds all rows' code symbols there
 * (an interleaved code). Several oracles are opened together: their rows are placed in one row space, each oracle
 * aligned to the power of two that holds it, and a shorter row counts as a longer one whose second half is zero: the
 * polynomial f(2x² - 1), whose code word repeats periodically.
 */
import { Hasher, hash } from '../base/blake3.js';
import { InputError } from '../base/errors.js';
import { type Ext, mul, ONE, sub } from '../field/qm31.js';
import { eqAt } from './ext-vector.js';
import { type Cells, ceilLog2, type Stack, stack } from './layout.js';
import { LOG_BLOWUP, type Preset } from './presets.js';
import { logRowOf, MAX_ROWS } from './row-length.js';
import { concat } from './transcript.js';

export interface OracleShape {
  readonly layout: Stack;
  readonly logRow: number;
  readonly rows: number;
  /** Whether its cells outside all tensors must be shown to be zero (an oracle of the prover's). */
  readonly gap: boolean;
}

/**
 * Oracles under one Merkle root, by number. The leaf at a position of the longest code word is the chain
 * H(… H(H(d0 ‖ d1) ‖ d2) …) of the digests of the oracles' leaves there (of d0 alone where there is one oracle);
 * shorter words repeat.
 */
export type OracleTree = readonly number[];

/** @param beside log2 of the longest row that it is opened with */
export function oracleShape(
  shapes: readonly (readonly number[] | Cells)[],
  gap: boolean,
  preset: Preset,
  beside: number,
): OracleShape {
  const layout = stack(shapes);
  const logRow = logRowOf(layout.cells, beside, preset);
  const rows = Math.ceil(layout.cells / 2 ** logRow);
  if (rows > MAX_ROWS) {
    throw new InputError(
      'slice-too-large',
      `a slice of ${layout.cells} committed cells is beyond the ${MAX_ROWS * 2 ** preset.maxLogRow} that one proof holds`,
      'cut the program in more slices (--slices)',
    );
  }
  return { layout, logRow, rows, gap };
}

/** log2 of the cells of an oracle's own index space (rows rounded up to a power of two). */
export const oracleVars = (o: OracleShape): number => ceilLog2(o.rows) + o.logRow;

/** log2 of the code word length. */
export const logWord = (o: OracleShape): number => o.logRow + LOG_BLOWUP;

/** Leaves of a tree: the length of its longest code word. */
export const treeLeaves = (oracles: readonly OracleShape[]): number => 2 ** Math.max(...oracles.map(logWord));

/** Where the oracles' rows stand in the common row space. */
export interface Placement {
  /** First row of each oracle; a multiple of its rounded row count. */
  readonly firstRow: readonly number[];
  readonly rowVars: number;
  /** log2 of the longest row. */
  readonly logRow: number;
}

export function place(oracles: readonly OracleShape[]): Placement {
  const order = oracles.map((_, i) => i).sort((a, b) => ceilLog2(oracles[b].rows) - ceilLog2(oracles[a].rows) || a - b);
  const firstRow: number[] = [];
  let next = 0;
  for (const i of order) {
    firstRow[i] = next;
    next += 2 ** ceilLog2(oracles[i].rows);
  }
  return { firstRow, rowVars: ceilLog2(next), logRow: Math.max(...oracles.map((o) => o.logRow)) };
}

/**
 * The common point (rows, then positions; most significant bits first) as seen by one oracle: the point of its own
 * index space, and the factor that the bits fixed by its place contribute.
 */
export function ownPoint(
  o: OracleShape,
  firstRow: number,
  placement: Placement,
  rowPoint: readonly Ext[],
  position: readonly Ext[],
): { point: Ext[]; factor: Ext } {
  const span = ceilLog2(o.rows);
  const high = rowPoint.slice(0, placement.rowVars - span);
  let factor = eqAt(high, firstRow / 2 ** span);
  const skipped = placement.logRow - o.logRow;
  for (let i = 0; i < skipped; i++) factor = mul(factor, sub(ONE, position[i]));
  return { point: [...rowPoint.slice(placement.rowVars - span), ...position.slice(skipped)], factor };
}

const encoder = new TextEncoder();

/** The commitment of a boundary tensor in an oracle of its own: BLAKE3('merkle' ‖ salt ‖ root). */
export function merkleCommitment(salt: Uint8Array, root: Uint8Array): Uint8Array {
  return hash(concat([encoder.encode('dsperse boundary merkle'), salt, root])).slice();
}

const CLEAR = encoder.encode('dsperse boundary clear');
/** Values that are written out as bytes at a time. */
const PIECE = 4096;

/** The commitment of a boundary tensor known in clear: BLAKE3('clear' ‖ salt ‖ values as little-endian i32). */
export function clearCommitment(salt: Uint8Array, values: Int32Array): Uint8Array {
  const hasher = new Hasher().update(CLEAR).update(salt);
  const bytes = new Uint8Array(4 * Math.min(PIECE, values.length));
  for (let from = 0; from < values.length; from += PIECE) {
    const to = Math.min(values.length, from + PIECE);
    for (let i = from, o = 0; i < to; i++, o += 4) {
      const x = values[i];
      bytes[o] = x;
      bytes[o + 1] = x >> 8;
      bytes[o + 2] = x >> 16;
      bytes[o + 3] = x >> 24;
    }
    hasher.update(bytes.subarray(0, 4 * (to - from)));
  }
  return hasher.digest();
}
