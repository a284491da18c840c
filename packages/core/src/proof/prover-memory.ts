/** How much memory proving needs: an estimate from the shape alone, to decide what is proven together. */
import { place } from '../argument/oracles.js';
import { blockRows } from '../argument/prove-opening-cube.js';
import { HELD_BYTES, rowsAtOnce } from '../argument/prove-oracles.js';
import { widthFor } from '../base/integers.js';
import { type Relation, sizeOf, type Value } from '../relation/relation.js';
import type { SliceShape } from './slice-protocol.js';

export interface ProverMemory {
  /** Of the kernels: commitments, and the largest step of the proof. */
  readonly kernelBytes: number;
  /** Numbers of every value of the relation, and the packages' constants as they are read. */
  readonly numberBytes: number;
}

/** The process itself, its compiled code, and what the garbage collector has not taken yet. */
const PROCESS_BYTES = 150e6;
/** An extension element; a fraction is two. */
const EXT_BYTES = 16;
/** Bytes of a code word, and of the row-major and position-major message that it is made from, a committed cell. */
const WORD_BYTES = 16;
const MESSAGE_BYTES = 4;
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const most = (xs: readonly number[]): number => xs.reduce((a, b) => Math.max(a, b), 0);

/** Peak bytes of proving a unit of this shape, its constants committed before. */
export function proverMemory(shape: SliceShape): ProverMemory {
  const { oracles, trees, lookups, relation } = shape;
  const cells = oracles.map((o) => o.rows * 2 ** o.logRow);
  const words = WORD_BYTES * sum(cells);
  const nodes = sum(trees.map((tree) => 64 * 4 * 2 ** most(tree.map((o) => oracles[o].logRow))));
  const logRow = most(oracles.map((o) => o.logRow));
  const longest = 2 ** logRow;
  // A word that is not held is encoded some rows at a time.
  const piece = (WORD_BYTES + 2 * MESSAGE_BYTES) * rowsAtOnce(logRow) * longest;
  const committing = words > HELD_BYTES ? piece : 2 * MESSAGE_BYTES * most(cells);
  // Leaves, their numerators being base elements, and all layers above them: as many fractions again.
  const fractions = (4 + 3 * EXT_BYTES) * most(lookups.map((l) => l.layout.cells));
  const size = blockRows(place(oracles).rowVars);
  const folded = sum(oracles.map((o) => Math.ceil(o.rows / size) * 2 ** o.logRow));
  const opening = 2 * EXT_BYTES * (folded + size * longest) + MESSAGE_BYTES * size * longest;
  return {
    kernelBytes: nodes + Math.min(words, HELD_BYTES) + Math.max(committing, fractions, opening),
    numberBytes: numberBytes(relation),
  };
}

/** All that a process holds that proves a unit of this shape. */
export function proverBytes(shape: SliceShape): number {
  const { kernelBytes, numberBytes } = proverMemory(shape);
  return PROCESS_BYTES + kernelBytes + numberBytes;
}

function numberBytes({ values }: Relation): number {
  return sum(values.map((v) => (isSameArray(v) ? 0 : bytesOf(v) * sizeOf(v.dims))));
}

/** Bytes of a number. Constants are there twice while they are read from a package. */
const bytesOf = ({ kind, lo, hi }: Value): number => (kind === 'constant' ? 2 * widthFor(lo, hi) : 4);

/** Whether execution takes the numbers of another value as they are. */
function isSameArray(v: Value): boolean {
  if (v.kind === 'witness') return v.gen.kind === 'copy';
  if (v.kind !== 'linear' || v.terms.length !== 1 || v.offset !== 0) return false;
  return v.terms[0].coef === 1 && v.terms[0].map.kind === 'reshape';
}
