/**
 * The verifier's key: all of a program but the numbers of its constants, which stand in it as Merkle roots. Its digest is
 * the program's fingerprint, so everything that a verdict depends on, the security parameters' name included, is bound
 * by it.
 */
import { PRESETS, type Preset } from '../argument/presets.js';
import { Hasher } from '../base/blake3.js';
import { type Decoder, decodeAll, Encoder, toHex } from '../base/codec.js';
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { BoundaryTensor, Precision } from '../program/compiled.js';
import { decodeRelation, encodeRelation } from '../relation/codec.js';
import type { Relation, ValueId } from '../relation/relation.js';
import { validateRelation } from '../relation/validate.js';
import { type JoinedSlices, joinSlices } from './join.js';
import type { BoundaryMode, SliceShape } from './slice-protocol.js';
import { type CommittedConstants, ownConstants, sliceShape } from './slice-shape.js';

/** Of the protocol and of the encodings: another version is another language. */
export const PROTOCOL_VERSION = 1;

const MAGIC = 'dsperse verifier key';
export const PRECISIONS: readonly Precision[] = ['fast', 'standard', 'high'];
const PRESET_NAMES: readonly Preset['name'][] = ['standard', 'tiny'];

export interface KeySlice {
  readonly nodes: readonly string[];
  readonly relation: Relation;
  /** Merkle root of its constants, where it has any. */
  readonly constantsRoot: Uint8Array | undefined;
  /** Names of the boundary tensors, in the order of relation.inputs and relation.outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly workUnits: number;
  readonly parameters: number;
  readonly multiplications: number;
}

export interface VerifierKey {
  readonly name: string;
  readonly precision: Precision;
  readonly preset: Preset;
  readonly tensors: ReadonlyMap<string, BoundaryTensor>;
  /** Public tensors, in the model's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly slices: readonly KeySlice[];
  /** Merkle root of the constants of all slices together, where two or more have any. */
  readonly constantsRoot: Uint8Array | undefined;
}

/** The fingerprint of the program that a key belongs to: 64 hexadecimal digits. */
export function fingerprintOf(key: Uint8Array): string {
  return toHex(new Hasher().update(new TextEncoder().encode('dsperse program')).update(key).digest());
}

/** How a boundary tensor is known to the verifier: a rule, not a choice. */
export function boundaryMode(
  name: string,
  key: Pick<VerifierKey, 'inputs' | 'outputs' | 'tensors' | 'preset'>,
): BoundaryMode {
  if (key.inputs.includes(name) || key.outputs.includes(name)) return 'public';
  const tensor = key.tensors.get(name) as BoundaryTensor;
  return sizeOf(tensor.dims) <= key.preset.clearCells ? 'clear' : 'merkle';
}

/** Slices [index, index + count) as what one proof is about. */
export interface KeyUnit extends JoinedSlices {
  readonly shape: SliceShape;
}

/** Units of a key that are remembered. */
const MOST_UNITS = 32;
const known = new WeakMap<VerifierKey, Map<string, KeyUnit>>();

/** @throws InputError `slice-too-large` where one proof cannot hold them all */
export function unitOf(key: VerifierKey, index: number, count = 1): KeyUnit {
  const units = known.get(key) ?? new Map<string, KeyUnit>();
  known.set(key, units);
  const name = `${index}/${count}`;
  const unit = units.get(name) ?? makeUnit(key, index, count);
  // Those that were asked for longest ago are forgotten first.
  units.delete(name);
  units.set(name, unit);
  if (units.size > MOST_UNITS) units.delete([...units.keys()][0]);
  return unit;
}

function makeUnit(key: VerifierKey, index: number, count: number): KeyUnit {
  const slices = key.slices.slice(index, index + count);
  const [alone] = slices;
  const joined =
    count === 1
      ? { ...alone, places: [alone.relation.values.map((_, id) => id)] }
      : joinSlices(slices, (name) => isReadOutside(key, index, count, name));
  const modes = [...joined.inputs, ...joined.outputs].map((name) => boundaryMode(name, key));
  const constants = unitConstants(slices, joined.places, key);
  return { ...joined, shape: sliceShape(joined.relation, key.preset, modes, constants, count) };
}

/** What is to be known of a program to tell what passes between its slices. */
export interface SliceGraph {
  readonly outputs: readonly string[];
  readonly slices: readonly Pick<KeySlice, 'inputs' | 'outputs'>[];
}

const isReadByOthers = (key: SliceGraph, index: number, count: number, name: string): boolean =>
  key.slices.some((s, i) => (i < index || i >= index + count) && s.inputs.includes(name));

