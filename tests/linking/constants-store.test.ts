/** Commitments to constants that are kept: they save work, and no damage to them is ever seen in a proof. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../packages/core/src/base/codec.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel } from '../../packages/core/src/program/index.js';
import {
  type ConstantsStore,
  commitProgram,
  decodeSlicePackage,
  joinPackages,
  type ProofUnit,
  prepareUnit,
  proveUnit,
  type StoredPart,
  type StoredPiece,
} from '../../packages/core/src/proof/prove-index.js';
import { decodeKey, fingerprintOf, type SliceProof, verifySlice } from '../../packages/core/src/proof/verify-index.js';
import { runProgram } from '../operators/prove-program.js';
import { picture, residualModel } from '../programs/residual-model.js';

/** Where the words of an entry begin, by its root: the digests come first. */
const wordsAt = new Map<string, number>();
const wordsFrom = (root: string): number => wordsAt.get(root) as number;

/** Entries in memory. */
class MapStore implements ConstantsStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly removed: string[] = [];
  writes = 0;

  read(root: Uint8Array, parts: readonly StoredPart[]): boolean {
    const entry = this.entries.get(toHex(root));
    return parts.every(({ offset, into }) => {
      if (!entry || offset + into.length > entry.length) return false;
      into.set(entry.subarray(offset, offset + into.length));
      return true;
    });
  }

  write(root: Uint8Array, size: number, pieces: Iterable<StoredPiece>): boolean {
    this.writes++;
    const entry = new Uint8Array(size);
    for (const { offset, bytes } of pieces) {
      entry.set(bytes, offset);
      if (offset === 0) wordsAt.set(toHex(root), bytes.length);
    }
    this.entries.set(toHex(root), entry);
    return true;
  }

  remove(root: Uint8Array): void {
    this.removed.push(toHex(root));
    this.entries.delete(toHex(root));
  }
}

let kernels: Kernels;
const program = compileModel(residualModel(), { calibration: [picture(1)], slices: 'layers', precision: 'fast' });
const values = runProgram(program, picture(1));
let keyBytes: Uint8Array;
let packages: ReturnType<typeof decodeSlicePackage>[];
/** Of all slices. */
let whole: ProofUnit;
let honest: SliceProof;

beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
  const artifacts = commitProgram(kernels, program, { preset: 'tiny' });
  keyBytes = artifacts.key;
  packages = artifacts.packages.map((p) => decodeSlicePackage(p.bytes));
  whole = joinPackages(decodeKey(keyBytes, 'tiny'), packages);
  honest = prove(whole);
});
afterAll(() => kernels.close());

function prove(unit: ProofUnit, store?: ConstantsStore, between: () => void = () => undefined): SliceProof {
  const mark = kernels.mark();
  try {
    const prepared = prepareUnit(kernels, unit, store);
    between();
    const salt = new Uint8Array(32).fill(3);
    const boundary = new Map(
      [...unit.inputs, ...unit.outputs].map((name) => [name, { values: values.get(name) as Int32Array, salt }]),
    );
    return proveUnit(kernels, unit, boundary, { nonce: new Uint8Array(32), prover: '', prepared });
  } finally {
    kernels.release(mark);
  }
}

const verdict = ({ statement, proof }: SliceProof): string =>
  verifySlice(decodeKey(keyBytes, 'tiny'), fingerprintOf(keyBytes), statement, proof, values).verdict;

/** A store that has the whole program. */
function filled(): MapStore {
  const store = new MapStore();
  expect(prove(whole, store).proof).toEqual(honest.proof);
  expect(store.entries.size).toBe(packages.filter((p) => p.constantsRoot).length);
  expect(store.entries.size).toBeGreaterThan(2);
  return store;
}

/** Kernels that count what is encoded. */
function counted(): { readonly kernels: Kernels; readonly encoded: () => number } {
  let encoded = 0;
  const counting = Object.create(kernels) as Kernels;
  counting.encode = (...args) => {
    encoded++;
    kernels.encode(...args);
  };
  return { kernels: counting, encoded: () => encoded };
}

