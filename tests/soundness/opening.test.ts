import { describe, expect, it } from 'vitest';
import { lookupTrees } from '../../packages/core/src/argument/lookups.js';
import type { OpeningClaim, OpeningProver, SpotChecks } from '../../packages/core/src/argument/opening.js';
import { logWord, type OracleShape } from '../../packages/core/src/argument/oracles.js';
import { P } from '../../packages/core/src/field/m31.js';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { sliceShape } from '../../packages/core/src/proof/slice-shape.js';
import { axis, identityMap, RelationBuilder } from '../../packages/core/src/relation/builder.js';
import { type Attempt, attempt, type Model, PRESET, type Tricks, verdict } from './dishonest-prover.js';
import { persistent } from './persistent-liar.js';
import { denseLayer, ramp } from './relations.js';

const modes: BoundaryMode[] = ['clear', 'merkle'];
const model = denseLayer();
const honest = attempt(model, modes);
const { shape } = honest;
const witness = shape.witness as number;
const oracle = shape.oracles[witness];

/** Changes the opening's answers. */
const opening = (change: (own: OpeningProver) => Partial<OpeningProver>): Tricks => ({
  prover: (p) => ({
    opening() {
      const own = p.opening();
      return { ...own, ...change(own) };
    },
  }),
});

/** Sets a cell of an oracle between its padding and its encoding, and whenever its rows are written again. */
const filled = ({ rows, logRow }: OracleShape, cell: number, x: number): Tricks => {
  const width = 2 ** logRow;
  // All rows at once, or eight after eight.
  let next = 0;
  return {
    kernels: (k) => ({
      canonical(dst, src, n) {
        k.canonical(dst, src, n);
        const all = n === rows * width;
        if (!all && n !== width * Math.min(8, rows - next)) return;
        const first = all ? 0 : next * width;
        if (cell >= first && cell < first + n) k.u32(dst, n).set([x], cell - first);
        if (!all) next = (next + 8) % (8 * Math.ceil(rows / 8));
      },
    }),
  };
};

describe('cells outside all tensors', () => {
  const cells = oracle.rows * 2 ** oracle.logRow;
  const q = oracle.layout.tensors[0];

  it('are opened as zero: padding of a tensor, and what follows the last one', () => {
    expect(q.dims).toEqual([5, 6]);
    expect(cells).toBeGreaterThan(oracle.layout.cells);
    for (const cell of [q.pieces[0].offset + 6, q.pieces[0].offset + 31, oracle.layout.cells, cells - 1]) {
      for (const x of [1, P - 1]) {
        const bad = () => filled(oracle, cell, x);
        expect(verdict(attempt(model, modes, bad()))).toBe('opening-sum');
        expect(verdict(attempt(model, modes, persistent(bad())))).toBe('fold');
      }
    }
  });

  it('are opened as zero in a boundary tensor of its own', () => {
    const own = shape.oracles[shape.oracles.length - 1];
    const bad = filled(own, 7, 5);
    expect(verdict(attempt(model, modes, bad))).toBe('opening-sum');
  });

  it('of a permutation cannot be used twice: the wiring is the relation’s', () => {
    const permuted = (index: number[]) => {
      const b = new RelationBuilder();
      const x = b.input('x', [4], { lo: 0, hi: 7 });
      const y = b.linear('y', [4], [{ src: x, coef: 1, map: { kind: 'gather', axis: 0, index } }]);
      const out = b.witness('out', [4], { lo: 0, hi: 7 }, { kind: 'copy', src: y });
      const map = { kind: 'affine' as const, sums: [], axes: [{ start: 0, terms: [{ index: 0, step: 1 }] }] };
      const terms = [
        { src: out, coef: 1, map },
        { src: y, coef: -1, map },
      ];
      b.zero(b.linear('same', [4], terms, 0, { lo: 0, hi: 0 }));
      b.output(out);
      return { relation: b.build(), constants: b.constants, inputs: [ramp(4, (i) => 2 * i)] };
    };
    const once = attempt(permuted([3, 1, 0, 2]), ['clear', 'merkle']);
    expect(verdict(once)).toBe('accepted');
    for (const index of [
      [3, 1, 0, 3],
      [3, 1, 0, -1],
      [3, 1, 2, 0],
    ]) {
      const other = attempt(permuted(index), ['clear', 'merkle']);
      expect(verdict(other)).toBe('accepted');
      expect(verdict({ ...other, shape: once.shape })).toBe('opening-sum');
    }
  });
});