/** Whether a tensor is a public output or read by a slice other than [index, index + count). */
export function isReadOutside(key: SliceGraph, index: number, count: number, name: string): boolean {
  return key.outputs.includes(name) || isReadByOthers(key, index, count, name);
}

/** Names of the boundary tensors that one proof of slices [index, index + count) has, in the order of its relation. */
export function unitBoundary(key: SliceGraph, index: number, count: number): Pick<KeySlice, 'inputs' | 'outputs'> {
  const slices = key.slices.slice(index, index + count);
  if (slices.length === 1) return slices[0];
  const made = new Set<string>();
  const inputs = new Set<string>();
  for (const s of slices) {
    for (const name of s.inputs) if (!made.has(name)) inputs.add(name);
    for (const name of s.outputs) made.add(name);
  }
  return { inputs: [...inputs], outputs: [...made].filter((name) => isReadOutside(key, index, count, name)) };
}

/** Public outputs that slices [index, index + count) make and no other slice reads: who proves them is the first to know them. */
export const finalOutputs = (key: SliceGraph, index: number, count: number): readonly string[] =>
  unitBoundary(key, index, count).outputs.filter((name) => !isReadByOthers(key, index, count, name));

/** The constants of slices: under one root where they are all of the program's, else each under its own. */
export function unitConstants(
  slices: readonly Pick<KeySlice, 'relation' | 'constantsRoot'>[],
  places: readonly (readonly ValueId[])[],
  key: Pick<VerifierKey, 'slices' | 'constantsRoot'>,
): CommittedConstants[] {
  const own = slices.flatMap((s, i) =>
    ownConstants(s.relation, s.constantsRoot).map((c) => ({
      ...c,
      oracles: c.oracles.map((ids) => ids.map((id) => places[i][id])),
    })),
  );
  if (!key.constantsRoot || slices.length < key.slices.length) return own;
  const ownRoots = own.flatMap((c) => c.ownRoots);
  return [{ oracles: own.flatMap((c) => c.oracles), root: key.constantsRoot, ownRoots }];
}

export function encodeTensor(e: Encoder, t: BoundaryTensor): void {
  e.text(t.name).list(t.dims, (d) => e.uint(d));
  e.text(t.dtype).float(t.scale).int(t.lo).int(t.hi);
  e.uint(t.saturates ? 1 : 0);
}

export function decodeTensor(d: Decoder): BoundaryTensor {
  const tensor = {
    name: d.text(),
    dims: d.list(() => d.uint()),
    dtype: d.text(),
    scale: d.float(),
    lo: d.int(),
    hi: d.int(),
  };
  const saturates = d.uint();
  if (saturates > 1) throw d.broken(`kind of ${tensor.name}`);
  if (!(tensor.scale > 0 && Number.isFinite(tensor.scale))) throw d.broken(`scale of ${tensor.name}`);
  return saturates === 1 ? { ...tensor, saturates: true } : tensor;
}

/** @param expected number of bytes, where it is known */
export function encodeKey(key: VerifierKey, expected?: number): Uint8Array {
  const e = new Encoder(expected).text(MAGIC).uint(PROTOCOL_VERSION);
  const texts = (xs: readonly string[]) => e.list(xs, (x) => e.text(x));
  e.text(key.name).uint(PRECISIONS.indexOf(key.precision));
  encodePreset(e, key.preset);
  e.list([...key.tensors.values()], (t) => encodeTensor(e, t));
  texts(key.inputs);
  texts(key.outputs);
  e.list(key.slices, (s) => {
    texts(s.nodes);
    encodeRelation(e, s.relation, false);
    e.bytes(s.constantsRoot ?? new Uint8Array(0));
    texts(s.inputs);
    texts(s.outputs);
    e.uint(s.workUnits).uint(s.parameters).uint(s.multiplications);
  });
  return e.bytes(key.constantsRoot ?? new Uint8Array(0)).done();
}

/**
 * Reads and checks a key: that it is the one encoding of a program, each of whose slices can be proven by itself.
 * @param preset the security that the caller asks for: keys made for tests are refused by default
 * @throws InputError `broken-artifact`, `broken-relation`, `slice-too-large`, `weak-preset`, or `unknown-version` where
 *   the key is of another protocol
 */
export function decodeKey(data: Uint8Array, preset: Preset['name'] = 'standard'): VerifierKey {
  const key = readKey(data, preset);
  key.slices.forEach((_, index) => {
    unitOf(key, index);
  });
  return key;
}

