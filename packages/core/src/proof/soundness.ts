/**
 * The soundness error of one slice proof: the probability that a false statement is accepted, summed over every place
 * at which a random challenge can go the prover's way (docs/soundness.md explains each term).
 *
 * The terms are fractions of |F| = p^4, p = 2^31 - 1, and the spot checks' (5/8)^queries / 2^grinding. They are added
 * exactly, as integers in units of 2^-256 rounded up: the comparison with the preset's minimum uses no floating point.
 */
import { ceilLog2 } from '../argument/layout.js';
import { tableSize } from '../argument/lookups.js';
import { rowWork, type SpotChecks } from '../argument/opening.js';
import { oracleVars, place } from '../argument/oracles.js';
import { LOG_ARITY, LOG_BLOWUP } from '../argument/presets.js';
import { foldCount } from '../argument/row-length.js';
import { P } from '../field/m31.js';
import { sizeOf } from '../relation/relation.js';
import { countClaims } from './count-claims.js';
import type { SliceShape } from './slice-protocol.js';

export interface SoundnessTerm {
  readonly name: string;
  /** -log2 of the term. */
  readonly bits: number;
  readonly theorem: string;
}

interface ExactTerm {
  readonly name: string;
  /** In units of 2^-256. */
  readonly error: bigint;
  readonly theorem: string;
}

/** Most spot checks of a proof. */
const MAX_QUERIES = 144;
const LOG_CELLS_PER_TRIAL = 4;

const UNITS = 256n;
const FIELD = BigInt(P) ** 4n;

const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** numerator / |F|. */
const overField = (numerator: bigint): bigint => ceilDivide(numerator << UNITS, FIELD);

/** The error of a slice proof in bits, and its terms. */
export function soundnessBits(shape: SliceShape): { bits: number; terms: SoundnessTerm[] } {
  const terms = exactTerms(shape, shape.spotChecks);
  return {
    bits: bitsOf(terms.reduce((sum, t) => sum + t.error, 0n)),
    terms: terms.map(({ name, error, theorem }) => ({ name, bits: bitsOf(error), theorem })),
  };
}

/**
 * The fewest spot checks, and no fewer than the preset's, with which the error is at most 2^-minimumBits for each slice
 * of the shape; undefined where MAX_QUERIES would not do. Work takes the place of some of them: about a trial for each
 * 16 cells that are opened, which is little beside committing to them.
 */
export function spotChecksNeeded(shape: Omit<SliceShape, 'spotChecks'>): SpotChecks | undefined {
  const { queries: fewest, minimumBits, grindingBits: least, maxGrindingBits: most } = shape.preset;
  const allowed = BigInt(shape.slices) << (UNITS - BigInt(minimumBits));
  const others = exactTerms(shape, undefined).reduce((sum, t) => sum + t.error, 0n);
  const cells = shape.oracles.reduce((n, o) => n + o.layout.cells, 0);
  const grindingBits = Math.max(least, Math.min(most, ceilLog2(cells) - LOG_CELLS_PER_TRIAL));
  for (let queries = fewest; queries <= MAX_QUERIES; queries++) {
    const checks = { queries, grindingBits };
    if (others + spotCheckTerm(checks).error <= allowed) return checks;
  }
  return undefined;
}

/** -log2(error·2^-256), rounded down to hundredths; for reports. */
function bitsOf(error: bigint): number {
  const length = error.toString(2).length;
  const shift = Math.max(0, length - 53);
  const log = shift + Math.log2(Number(error >> BigInt(shift)));
  return Math.floor((Number(UNITS) - log) * 100) / 100;
}

/** All terms; those of spot checks where these are given and there is what to check. */
function exactTerms(shape: Omit<SliceShape, 'spotChecks'>, checks: SpotChecks | undefined): ExactTerm[] {
  const spots = checks && shape.oracles.length > 0 ? [spotCheckTerm(checks)] : [];
  return [...lookupTerms(shape), ...claimTerms(shape), ...openingTerms(shape), ...spots, hashTerm];
}

function lookupTerms({ relation, lookups }: Pick<SliceShape, 'relation' | 'lookups'>): ExactTerm[] {
  if (lookups.length === 0) return [];
  const rows = relation.tables.reduce((n, t) => n + tableSize(t), 0);
  const cells = relation.lookups.reduce((n, l) => n + sizeOf(relation.values[l.columns[0]].dims), 0);
  // A layer of 2^k nodes: λ, k rounds of degree 2, and the side μ.
  let tree = 0;
  for (const { depth } of lookups) {
    tree += 1;
    for (let k = 1; k < depth; k++) tree += 2 * k + 2;
  }
  return [
    {
      name: 'lookup: a false cell meets a row at β',
      error: overField(2n * BigInt(rows)),
      theorem: 'Schwartz-Zippel, degree 2 in β for each row',
    },
    {
      name: 'lookup: sum of fractions at α',
      error: overField(BigInt(cells + rows)),
      theorem: 'Haböck 2022/1530, Lemma 5 and Schwartz-Zippel; fewer than p leaves',
    },
    {
      name: 'fraction trees',
      error: overField(BigInt(tree)),
      theorem: 'Papini and Haböck 2023/1284; sumcheck, Lund, Fortnow, Karloff and Nisan 1992',
    },
  ];
}

