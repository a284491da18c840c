/**
 * Tables eq(point, ·) of one proof. Its challenges come back in many claims: each table is one vector, and what is computed
 * of two vectors is computed once.
 */
import { keepShape } from '../base/keep-shape.js';
import { type Ext, mul, ONE } from '../field/qm31.js';
import { eqVector, getExt } from './ext-vector.js';
import type { Block } from './functional.js';
import { type KnownTables, Vector } from './vector.js';

interface Node {
  /** By length. */
  tables?: Map<number, Vector>;
  /** By the next coordinate, the same object. */
  next?: Map<Ext, Node>;
}

/** Coordinates of which eq is looked up in one table. */
const DIGIT = 4;

/** What is known of a point that claims are read from in parts. */
interface Known {
  /** By part and length. */
  readonly parts: Map<number, Vector>;
  /** By number of leading coordinates and index: eq of these coordinates. */
  readonly factors: Map<number, Ext>;
  /** By dims: eq on the axes of a tensor. */
  readonly blocks: Map<readonly number[], readonly Block[]>;
}

export class EqTables implements KnownTables {
  private readonly root: Node = {};
  private readonly dots = new Map<Vector, Map<Vector, Ext>>();
  private readonly points = new Map<readonly Ext[], Known>();
  private readonly numbers = new Map<Vector, number>();
  private readonly others = new Map<string, Vector>();

  /**
   * eq(point, i) for i < length, point[0] being the most significant bit of i; not to be changed. Points are recognised by
   * the identity of their coordinates: challenges are objects that are drawn once and handed on.
   */
  at(point: readonly Ext[], length = 2 ** point.length): Vector {
    let node = this.root;
    for (const x of point) {
      node.next ??= new Map();
      const next = node.next.get(x) ?? {};
      node.next.set(x, next);
      node = next;
    }
    node.tables ??= new Map();
    const known = node.tables.get(length);
    if (known) return known;
    const whole = length === 2 ** point.length ? () => eqVector(point) : () => this.at(point).entries;
    const table = Vector.eq(point, length, whole);
    node.tables.set(length, table);
    return table;
  }

  /** The same for the coordinates [from, to) of a point of at most 63; the point is recognised by its own identity. */
  part(point: readonly Ext[], from: number, to: number, length = 2 ** (to - from)): Vector {
    const { parts } = this.known(point);
    // Small integers are found fastest.
    const key = 4096 * length + 64 * from + to;
    const known = parts.get(key);
    if (known) return known;
    const vector = this.at(point.slice(from, to), length);
    parts.set(key, vector);
    return vector;
  }

  /** eq(the first `count` coordinates of a point, index), for a point recognised by its own identity. */
  factor(point: readonly Ext[], count: number, index: number): Ext {
    if (count === 0) return ONE;
    const low = Math.min(count, DIGIT);
    const digit = index % 2 ** low;
    const last = getExt(this.part(point, count - low, count).entries, digit);
    return count === low ? last : mul(this.leading(point, count - low, (index - digit) / 2 ** low), last);
  }

  /** The same, made once for what many indices have in common. */
  private leading(point: readonly Ext[], count: number, index: number): Ext {
    const { factors } = this.known(point);
    const key = 64 * index + count;
    const known = factors.get(key) ?? this.factor(point, count, index);
    factors.set(key, known);
    return known;
  }

  /** The blocks that follow from a point and some dims, both recognised by their own identity: made where they are not known. */
  blocks(point: readonly Ext[], dims: readonly number[], make: () => readonly Block[]): readonly Block[] {
    const { blocks } = this.known(point);
    const known = blocks.get(dims) ?? make();
    blocks.set(dims, known);
    return known;
  }

  private known(point: readonly Ext[]): Known {
    let known = this.points.get(point);
    if (!known) {
      known = { parts: new Map(), factors: new Map(), blocks: new Map() };
      this.points.set(point, known);
    }
    return known;
  }

  /** Σ a[i]·b[i] of vectors of equal length. */
  dot(a: Vector, b: Vector): Ext {
    let of = this.dots.get(a);
    if (!of) {
      of = new Map();
      this.dots.set(a, of);
    }
    let value = of.get(b);
    if (!value) {
      value = Vector.dot(a, b, this);
      of.set(b, value);
    }
    return value;
  }

  ones(length: number): Vector {
    return this.made(`${length} ones`, [], () => Vector.ones(length));
  }

  /** Entry i is a[i]·b[i], for vectors of equal length. */
  product(a: Vector, b: Vector): Vector {
    return this.made('product', [a, b], () => Vector.product(a, b, this));
  }

  /** A vector that follows from others in a way that `how` tells: made where it is not known. */
  made(how: string, from: readonly Vector[], make: (from: readonly Vector[]) => Vector): Vector {
    const key = `${how} of ${from.map((v) => this.numberOf(v))}`;
    const known = this.others.get(key);
    if (known) return known;
    const vector = make(from);
    this.others.set(key, vector);
    return vector;
  }

  private numberOf(v: Vector): number {
    const known = this.numbers.get(v);
    if (known !== undefined) return known;
    this.numbers.set(v, this.numbers.size);
    return this.numbers.size - 1;
  }
}

keepShape(new EqTables());