/**
 * The same, for somebody who asks for the units that he needs himself (unitOf).
 * @throws InputError as decodeKey, but for `slice-too-large`
 */
export function readKey(data: Uint8Array, preset: Preset['name'] = 'standard'): VerifierKey {
  const key = decodeAll(data, 'verifier key', decodeFields);
  if (key.preset.name !== preset) {
    throw new InputError(
      'weak-preset',
      `the key is of the preset ${key.preset.name}, not ${preset}`,
      key.preset.name === 'tiny' ? 'it is for tests and proves nothing: compile the model again' : 'ask for its preset',
    );
  }
  checkKey(key);
  return key;
}

function decodeFields(d: Decoder): VerifierKey {
  const texts = () => d.list(() => d.text());
  if (d.text() !== MAGIC) throw d.broken('it is no verifier key');
  const version = d.uint();
  if (version !== PROTOCOL_VERSION) {
    throw new InputError(
      'unknown-version',
      `the key is of protocol version ${version}, this is version ${PROTOCOL_VERSION}`,
      'use a release that knows that version',
    );
  }
  const name = d.text();
  const precision = d.choice(PRECISIONS);
  const preset = decodePreset(d);
  const listed = d.list(() => decodeTensor(d));
  const tensors = new Map(listed.map((t) => [t.name, t]));
  if (tensors.size < listed.length) throw d.broken('a tensor is listed twice');
  const inputs = texts();
  const outputs = texts();
  const slices = d.list((): KeySlice => {
    const nodes = texts();
    const relation = decodeRelation(d, false);
    const constantsRoot = readRoot(d);
    return {
      nodes,
      relation,
      constantsRoot,
      inputs: texts(),
      outputs: texts(),
      workUnits: d.uint(),
      parameters: d.uint(),
      multiplications: d.uint(),
    };
  });
  return { name, precision, preset, tensors, inputs, outputs, slices, constantsRoot: readRoot(d) };
}

/** The preset's name and what of it is the program's own. */
export function encodePreset(e: Encoder, preset: Preset): void {
  e.uint(PRESET_NAMES.indexOf(preset.name)).uint(preset.programLogRow);
}

export function decodePreset(d: Decoder): Preset {
  const preset = PRESETS[d.choice(PRESET_NAMES)];
  const programLogRow = d.uint();
  if (programLogRow > preset.maxLogRow) throw d.broken('the length of its rows');
  return { ...preset, programLogRow };
}

function readRoot(d: Decoder): Uint8Array | undefined {
  const root = d.bytes();
  if (root.length !== 0 && root.length !== 32) throw d.broken('length of a root');
  return root.length === 32 ? root.slice() : undefined;
}

/** Every tensor is public or made by exactly one slice, before what reads it, in the shape and range it is declared with. */
function checkKey(key: VerifierKey): void {
  const broken = (why: string): InputError =>
    new InputError('broken-artifact', `not a valid verifier key: ${why}`, 'compile the model again');
  const made = new Set<string>(key.inputs);
  for (const name of key.inputs) if (!key.tensors.has(name)) throw broken(`input ${name}`);
  if (made.size !== key.inputs.length || key.slices.length === 0) throw broken('its inputs');
  for (const s of key.slices) {
    validateRelation(s.relation);
    const hasConstants = s.relation.values.some((v) => v.kind === 'constant');
    if (hasConstants !== (s.constantsRoot !== undefined)) throw broken('a root of constants');
    const names = [...s.inputs, ...s.outputs];
    const ids = [...s.relation.inputs, ...s.relation.outputs];
    if (s.inputs.length !== s.relation.inputs.length || s.outputs.length !== s.relation.outputs.length) {
      throw broken('names of boundary tensors');
    }
    names.forEach((name, i) => {
      const v = s.relation.values[ids[i]];
      const t = key.tensors.get(name);
      const same = t && t.lo === v.lo && t.hi === v.hi && t.dims.length === v.dims.length;
      if (!same || t.dims.some((d, k) => d !== v.dims[k])) throw broken(`tensor ${name}`);
    });
    for (const name of s.inputs) if (!made.has(name)) throw broken(`${name} is read before it is made`);
    for (const name of s.outputs) {
      if (made.has(name)) throw broken(`${name} is made twice`);
      made.add(name);
    }
  }
  const committed = key.slices.filter((s) => s.constantsRoot).length;
  if (committed >= 2 !== (key.constantsRoot !== undefined)) throw broken('the root of all constants');
  for (const name of key.outputs) if (!made.has(name) || key.inputs.includes(name)) throw broken(`output ${name}`);
}