function claimTerms({ relation, lookups }: Pick<SliceShape, 'relation' | 'lookups'>): ExactTerm[] {
  const { levels } = countClaims(relation);
  // Of every lookup tree two claims, of every zero-constraint one, of every contraction two.
  const first = 2 * lookups.length + relation.zeros.length;
  const terms: ExactTerm[] = [
    {
      name: 'claims: batching by powers of μ',
      error: overField(levels.reduce((n, l) => n + 2n * l.products - 1n, BigInt(Math.max(0, first - 1)))),
      theorem: 'Schwartz-Zippel',
    },
  ];
  if (relation.zeros.length > 0) {
    const vars = relation.zeros.map((z) => relation.values[z].dims.reduce((n, d) => n + ceilLog2(d), 0));
    terms.push({
      name: 'zero-constraints',
      error: overField(BigInt(vars.reduce((a, b) => Math.max(a, b), 0))),
      theorem: 'Schwartz-Zippel, multilinear',
    });
  }
  if (levels.length > 0) {
    terms.push(
      {
        name: 'contractions: batching by powers of γ',
        error: overField(levels.reduce((n, l) => n + l.products - 1n, 0n)),
        theorem: 'Schwartz-Zippel',
      },
      {
        name: 'contractions: sumchecks',
        error: overField(levels.reduce((n, l) => n + 2n * BigInt(l.numVars), 0n)),
        theorem: 'Thaler 2013, section 5; Lund, Fortnow, Karloff and Nisan 1992; degree 2',
      },
    );
  }
  return terms.filter((t) => t.error > 0n);
}

function openingTerms({ relation, oracles, preset }: Pick<SliceShape, 'relation' | 'oracles' | 'preset'>): ExactTerm[] {
  if (oracles.length === 0) return [];
  const { rowVars, logRow } = place(oracles);
  const gaps = oracles.filter((o) => o.gap).length;
  const logLength = logRow + LOG_BLOWUP;
  const folds = foldCount(logRow, preset);
  // Each fold halves the domain LOG_ARITY times; all its rounds are counted on the folded one.
  let folding = 0n;
  for (let j = 1; j <= folds; j++) folding += BigInt(LOG_ARITY) << BigInt(logLength - j * LOG_ARITY);
  const terms: ExactTerm[] = [
    {
      name: 'opening: batching by powers of λ',
      error: overField(BigInt(countClaims(relation).levels.length + gaps)),
      theorem: 'Schwartz-Zippel',
    },
    {
      name: 'opening: sumcheck',
      error: overField(2n * BigInt(rowVars + logRow)),
      theorem: 'Lund, Fortnow, Karloff and Nisan 1992; degree 2',
    },
    {
      name: 'opening: proximity of the combined rows',
      error: ceilDivide(overField(BigInt(rowVars) << BigInt(logLength)), 1n << BigInt(rowWork(logRow, preset))),
      theorem:
        'Diamond and Gruen 2024/1351, Corollary 3.7, by Ben-Sasson et al. 2020/654, Theorem 4.1; radius 3/8; proof of work',
    },
    {
      name: 'opening: proximity of the folds',
      error: overField(folding),
      theorem: 'Ben-Sasson et al. 2020/654, Theorem 4.1; Zeilberger, Chen and Fisch 2023/1705; radius 3/8',
    },
  ];
  if (gaps > 0) {
    const vars = oracles.reduce((n, o) => (o.gap ? Math.max(n, oracleVars(o)) : n), 0);
    terms.unshift({
      name: 'opening: gaps are zero',
      error: overField(BigInt(vars)),
      theorem: 'Schwartz-Zippel, multilinear',
    });
  }
  return terms.filter((t) => t.error > 0n);
}

function spotCheckTerm({ queries: count, grindingBits }: SpotChecks): ExactTerm {
  const queries = BigInt(count);
  return {
    name: 'opening: spot checks and proof of work',
    error: ceilDivide((5n ** queries) << UNITS, (8n ** queries) << BigInt(grindingBits)),
    theorem: 'Diamond and Posen 2024/504, query phase: (1/2 + rate/2)^queries; Ben-Sasson, Chiesa and Spooner 2016',
  };
}

/** Challenges and commitments are a random oracle's: two messages of one digest take about 2^128 evaluations to find. */
const hashTerm: ExactTerm = {
  name: 'hash collisions',
  error: 1n << (UNITS - 128n),
  theorem: 'BLAKE3-256 as a random oracle; Ben-Sasson, Chiesa and Spooner 2016',
};
