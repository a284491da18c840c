/**
 * Tables eq(point, ·) of one proof. Its challenges come back in many claims: each table is one vector, and what is computed
 * of two vectors is computed once.
 */
import type { Ext } from '../field/qm31.js';
import { eqVector, hadamard } from './ext-vector.js';
import { Vector } from './vector.js';

interface Node {
  /** By length. */
  readonly tables: Map<number, Vector>;
  /** By the next coordinate, the same object. */
  readonly next: Map<Ext, Node>;
}

const newNode = (): Node => ({ tables: new Map(), next: new Map() });

export class EqTables {
  private readonly root = newNode();
  private readonly dots = new Map<Vector, Map<Vector, Ext>>();
  private readonly products = new Map<Vector, Map<Vector, Vector>>();

  /**
   * eq(point, i) for i < length, point[0] being the most significant bit of i; not to be changed. Points are recognised by
   * the identity of their coordinates: challenges are objects that are drawn once and handed on.
   */
  at(point: readonly Ext[], length = 2 ** point.length): Vector {
    let node = this.root;
    for (const x of point) {
      let next = node.next.get(x);
      if (!next) {
        next = newNode();
        node.next.set(x, next);
      }
      node = next;
    }
    const known = node.tables.get(length);
    if (known) return known;
    const whole = length === 2 ** point.length ? () => eqVector(point) : () => this.at(point).entries;
    const table = Vector.eq(point, length, whole);
    node.tables.set(length, table);
    return table;
  }

  /** Σ a[i]·b[i] of vectors of equal length. */
  dot(a: Vector, b: Vector): Ext {
    return once(this.dots, a, b, Vector.dot);
  }

  /** Entry i is a[i]·b[i], for vectors of equal length. */
  product(a: Vector, b: Vector): Vector {
    return once(this.products, a, b, (x, y) => Vector.of(hadamard(x.entries, y.entries)));
  }
}

function once<T>(known: Map<Vector, Map<Vector, T>>, a: Vector, b: Vector, make: (a: Vector, b: Vector) => T): T {
  let of = known.get(a);
  if (!of) {
    of = new Map();
    known.set(a, of);
  }
  let value = of.get(b);
  if (value === undefined) {
    value = make(a, b);
    of.set(b, value);
  }
  return value;
}