describe('committed words', () => {
  /** Adds one to symbols of the witness's code words, at the positions that `at` picks. */
  const corrupt = (at: (position: number) => boolean): Tricks => {
    let inWitness = false;
    return {
      kernels: (k) => ({
        encode(dst, message, logLength, stride) {
          k.encode(dst, message, logLength, stride);
          if (!inWitness) return;
          const word = k.u32(dst, 4 * 2 ** logLength * stride);
          for (let i = 0; i < 4 * 2 ** logLength; i++) if (at(i)) word[i * stride] = (word[i * stride] + 1) % P;
        },
      }),
      prover: (p) => ({
        witnessRoot() {
          inWitness = true;
          const root = p.witnessRoot();
          inWitness = false;
          return root;
        },
      }),
    };
  };
  const length = 2 ** logWord(oracle);

  it('outside the unique decoding radius are rejected: 3/8 of the symbols and one', () => {
    const wrong = (3 * length) / 8 + 1;
    expect(
      verdict(
        attempt(
          model,
          modes,
          corrupt((i) => i < wrong),
        ),
      ),
    ).toBe('fold');
    expect(
      verdict(
        attempt(
          model,
          modes,
          corrupt((i) => i >= length - wrong),
        ),
      ),
    ).toBe('fold');
    expect(
      verdict(
        attempt(
          model,
          modes,
          corrupt((i) => (i * 5) % length < wrong),
        ),
      ),
    ).toBe('fold');
  });

  it('with one wrong symbol are rejected where it is queried, and decode to one message where it is not', () => {
    const results = Array.from({ length: 24 }, (_, i) =>
      verdict(
        attempt(
          model,
          modes,
          corrupt((p) => p === (5 * i) % length),
        ),
      ),
    );
    expect(new Set(results)).toEqual(new Set(['accepted', 'fold']));
  });

  it('of another message than the claimed one are rejected', () => {
    // The matrix is encoded with one cell changed; the sumchecks are run on the true one.
    let n = 0;
    const bad = attempt(model, modes, {
      kernels: (k) => ({
        transpose(dst, src, rows, cols, stride) {
          k.transpose(dst, src, rows, cols, stride);
          if (rows === oracle.rows) k.u32(dst, 1)[0] ^= 1;
          n++;
        },
      }),
    });
    expect(n).toBeGreaterThan(0);
    expect(verdict(bad)).toBe('fold');
  });
});

describe('folds', () => {
  it('are compared with one another and with the last message', () => {
    expect(honest.messages.some((m) => m.label === 'opening/fold')).toBe(true);
    // A fold word that is no code word of the folded message, from a fraction of its positions on.
    const word = (share: number): Tricks => ({
      kernels: (k) => ({
        gatherGroups(dst, src, groups, arity) {
          const view = k.u32(src, 4 * groups * arity);
          for (let i = 0; i < share * groups * arity; i++) view[4 * i] = (view[4 * i] + 1) % P;
          k.gatherGroups(dst, src, groups, arity);
        },
      }),
    });
    for (const share of [1, 0.5, 0.375]) expect(verdict(attempt(model, modes, word(share)))).toBe('fold');
  });

  it('lead to the message sent: another one fails the sum or the comparison', () => {
    const message = (change: (data: Uint8Array) => void): Tricks => ({
      message(label, _, data) {
        if (label !== 'opening/message') return undefined;
        change(data);
        return data;
      },
    });
    expect(
      verdict(
        attempt(
          model,
          modes,
          message((d) => void d.fill(0)),
        ),
      ),
    ).toBe('opening-sum');
    for (const i of [0, 17, 33])
      expect(
        verdict(
          attempt(
            model,
            modes,
            message((d) => d.set([d[i] ^ 1], i)),
          ),
        ),
      ).toBe('opening-sum');
    const swap = message((d) => void d.set([...d.subarray(16, 32), ...d.subarray(0, 16)]));
    expect(verdict(attempt(model, modes, swap))).toBe('opening-sum');
  });
});

