/**
 * The vectors that functionals weigh with. Most are tables eq(point, ·), cut to the length of an axis: what is asked of them
 * follows from their points, and their entries are written out only where somebody reads them.
 */
import { hash } from '../base/blake3.js';
import { toHex } from '../base/codec.js';
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import {
  dot as dotEntries,
  type ExtVector,
  eqAt,
  eqPoints,
  eqVector,
  extVector,
  getExt,
  ones,
  outer,
  total,
} from './ext-vector.js';

/** The entries [row, row + table.length) of a vector are scale·table; row is a multiple of their number, a power of two. */
export interface EqPiece {
  readonly row: number;
  readonly scale: Ext;
  /** eq(point, ·), whole. */
  readonly table: Vector;
}

/** Where tables are kept, and what is known of two of them. */
export interface KnownTables {
  at(point: readonly Ext[]): Vector;
  dot(a: Vector, b: Vector): Ext;
}

export class Vector {
  private written: ExtVector | undefined;
  private sum: Ext | undefined;
  private hashed: string | undefined;

  private constructor(
    /** Number of entries. */
    readonly length: number,
    private readonly write: () => ExtVector,
    /** Of eq(point, ·): the point. */
    private readonly point?: readonly Ext[],
    /** Of several such: the pieces, which cover the vector. */
    private readonly pieces?: readonly EqPiece[],
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
  static pieces(length: number, pieces: readonly EqPiece[]): Vector {
    const write = (): ExtVector => {
      const entries = new Uint32Array(4 * length);
      for (const p of pieces) entries.set(outer(extVector([p.scale]), p.table.entries), 4 * p.row);
      return entries;
    };
    return new Vector(length, write, undefined, pieces);
  }

  /** Not to be changed. */
  get entries(): ExtVector {
    this.written ??= this.write();
    return this.written;
  }

  /** The first entry. */
  get first(): Ext {
    if (this.point) return eqAt(this.point, 0);
    if (this.pieces) return mul(this.pieces[0].scale, this.pieces[0].table.first);
    return getExt(this.entries, 0);
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

  /** Σ a[i]·b[i] of vectors of equal length; pieces of them are looked up in `known`. */
  static dot(a: Vector, b: Vector, known: KnownTables): Ext {
    const { point: r, pieces: p } = a;
    const { point: s, pieces: q } = b;
    if (r && s && r.length === s.length) return eqSum(r, s, a.length);
    const [x, y] = [p ?? (r && q && cut(r, q, known)), q ?? (s && p && cut(s, p, known))];
    if (!x || !y || !isAligned(x, y)) return dotEntries(a.entries, b.entries);
    return x.reduce<Ext>((sum, piece, i) => {
      const scale = mul(piece.scale, y[i].scale);
      return add(sum, mul(scale, known.dot(piece.table, y[i].table)));
    }, ZERO);
  }

  /** Entries [from, from + length) as a multiple of a vector: of a shorter table, where they are one. */
  static cut(v: Vector, from: number, length: number, known: KnownTables): { scale: Ext; values: Vector } {
    const low = Math.log2(length);
    if (!v.point || !Number.isInteger(low) || from % length !== 0 || low > v.point.length) {
      return { scale: ONE, values: Vector.of(v.entries.subarray(4 * from, 4 * (from + length))) };
    }
    const high = v.point.length - low;
    return { scale: eqAt(v.point.slice(0, high), from / length), values: known.at(v.point.slice(high)) };
  }

  private findTotal(): Ext {
    if (this.pieces) return this.pieces.reduce<Ext>((sum, p) => add(sum, p.scale), ZERO);
    return this.point ? eqTotal(this.point, this.length) : total(this.entries);
  }
}

/** eq(point, ·) in the pieces of another vector; undefined where one of them is not within the table. */
function cut(point: readonly Ext[], like: readonly EqPiece[], known: KnownTables): EqPiece[] | undefined {
  const size = 2 ** point.length;
  if (like.some(({ table }) => table.length > size)) return undefined;
  return like.map(({ row, table: { length } }) => {
    const high = Math.log2(size / length);
    return { row, scale: eqAt(point.slice(0, high), row / length), table: known.at(point.slice(high)) };
  });
}

function isAligned(a: readonly EqPiece[], b: readonly EqPiece[]): boolean {
  return a.length === b.length && a.every((p, i) => p.row === b[i].row && p.table.length === b[i].table.length);
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
