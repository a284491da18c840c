/**
 * Tables eq(point, ·) of one proof. Its challenges come back in many claims: each table is made once, and inner products of
 * two of them are computed from their points.
 */
import { add, type Ext, mul, ONE, sub, ZERO } from '../field/qm31.js';
import { dot, type ExtVector, eqVector } from './ext-vector.js';

interface Node {
  /** By length. */
  readonly tables: Map<number, ExtVector>;
  /** By the next coordinate, the same object. */
  readonly next: Map<Ext, Node>;
}

const newNode = (): Node => ({ tables: new Map(), next: new Map() });

export class EqTables {
  private readonly root = newNode();
  private readonly points = new Map<ExtVector, readonly Ext[]>();

  /**
   * eq(point, i) for i < length, point[0] being the most significant bit of i; not to be changed. Points are recognised by
   * the identity of their coordinates: challenges are objects that are drawn once and handed on.
   */
  at(point: readonly Ext[], length = 2 ** point.length): ExtVector {
    let node = this.root;
    for (const x of point) {
      const next = node.next.get(x) ?? newNode();
      node.next.set(x, next);
      node = next;
    }
    const known = node.tables.get(length);
    if (known) return known;
    const full = 2 ** point.length;
    const table = length === full ? eqVector(point) : this.at(point).subarray(0, 4 * length);
    node.tables.set(length, table);
    this.points.set(table, point);
    return table;
  }

  /** Σ a[i]·b[i] of vectors of equal length. */
  dot(a: ExtVector, b: ExtVector): Ext {
    const [r, s] = [this.points.get(a), this.points.get(b)];
    return r && s && r.length === s.length ? eqSum(r, s, a.length / 4) : dot(a, b);
  }
}

/** Σ_{i < length} eq(r, i)·eq(s, i) for points of equal dimension k, length <= 2^k. */
function eqSum(r: readonly Ext[], s: readonly Ext[], length: number): Ext {
  const k = r.length;
  // Of each bit: its factor where it is 0 and where it is 1.
  const ones = r.map((x, j) => mul(x, s[j]));
  const zeros = r.map((x, j) => add(sub(sub(ONE, x), s[j]), ones[j]));
  // rest[j] = Π over the bits from j on of both factors' sum
  const rest: Ext[] = new Array(k + 1);
  rest[k] = ONE;
  for (let j = k - 1; j >= 0; j--) rest[j] = mul(rest[j + 1], add(zeros[j], ones[j]));
  if (length === 2 ** k) return rest[0];
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
