/**
 * How tensors are stacked in one multilinear polynomial (or among the leaves of one fraction tree).
 *
 * A tensor's leading axis (base/dims.ts) keeps its length; every other axis is padded to a power of two. The cells are
 * laid down with that axis first and the others in their order. The leading axis is cut in pieces of power-of-two
 * lengths, most significant first, and the pieces of all tensors are laid down by decreasing size. So each piece is
 * aligned to its own size, there are no gaps between pieces, and a multilinear evaluation of the stack is, on each
 * tensor, a functional in product form.
 */
import { leadAxis, stridesOf } from '../base/dims.js';
import { type Ext, ONE } from '../field/qm31.js';
import type { EqTables } from './eq-tables.js';
import type { Functional } from './functional.js';
import { Vector } from './vector.js';

export interface Piece {
  /** First row (index on the leading axis) and log2 of the number of rows. */
  readonly row: number;
  readonly logRows: number;
  /** First cell in the stack; a multiple of the piece's size. */
  readonly offset: number;
}

/** Cells among the numbers of a tensor: the first one's place, and the step along each axis. */
export interface Cells {
  readonly dims: readonly number[];
  readonly first: number;
  readonly strides: readonly number[];
}

/** Cells that stand in a stack: a tensor, or a part of one. */
export interface TensorLayout extends Cells {
  /** The leading axis; dims.length where every axis has size 1. */
  readonly lead: number;
  /** log2 of the padded size of each axis but the leading one (0 for that). */
  readonly logs: readonly number[];
  /** Σ logs: log2 of the padded cells of one row. */
  readonly logInner: number;
  readonly pieces: readonly Piece[];
}

export interface Stack {
  readonly tensors: readonly TensorLayout[];
  /** Cells from the first to the end of the last piece. */
  readonly cells: number;
}

export const ceilLog2 = (n: number): number => (n <= 1 ? 0 : 32 - Math.clz32(n - 1));

const allOf = (dims: readonly number[]): Cells => ({ dims, first: 0, strides: stridesOf(dims) });

/** @param shapes tensors by their dims, or parts of tensors */
export function stack(shapes: readonly (readonly number[] | Cells)[]): Stack {
  const drafts = shapes.map((shape) => {
    const { dims, first, strides } = 'dims' in shape ? shape : allOf(shape);
    const lead = leadAxis(dims);
    const logs = dims.map((d, i) => (i === lead ? 0 : ceilLog2(d)));
    const logInner = logs.reduce((a, b) => a + b, 0);
    return { dims, first, strides, lead, logs, logInner, pieces: [] as Piece[] };
  });
  const cuts: { tensor: number; row: number; logRows: number; logSize: number }[] = [];
  drafts.forEach((t, tensor) => {
    const rows = t.lead < t.dims.length ? t.dims[t.lead] : 1;
    for (let row = 0; row < rows; ) {
      const bit = 31 - Math.clz32(rows - row);
      cuts.push({ tensor, row, logRows: bit, logSize: bit + t.logInner });
      row += 2 ** bit;
    }
  });
  cuts.sort((a, b) => b.logSize - a.logSize || a.tensor - b.tensor || a.row - b.row);
  let offset = 0;
  for (const c of cuts) {
    drafts[c.tensor].pieces.push({ row: c.row, logRows: c.logRows, offset });
    offset += 2 ** c.logSize;
  }
  return { tensors: drafts, cells: offset };
}

/**
 * The functional T ↦ Σ_cells T[cell]·eq(point, position of the cell), cut to the real cells.
 * @param point most significant bit first; 2^point.length cells, of which the stack is a prefix
 */
export function eqFunctional(t: TensorLayout, point: readonly Ext[], tables: EqTables): Functional {
  const rows = point.length - t.logInner;
  const [first] = t.pieces;
  // The factor of the bits above a tensor of one piece is its coefficient.
  const whole = t.pieces.length === 1;
  const scaleOf = (p: Piece): Ext => {
    const logSize = p.logRows + t.logInner;
    return tables.factor(point, point.length - logSize, p.offset / 2 ** logSize);
  };
  let from = rows;
  const blocks = t.dims.map((d, i) => {
    let values: Vector;
    if (d === 1) values = Vector.one;
    else if (i !== t.lead) {
      values = tables.part(point, from, from + t.logs[i], d);
      from += t.logs[i];
    } else if (whole) values = tables.part(point, rows - first.logRows, rows);
    else {
      const pieces = t.pieces.map((p) => ({
        row: p.row,
        scale: scaleOf(p),
        table: tables.part(point, rows - p.logRows, rows),
      }));
      values = Vector.pieces(d, pieces);
    }
    return { axes: [i], values };
  });
  return { coef: whole ? scaleOf(first) : ONE, blocks };
}
