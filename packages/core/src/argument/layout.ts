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
import type { Block, Functional } from './functional.js';
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

/** How cells of some dims are laid down, wherever they stand. */
interface Frame {
  readonly dims: readonly number[];
  /** The leading axis; dims.length where every axis has size 1. */
  readonly lead: number;
  /** log2 of the padded size of each axis but the leading one (0 for that). */
  readonly logs: readonly number[];
  /** Σ logs: log2 of the padded cells of one row. */
  readonly logInner: number;
}

/** Cells that stand in a stack: a tensor, or a part of one. `dims` is one array for all of equal dims. */
export interface TensorLayout extends Cells, Frame {
  readonly pieces: readonly Piece[];
}

export interface Stack {
  readonly tensors: readonly TensorLayout[];
  /** Cells from the first to the end of the last piece. */
  readonly cells: number;
}

export const ceilLog2 = (n: number): number => (n <= 1 ? 0 : 32 - Math.clz32(n - 1));

function frameOf(dims: readonly number[]): Frame {
  const lead = leadAxis(dims);
  const logs = dims.map((d, i) => (i === lead ? 0 : ceilLog2(d)));
  return { dims, lead, logs, logInner: logs.reduce((a, b) => a + b, 0) };
}

/** @param shapes tensors by their dims, or parts of tensors */
export function stack(shapes: readonly (readonly number[] | Cells)[]): Stack {
  const frames = new Map<string, Frame & { readonly strides: readonly number[] }>();
  /** By log2 of their size: the pieces' tensors, in order. */
  const bySize: number[][] = [];
  const tensors = shapes.map((shape, tensor) => {
    const own = 'dims' in shape ? shape.dims : shape;
    const key = own.join();
    const frame = frames.get(key) ?? { ...frameOf(own), strides: stridesOf(own) };
    frames.set(key, frame);
    const { dims, lead, logs, logInner } = frame;
    let count = 0;
    for (let left = lead < dims.length ? dims[lead] : 1; left > 0; count++) {
      const logRows = 31 - Math.clz32(left);
      bySize[logRows + logInner] ??= [];
      bySize[logRows + logInner].push(tensor);
      left -= 2 ** logRows;
    }
    const { first, strides } = 'dims' in shape ? shape : { first: 0, strides: frame.strides };
    return { dims, first, strides, lead, logs, logInner, pieces: new Array<Piece>(count) };
  });
  /** By tensor: its pieces that stand, and their rows. */
  const placed = new Uint32Array(tensors.length);
  const rows = new Uint32Array(tensors.length);
  let offset = 0;
  for (let logSize = bySize.length - 1; logSize >= 0; logSize--) {
    for (const tensor of bySize[logSize] ?? []) {
      const { pieces, logInner } = tensors[tensor];
      const logRows = logSize - logInner;
      pieces[placed[tensor]++] = { row: rows[tensor], logRows, offset };
      rows[tensor] += 2 ** logRows;
      offset += 2 ** logSize;
    }
  }
  return { tensors, cells: offset };
}

/**
 * The functional T ↦ Σ_cells T[cell]·eq(point, position of the cell), cut to the real cells.
 * @param point most significant bit first; 2^point.length cells, of which the stack is a prefix
 */
export function eqFunctional(t: TensorLayout, point: readonly Ext[], tables: EqTables): Functional {
  const rows = point.length - t.logInner;
  const scaleOf = (p: Piece): Ext => {
    const logSize = p.logRows + t.logInner;
    return tables.factor(point, point.length - logSize, p.offset / 2 ** logSize);
  };
  const tableOf = (p: Piece): Vector => tables.part(point, rows - p.logRows, rows);
  const [first] = t.pieces;
  if (t.pieces.length === 1) {
    // The factor of the bits above a tensor of one piece is its coefficient: what is left is the same for equal dims.
    const blocks = tables.blocks(point, t.dims, () => eqBlocks(t, point, tableOf(first), tables));
    return { coef: scaleOf(first), blocks };
  }
  const pieces = t.pieces.map((p) => ({ row: p.row, scale: scaleOf(p), table: tableOf(p) }));
  return { coef: ONE, blocks: eqBlocks(t, point, Vector.pieces(t.dims[t.lead], pieces), tables) };
}

/** A block for each axis: `lead` on the leading one, eq of the axis' coordinates on the others. */
function eqBlocks(t: TensorLayout, point: readonly Ext[], lead: Vector, tables: EqTables): Block[] {
  let from = point.length - t.logInner;
  return t.dims.map((d, i) => {
    if (d === 1) return { axes: [i], values: Vector.one };
    if (i === t.lead) return { axes: [i], values: lead };
    const values = tables.part(point, from, from + t.logs[i], d);
    from += t.logs[i];
    return { axes: [i], values };
  });
}
