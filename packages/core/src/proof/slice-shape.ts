import type { Cells } from '../argument/layout.js';
import { lookupTrees, tableSize } from '../argument/lookups.js';
import { type OracleShape, type OracleTree, oracleShape } from '../argument/oracles.js';
import type { Preset } from '../argument/presets.js';
import { sharedLogRow } from '../argument/row-length.js';
import { boxesOf, paddedSize, stridesOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { Relation, Value, ValueId } from '../relation/relation.js';
import { countClaims, MAX_LEVELS } from './count-claims.js';
import type { BoundaryMode, Place, SliceShape } from './slice-protocol.js';
import { spotChecksNeeded } from './soundness.js';

/**
 * Most functionals that the claims of one proof are pulled back through. A relation in which every value reads the one
 * before it twice would double them with every value.
 */
const MAX_FUNCTIONALS = 2n ** 20n;

/** Values of the relation in the constants' oracle, in order. */
export function constantValues(relation: Relation): ValueId[] {
  return valuesWhere(relation, (v) => v.kind === 'constant');
}

/** Values in the witness oracle, in order; boundary outputs are committed apart. */
export function witnessValues(relation: Relation): ValueId[] {
  const apart = new Set(relation.outputs);
  return valuesWhere(relation, (v, id) => v.kind === 'witness' && !apart.has(id));
}

function valuesWhere({ values }: Relation, holds: (v: Value, id: ValueId) => boolean): ValueId[] {
  const ids: ValueId[] = [];
  values.forEach((v, id) => {
    if (holds(v, id)) ids.push(id);
  });
  return ids;
}

/** Constants that are committed under one root: those of a slice, or those of several, an oracle for each. */
export interface CommittedConstants {
  readonly oracles: readonly (readonly ValueId[])[];
  readonly root: Uint8Array;
  /** The root that each oracle has by itself. */
  readonly ownRoots: readonly Uint8Array[];
}

/** The constants of a slice under its own root, where it has any. */
export function ownConstants(relation: Relation, root: Uint8Array | undefined): CommittedConstants[] {
  const ids = constantValues(relation);
  return root && ids.length > 0 ? [{ oracles: [ids], root, ownRoots: [root] }] : [];
}

/** The oracle of constants: what is committed once per program. A constant's parts follow each other. */
export function constantsOracle(
  relation: Relation,
  ids: readonly ValueId[],
  preset: Preset,
): { shape: OracleShape; places: Map<ValueId, Omit<Place, 'oracle'>>; tensors: ValueId[] } {
  const places = new Map<ValueId, Omit<Place, 'oracle'>>();
  const tensors: ValueId[] = [];
  const cells = ids.flatMap((id) => {
    const strides = stridesOf(relation.values[id].dims);
    const parts = boxesOf(relation.values[id].dims, preset.boxCells);
    places.set(id, { tensor: tensors.length, parts });
    return parts.map(({ starts, dims }): Cells => {
      tensors.push(id);
      return { dims, first: starts.reduce((n, start, i) => n + start * strides[i], 0), strides };
    });
  });
  return { shape: oracleShape(cells, false, preset, preset.programLogRow), places, tensors };
}

/**
 * log2 of the rows that a program is opened in where all of its slices are proven together: what its slices commit to is
 * about what one proof of all of them does.
 */
export function programLogRow(relations: readonly Relation[], preset: Preset): number {
  const committed = (ids: (relation: Relation) => ValueId[]) =>
    relations.reduce((n, r) => ids(r).reduce((m, id) => m + paddedSize(r.values[id].dims), n), 0);
  return sharedLogRow([committed(constantValues), committed(witnessValues)], preset);
}

/**
 * The oracle of one boundary tensor in a commitment of its own: the same for its producer and its consumers, whatever it
 * is opened with.
 */
export function boundaryOracle(dims: readonly number[], preset: Preset): OracleShape {
  return oracleShape([dims], true, preset, preset.maxLogRow);
}

/**
 * Everything that follows from the relation of a slice or of joined ones, the modes of its boundary tensors and the roots
 * of its constants. Oracles stand in the order: constants, witness, boundary tensors in oracles of their own.
 * @param slices number of slices that are joined in it: its error may be as large as that of their proofs together
 * @throws InputError `slice-too-large` where one proof could not hold it with the preset's soundness
 */
export function sliceShape(
  relation: Relation,
  preset: Preset,
  modes: readonly BoundaryMode[],
  constants: readonly CommittedConstants[],
  slices = 1,
): SliceShape {
  const { functionals, levels } = countClaims(relation);
  if (functionals > MAX_FUNCTIONALS || levels.length > MAX_LEVELS) {
    throw new InputError(
      'slice-too-large',
      `the claims of a slice are pulled back through more than ${MAX_FUNCTIONALS} readings or ${MAX_LEVELS} products`,
      'cut the program in more slices (--slices)',
    );
  }
  const oracles: OracleShape[] = [];
  const places = new Map<ValueId, Place>();
  const add = (shape: OracleShape, ids: readonly ValueId[]): number => {
    ids.forEach((id, tensor) => {
      places.set(id, { oracle: oracles.length, tensor });
    });
    oracles.push(shape);
    return oracles.length - 1;
  };
  const trees: OracleTree[] = [];
  for (const c of constants) {
    const own = c.oracles.map((ids) => {
      const { shape, places: inOracle } = constantsOracle(relation, ids, preset);
      for (const [id, place] of inOracle) places.set(id, { oracle: oracles.length, ...place });
      return oracles.push(shape) - 1;
    });
    trees.push(own);
  }
  const ids = witnessValues(relation);
  const dims = ids.map((id) => relation.values[id].dims);
  const tables = relation.tables.map((t) => [tableSize(t)]);
  let witness: number | undefined;
  const multiplicities: Place[] = [];
  if (ids.length + tables.length > 0) {
    const beside = oracles.reduce((log, o) => Math.max(log, o.logRow), 0);
    const oracle = add(oracleShape([...dims, ...tables], true, preset, beside), ids);
    witness = trees.push([oracle]) - 1;
    for (let i = 0; i < tables.length; i++) multiplicities.push({ oracle, tensor: ids.length + i });
  }
  const boundary = [...relation.inputs, ...relation.outputs].map((value, i) => ({ value, mode: modes[i] }));
  for (const { value, mode } of boundary) {
    if (mode === 'merkle') trees.push([add(boundaryOracle(relation.values[value].dims, preset), [value])]);
  }
  const draft: Omit<SliceShape, 'spotChecks'> = {
    relation,
    preset,
    slices,
    boundary,
    lookups: lookupTrees(relation, preset.logTree),
    oracles,
    trees,
    constants: constants.map((c) => c.root),
    witness,
    places,
    multiplicities,
  };
  const spotChecks = spotChecksNeeded(draft);
  if (spotChecks === undefined) {
    throw new InputError(
      'slice-too-large',
      `one proof this large would not reach ${preset.minimumBits} bits of soundness a slice, whatever is checked of it`,
      'cut the program in more slices (--slices)',
    );
  }
  return { ...draft, spotChecks };
}