describe('a store of commitments to constants', () => {
  it('leaves every proof as it is, and nothing to encode', () => {
    const store = filled();
    const { writes } = store;
    expect(prove(whole, store).proof).toEqual(honest.proof);
    const count = counted();
    const mark = kernels.mark();
    prepareUnit(count.kernels, whole, store);
    expect(count.encoded()).toBe(0);
    prepareUnit(count.kernels, whole);
    expect(count.encoded()).toBe(store.entries.size);
    kernels.release(mark);
    expect(store.writes).toBe(writes);
    expect(store.removed).toEqual([]);
  });

  it('has the same entries for slices by themselves and joined', () => {
    const store = filled();
    const { writes } = store;
    for (const p of packages) {
      const unit = joinPackages(decodeKey(keyBytes, 'tiny'), [p]);
      expect(prove(unit, store).proof).toEqual(prove(unit).proof);
    }
    expect(store.writes).toBe(writes);
  });

  it('may be damaged at either end of its parts: the same proof is made, and the entry again', () => {
    const { entries } = filled();
    for (const [root, bytes] of entries) {
      const words = wordsFrom(root);
      for (const i of [0, words - 1, words, bytes.length - 1]) {
        const store = new MapStore();
        for (const [r, b] of entries) store.entries.set(r, b);
        const bad = bytes.slice();
        bad[i] ^= 1 << (i % 8);
        store.entries.set(root, bad);
        const made = prove(whole, store);
        expect(made.proof).toEqual(honest.proof);
        // A leaf that was not asked for stays damaged; all else is put right or gone.
        expect([undefined, toHex(bytes), toHex(bad)]).toContain(
          store.entries.get(root) && toHex(store.entries.get(root) as Uint8Array),
        );
      }
    }
  });

  it('notices damaged digests by the root, and damaged words by their digests', () => {
    const [[root, bytes]] = filled().entries;
    const digests = filled();
    digests.entries.set(root, changed(bytes, 0));
    prove(whole, digests);
    expect(toHex(digests.entries.get(root) as Uint8Array)).toBe(toHex(bytes));
    // Words of every leaf.
    const words = filled();
    const leaves = wordsFrom(root);
    words.entries.set(
      root,
      bytes.map((x, i) => (i >= leaves ? x ^ 1 : x)),
    );
    expect(prove(whole, words).proof).toEqual(honest.proof);
    expect(words.removed).toContain(root);
  });

  it('may be cut short, of another program, or lose an entry while it is used', () => {
    const full = filled();
    const roots = [...full.entries.keys()];
    for (const length of [0, 1, 31, 32, 100, wordsFrom(roots[0])]) {
      const store = filled();
      for (const root of roots) store.entries.set(root, (full.entries.get(root) as Uint8Array).slice(0, length));
      expect(prove(whole, store).proof).toEqual(honest.proof);
    }
    const swapped = filled();
    swapped.entries.set(roots[0], full.entries.get(roots[1]) as Uint8Array);
    swapped.entries.set(roots[1], full.entries.get(roots[0]) as Uint8Array);
    expect(prove(whole, swapped).proof).toEqual(honest.proof);
    const lost = filled();
    expect(prove(whole, lost, () => lost.entries.clear()).proof).toEqual(honest.proof);
  });

  it('may keep nothing', () => {
    const none: ConstantsStore = { read: () => false, write: () => false, remove: () => undefined };
    expect(prove(whole, none).proof).toEqual(honest.proof);
  });

  it('that lies on purpose is found out by the paths of the leaves', () => {
    const store = filled();
    // Between committing and the queries, leaf and digest are replaced together, by another leaf of the same entry.
    const lie = (): void => {
      for (const [root, entry] of store.entries) {
        const words = wordsFrom(root);
        const size = (entry.length - words) / (words / 32);
        const moved = entry.slice();
        moved.copyWithin(0, 32, words);
        moved.copyWithin(words, words + size);
        store.entries.set(root, moved);
      }
    };
    expect(() => prove(whole, store, lie)).toThrow('the proof does not hold: merkle-path');
  });

  it('does not make a broken package whole, nor keeps what is of it', () => {
    const at = packages.findIndex((p) => p.constants.size > 0);
    const [[id, data]] = packages[at].constants;
    const wrong = new Map(packages[at].constants).set(
      id,
      data.map((x, i) => (i === 0 ? x + 1 : x)),
    );
    const broken = joinPackages(
      decodeKey(keyBytes, 'tiny'),
      packages.map((p, i) => (i === at ? { ...p, constants: wrong } : p)),
    );
    const empty = new MapStore();
    expect(() => prove(broken, empty)).toThrow('are not those of its root');
    expect(empty.entries.size).toBe(0);
    // The store vouches for the root; the numbers are others, and the proof does not hold.
    let outcome: string;
    try {
      outcome = verdict(prove(broken, filled()));
    } catch (error) {
      outcome = (error as { code: string }).code;
    }
    expect(['rejected', 'self-check', 'bad-boundary', 'out-of-range', 'out-of-table']).toContain(outcome);
  });
});

const changed = (bytes: Uint8Array, i: number): Uint8Array => bytes.map((x, k) => (k === i ? x ^ 1 : x));