describe('queries', () => {
  const next = (leaves: readonly number[], count: number) => leaves.map((i) => (i + 1) % count).sort((a, b) => a - b);
  const count = 2 ** logWord(oracle);
  // Few queries, so that the neighbours of the queried leaves are others.
  const few = { ...PRESET, queries: 3 };
  const tried = (change: (own: OpeningProver) => Partial<OpeningProver>): string =>
    verdict(attempt(model, modes, opening(change), few));

  it('are answered at their own positions', () => {
    expect(tried(() => ({}))).toBe('accepted');
    expect(
      tried((own) => ({
        oracleLeaves: (k, leaves) => own.oracleLeaves(k, k === witness ? next(leaves, count) : leaves),
      })),
    ).toBe('merkle-path');
    expect(tried((own) => ({ foldLeaves: (j, leaves) => own.foldLeaves(j, next(leaves, count / 8)) }))).toBe(
      'merkle-path',
    );
  });

  it('have paths at the right index and of the right depth', () => {
    // Siblings of other leaves, cut or filled up to the length that is read.
    const sized = (data: Uint8Array, like: Uint8Array) => {
      const out = new Uint8Array(like.length);
      out.set(data.subarray(0, like.length));
      return out;
    };
    expect(
      tried((own) => ({
        treeSiblings: (k, leaves) => {
          const own_ = own.treeSiblings(k, leaves);
          return k === witness ? sized(own.treeSiblings(k, next(leaves, count)), own_) : own_;
        },
      })),
    ).toBe('merkle-path');
    expect(tried((own) => ({ foldSiblings: (j, leaves) => own.foldSiblings(j, leaves).fill(0, 0, 32) }))).toBe(
      'merkle-path',
    );
    for (const change of [-32, 32]) {
      const other = tried((own) => ({
        treeSiblings: (k, leaves) => {
          const path = own.treeSiblings(k, leaves);
          const out = new Uint8Array(path.length + change);
          out.set(path.subarray(0, out.length));
          return out;
        },
      }));
      expect(other).not.toBe('accepted');
    }
  });

  it('follow the proof of work', () => {
    const nonce = (bytes: number[]): Tricks => ({
      message: (label) => (label === 'opening/nonce' ? Uint8Array.from(bytes) : undefined),
    });
    const results = Array.from({ length: 16 }, (_, i) =>
      verdict(attempt(model, modes, nonce([i, 0, 0, 0, 0, 0, 0, 1]), { ...PRESET, grindingBits: 16 })),
    );
    expect(new Set(results)).toEqual(new Set(['grinding']));
    // A proof made for less work, or fewer queries, than the verifier's own parameters ask.
    const cheap = attempt(model, modes, {}, { ...PRESET, grindingBits: 0, queries: 4 });
    expect(verdict(cheap)).toBe('accepted');
    const asking = (spotChecks: SpotChecks) => verdict({ ...cheap, shape: { ...cheap.shape, spotChecks } });
    expect(asking({ queries: 4, grindingBits: 24 })).toBe('grinding');
    expect(asking({ queries: PRESET.queries, grindingBits: 0 })).not.toBe('accepted');
  });
});

