/**
 * The vectors that functionals weigh with. Most are tables eq(point, ·), cut to the length of an axis: what is asked of them
 * follows from their points, and their entries are written out only where somebody reads them.
 */
import { hash } from '../base/blake3.js';
import { toHex } from '../base/codec.js';
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import {
  dot as dotEntries,
  dotSigned,
  type ExtVector,
  eqAt,
  eqPoints,
  eqVector,
  extVector,
  getExt,
  hadamard,
  ones,
  outer,
  total,
} from './ext-vector.js';

/** The entries [row, row + table.length) of a vector are scale·table. */
export interface Piece {
  readonly row: number;
  readonly scale: Ext;
  readonly table: Vector;
}

/** What is known of points and tables: see EqTables, which keeps it. */
export interface KnownTables {
  /** eq(the coordinates [from, to) of a point, ·). */
  part(point: readonly Ext[], from: number, to: number): Vector;
  /** eq(the first `count` coordinates of a point, index). */
  factor(point: readonly Ext[], count: number, index: number): Ext;
  dot(a: Vector, b: Vector): Ext;
  product(a: Vector, b: Vector): Vector;
}

/** Entries of eq(point, ·) from which on integers are weighed with in rows of as many; a power of two. */
const LONG = 256;

export class Vector {
  private written: ExtVector | undefined;
  private sum: Ext | undefined;
  private head: Ext | undefined;
  private hashed: string | undefined;

  private constructor(
    /** Number of entries. */
    readonly length: number,
    private readonly write: () => ExtVector,
    /** Of eq(point, ·): the point. */
    private readonly point?: readonly Ext[],
    /** Of multiples of others: these, which cover the vector. */
    private readonly pieces?: readonly Piece[],
  ) {}

  static of(entries: ExtVector): Vector {
    return new Vector(entries.length / 4, () => entries);
  }

  /** Of a single entry, 1. */
  static readonly one = Vector.ones(1);

  static ones(length: number): Vector {
    const v = new Vector(length, () => ones(length));
    v.sum = [length, 0, 0, 0];
    return v;
  }

  /**
   * eq(point, i) for i < length <= 2^point.length, point[0] being the most significant bit of i.
   * @param table the whole table, where it is written out elsewhere
   */
  static eq(point: readonly Ext[], length: number, table: () => ExtVector = () => eqVector(point)): Vector {
    return new Vector(length, () => table().subarray(0, 4 * length), point);
  }

  /** @param pieces one after the other, without gaps */
  static pieces(length: number, pieces: readonly Piece[]): Vector {
    const write = (): ExtVector => {
      const entries = new Uint32Array(4 * length);
      for (const p of pieces) entries.set(outer(extVector([p.scale]), p.table.entries), 4 * p.row);
      return entries;
    };
    return new Vector(length, write, undefined, pieces);
  }

  /** Entry i·n + j is a[i]·b[j], n being the length of b. */
  static outer(a: Vector, b: Vector): Vector {
    const { entries } = a;
    // Where b is as long as a table of eq, tables that the vector is multiplied with are cut where its pieces are.
    if (a.length > b.length || !Number.isInteger(Math.log2(b.length))) return Vector.of(outer(entries, b.entries));
    const pieces = Array.from({ length: a.length }, (_, i) => ({
      row: i * b.length,
      scale: getExt(entries, i),
      table: b,
    }));
    return Vector.pieces(a.length * b.length, pieces);
  }

  /** Where it is eq(point, ·), cut to its length: the point. */
  get eqPoint(): readonly Ext[] | undefined {
    return this.point;
  }

  /** Not to be changed. */
  get entries(): ExtVector {
    this.written ??= this.write();
    return this.written;
  }

  /** The first entry. */
  get first(): Ext {
    this.head ??= this.findFirst();
    return this.head;
  }

