import { lookupTrees, tableSize } from '../argument/lookups.js';
import { type OracleShape, oracleShape } from '../argument/oracles.js';
import type { Preset } from '../argument/presets.js';
import { InputError } from '../base/errors.js';
import type { Relation, ValueId } from '../relation/relation.js';
import { countClaims, MAX_LEVELS } from './count-claims.js';
import type { BoundaryMode, Place, SliceShape } from './slice-protocol.js';
import { isSoundEnough, soundnessBits } from './soundness.js';

/**
 * Most functionals that the claims of one proof are pulled back through. A relation in which every value reads the one
 * before it twice would double them with every value.
 */
const MAX_FUNCTIONALS = 2n ** 20n;

/** Values of the relation in the constants' oracle, in order. */
export function constantValues(relation: Relation): ValueId[] {
  return relation.values.flatMap((v, id) => (v.kind === 'constant' ? [id] : []));
}

/** Values in the witness oracle, in order; boundary outputs are committed apart. */
export function witnessValues(relation: Relation): ValueId[] {
  const apart = new Set(relation.outputs);
  return relation.values.flatMap((v, id) => (v.kind === 'witness' && !apart.has(id) ? [id] : []));
}

/** The constants' oracle of a relation: what is committed once per program. */
export function constantsOracle(relation: Relation, preset: Preset): OracleShape | undefined {
  const ids = constantValues(relation);
  if (ids.length === 0) return undefined;
  return oracleShape(
    ids.map((id) => relation.values[id].dims),
    false,
    preset,
  );
}

/** The oracle of one boundary tensor in a commitment of its own: the same for its producer and its consumers. */
export function boundaryOracle(dims: readonly number[], preset: Preset): OracleShape {
  return oracleShape([dims], true, preset);
}

/**
 * Everything that follows from a slice's relation, the modes of its boundary tensors and the root of its constants.
 * Oracles stand in the order: constants, witness, boundary tensors in oracles of their own.
 * @throws InputError `slice-too-large` where one proof could not hold it with the preset's soundness
 */
export function sliceShape(
  relation: Relation,
  preset: Preset,
  modes: readonly BoundaryMode[],
  constantsRoot: Uint8Array | undefined,
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
  let constants: SliceShape['constants'];
  const constantShape = constantsOracle(relation, preset);
  if (constantShape && constantsRoot) {
    constants = { oracle: add(constantShape, constantValues(relation)), root: constantsRoot };
  }
  const ids = witnessValues(relation);
  const dims = ids.map((id) => relation.values[id].dims);
  const tables = relation.tables.map((t) => [tableSize(t)]);
  let witness: number | undefined;
  const multiplicities: Place[] = [];
  if (ids.length + tables.length > 0) {
    witness = add(oracleShape([...dims, ...tables], true, preset), ids);
    for (let i = 0; i < tables.length; i++) multiplicities.push({ oracle: witness, tensor: ids.length + i });
  }
  const boundary = [...relation.inputs, ...relation.outputs].map((value, i) => ({ value, mode: modes[i] }));
  for (const { value, mode } of boundary) {
    if (mode === 'merkle') add(boundaryOracle(relation.values[value].dims, preset), [value]);
  }
  const shape: SliceShape = {
    relation,
    preset,
    boundary,
    lookups: lookupTrees(relation, preset.logTree),
    oracles,
    constants,
    witness,
    places,
    multiplicities,
  };
  if (!isSoundEnough(shape)) {
    throw new InputError(
      'slice-too-large',
      `one proof of a slice this large would have ${soundnessBits(shape).bits} bits of soundness, not ${preset.minimumBits}`,
      'cut the program in more slices (--slices)',
    );
  }
  return shape;
}