describe('the batch of claims', () => {
  const batch = (change: (claims: readonly OpeningClaim[]) => OpeningClaim[]): Attempt =>
    attempt(
      model,
      modes,
      opening((own) => ({ open: (place, claims, lambda, gap) => own.open(place, change(claims), lambda, gap) })),
    );

  it('leaves no claim out, takes none twice and keeps their order', () => {
    expect(verdict(batch((c) => [...c]))).toBe('accepted');
    let n = 0;
    batch((c) => {
      n = c.length;
      return [...c];
    });
    // One of the claims that come first, one of the contractions' operands.
    expect(n).toBe(2);
    for (let i = 0; i < n; i++) {
      expect(verdict(batch((c) => c.filter((_, k) => k !== i)))).toBe('opening-sum');
      expect(verdict(batch((c) => c.flatMap((x, k) => (k === i ? [x, x] : [x]))))).toBe('opening-sum');
      expect(verdict(batch((c) => c.map((x, k) => (k === i ? c[(i + 1) % n] : x))))).toBe('opening-sum');
    }
    expect(verdict(batch((c) => [...c].reverse()))).toBe('opening-sum');
  });

  it('does not let false claims cancel: two zero-constraints that are broken by opposite amounts', () => {
    const b = new RelationBuilder();
    const x = b.input('x', [4], { lo: 0, hi: 7 });
    const map = identityMap(1);
    const copies = ['u', 'v'].map((name) => {
      const w = b.witness(name, [4], { lo: -8, hi: 15 }, { kind: 'quotient', src: x, shift: 0 });
      b.zero(
        b.linear(
          `${name} - x`,
          [4],
          [
            { src: w, coef: 1, map },
            { src: x, coef: -1, map },
          ],
        ),
      );
      return w;
    });
    const copied: Model = { relation: b.build(), constants: b.constants, inputs: [ramp(4, (i) => i)] };
    const lie = (change: readonly number[]) =>
      verdict(
        attempt(copied, ['public'], {
          values: new Map(copies.map((id, k) => [id, ramp(4, (i) => (i === 2 ? i + change[k] : i))])),
        }),
      );
    expect(lie([0, 0])).toBe('accepted');
    expect(lie([1, 0])).toBe('opening-sum');
    expect(lie([1, -1])).toBe('opening-sum');
  });

  it('is drawn after the claims: with them unabsorbed μ and λ would be known first', () => {
    for (const label of ['contractions/ends', 'fractions/children', 'contractions/values']) {
      expect(verdict(attempt(model, modes, { skip: (l) => l === label }))).not.toBe('accepted');
    }
  });
});

describe('bounds', () => {
  it('on the readings of a relation: values that double their paths are refused at once', () => {
    const b = new RelationBuilder();
    let x = b.input('x', [1], { lo: 0, hi: 0 });
    const map = { kind: 'reshape' as const };
    for (let i = 0; i < 1000; i++) {
      const terms = [
        { src: x, coef: 1, map },
        { src: x, coef: 1, map },
      ];
      x = b.linear(`x${i}`, [1], terms, 0, { lo: 0, hi: 0 });
    }
    b.zero(x);
    expect(() => sliceShape(b.build(), PRESET, ['public'], [])).toThrow('readings');
    const c = new RelationBuilder();
    let y = c.input('y', [1], { lo: 0, hi: 0 });
    for (let i = 0; i < 10_000; i++) y = c.contract(`y${i}`, [1], y, y, [], [axis(0)], [axis(0)], { lo: 0, hi: 0 });
    c.zero(y);
    expect(() => sliceShape(c.build(), PRESET, ['public'], [])).toThrow('products');
  });

  it('on the leaves of one sum: no row can occur p times', () => {
    const b = new RelationBuilder();
    const x = b.input('x', [2 ** 15, 2 ** 14], { lo: 0, hi: 3 });
    b.lookup(b.rangeTable(2), x);
    expect(() => lookupTrees(b.build(), 23)).toThrow('beyond');
  });
});