  /** Of the entries: the same for equal vectors. */
  get digest(): string {
    const { entries } = this;
    this.hashed ??= toHex(hash(new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength)));
    return this.hashed;
  }

  /** Σ of the entries. */
  get total(): Ext {
    this.sum ??= this.findTotal();
    return this.sum;
  }

  /** Σ a[i]·b[i] of vectors of equal length. */
  static dot(a: Vector, b: Vector, known: KnownTables): Ext {
    if (a.point && b.point && a.point.length === b.point.length) return eqSum(a.point, b.point, a.length);
    const [x, y] = (a.pieces?.length ?? 0) < (b.pieces?.length ?? 0) ? [b, a] : [a, b];
    if (!x.pieces) return dotEntries(a.entries, b.entries);
    let sum: Ext = ZERO;
    for (const { row, scale, table } of x.pieces) {
      const part = Vector.cut(y, row, table.length, known);
      sum = add(sum, mul(mul(scale, part.scale), known.dot(table, part.values)));
    }
    return sum;
  }

  /** Entry i is a[i]·b[i], for vectors of equal length: in pieces where one of them is. */
  static product(a: Vector, b: Vector, known: KnownTables): Vector {
    const [x, y] = (a.pieces?.length ?? 0) < (b.pieces?.length ?? 0) ? [b, a] : [a, b];
    if (!x.pieces) return Vector.of(hadamard(a.entries, b.entries));
    const pieces = x.pieces.map(({ row, scale, table }): Piece => {
      const part = Vector.cut(y, row, table.length, known);
      return { row, scale: mul(scale, part.scale), table: known.product(table, part.values) };
    });
    return Vector.pieces(a.length, pieces);
  }

  /** Σ v[i]·data[from + i] over all entries, for signed integers. */
  static dotSigned(v: Vector, data: Int32Array, from: number, known: KnownTables): Ext {
    if (v.pieces) {
      return v.pieces.reduce<Ext>(
        (sum, { row, scale, table }) => add(sum, mul(scale, Vector.dotSigned(table, data, from + row, known))),
        ZERO,
      );
    }
    if (!v.point || v.length <= LONG) return dotSigned(v.entries, data, from);
    // eq of the leading coordinates times eq of the others, which is shorter to write out.
    const high = v.point.length - Math.log2(LONG);
    const { entries } = known.part(v.point, high, v.point.length);
    let sum: Ext = ZERO;
    for (let row = 0; row < v.length; row += LONG) {
      const inner = dotSigned(entries.subarray(0, 4 * (v.length - row)), data, from + row);
      sum = add(sum, mul(known.factor(v.point, high, row / LONG), inner));
    }
    return sum;
  }

  /** Entries [from, from + length) as a multiple of a vector: of a shorter table, where they are one, or of a part of one. */
  static cut(v: Vector, from: number, length: number, known: KnownTables): { scale: Ext; values: Vector } {
    if (length === v.length) return { scale: ONE, values: v };
    const piece = v.pieces?.find(({ row, table }) => row <= from && from + length <= row + table.length);
    if (piece) {
      const { scale, values } = Vector.cut(piece.table, from - piece.row, length, known);
      return { scale: mul(piece.scale, scale), values };
    }
    const low = Math.log2(length);
    if (!v.point || !Number.isInteger(low) || from % length !== 0 || low > v.point.length) {
      return { scale: ONE, values: Vector.of(v.entries.subarray(4 * from, 4 * (from + length))) };
    }
    const high = v.point.length - low;
    return { scale: known.factor(v.point, high, from / length), values: known.part(v.point, high, v.point.length) };
  }

  private findFirst(): Ext {
    if (this.point) return eqAt(this.point, 0);
    if (this.pieces) return mul(this.pieces[0].scale, this.pieces[0].table.first);
    return getExt(this.entries, 0);
  }

  private findTotal(): Ext {
    if (this.pieces) return this.pieces.reduce<Ext>((sum, p) => add(sum, mul(p.scale, p.table.total)), ZERO);
    return this.point ? eqTotal(this.point, this.length) : total(this.entries);
  }
}

/** Σ_{i < length} eq(r, i), length <= 2^r.length: what is left of 1 in eqSum where the factors of a bit add up to it. */
function eqTotal(r: readonly Ext[], length: number): Ext {
  if (length === 2 ** r.length) return ONE;
  let sum: Ext = ZERO;
  let prefix: Ext = ONE;
  for (let j = 0; j < r.length; j++) {
    const zero = sub(ONE, r[j]);
    if (Math.floor(length / 2 ** (r.length - 1 - j)) % 2 === 0) {
      prefix = mul(prefix, zero);
      continue;
    }
    sum = add(sum, mul(prefix, zero));
    prefix = mul(prefix, r[j]);
  }
  return sum;
}

/** Σ_{i < length} eq(r, i)·eq(s, i) for points of equal dimension k, length <= 2^k. */
function eqSum(r: readonly Ext[], s: readonly Ext[], length: number): Ext {
  const k = r.length;
  if (length === 2 ** k) return eqPoints(r, s);
  // Of each bit: its factor where it is 0 and where it is 1.
  const ones = r.map((x, j) => mul(x, s[j]));
  const zeros = r.map((x, j) => add(sub(sub(ONE, x), s[j]), ones[j]));
  // rest[j] = Π over the bits from j on of both factors' sum
  const rest: Ext[] = new Array(k + 1);
  rest[k] = ONE;
  for (let j = k - 1; j >= 0; j--) rest[j] = mul(rest[j + 1], add(zeros[j], ones[j]));
  // The i below `length` share its leading bits up to a 1 of its own, where they have a 0.
  let sum: Ext = ZERO;
  let prefix: Ext = ONE;
  for (let j = 0; j < k; j++) {
    if (Math.floor(length / 2 ** (k - 1 - j)) % 2 === 0) {
      prefix = mul(prefix, zeros[j]);
      continue;
    }
    sum = add(sum, mul(prefix, mul(zeros[j], rest[j + 1])));
    prefix = mul(prefix, ones[j]);
  }
  return sum;
}
