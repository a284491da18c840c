/**
 * A slice package: all that a remote prover needs besides the boundary values. Self-contained and immutable; it is named
 * by its digest.
 */
import type { Preset } from '../argument/presets.js';
import { Hasher } from '../base/blake3.js';
import { type Decoder, decodeCanonical, Encoder, fromHex, toHex } from '../base/codec.js';
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import { type Integers, integersAt, NARROW_FROM, type Width } from '../base/integers.js';
import type { BoundaryTensor } from '../program/compiled.js';
import { decodeRelation, encodeRelation } from '../relation/codec.js';
import type { Relation, ValueId } from '../relation/relation.js';
import { validateRelation } from '../relation/validate.js';
import type { BoundaryMode } from './slice-protocol.js';
import { constantValues } from './slice-shape.js';
import { decodePreset, decodeTensor, encodePreset, encodeTensor, PROTOCOL_VERSION } from './verifier-key.js';

const MAGIC = 'dsperse slice';
const MODES: readonly BoundaryMode[] = ['public', 'clear', 'merkle'];
const WIDTHS = [1, 2, 4] as const;

export interface SlicePackage {
  /** Of the program, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly index: number;
  readonly preset: Preset;
  readonly nodes: readonly string[];
  readonly relation: Relation;
  readonly constants: ReadonlyMap<ValueId, Integers>;
  readonly constantsRoot: Uint8Array | undefined;
  /** Names of the boundary tensors, in the order of relation.inputs and relation.outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The boundary tensors, by name. */
  readonly tensors: ReadonlyMap<string, BoundaryTensor>;
  /** How each is known to the verifier: inputs, then outputs. */
  readonly modes: readonly BoundaryMode[];
  readonly workUnits: number;
}

/** The name of a package: BLAKE3 of its bytes, 64 hexadecimal digits. */
export const digestOf = (bytes: Uint8Array): string => toHex(new Hasher().update(bytes).digest());

/** @param expected number of bytes, where it is known */
export function encodeSlicePackage(p: SlicePackage, expected?: number): Uint8Array {
  const e = new Encoder(expected).text(MAGIC).uint(PROTOCOL_VERSION);
  const texts = (xs: readonly string[]) => e.list(xs, (x) => e.text(x));
  e.raw(fromHex(p.fingerprint, 32) as Uint8Array).uint(p.index);
  encodePreset(e, p.preset);
  texts(p.nodes);
  encodeRelation(e, p.relation, true);
  for (const id of constantValues(p.relation)) encodeNumbers(e, p.constants.get(id) as Integers);
  e.bytes(p.constantsRoot ?? new Uint8Array(0));
  texts(p.inputs);
  texts(p.outputs);
  for (const name of [...p.inputs, ...p.outputs]) encodeTensor(e, p.tensors.get(name) as BoundaryTensor);
  for (const m of p.modes) e.uint(MODES.indexOf(m));
  return e.uint(p.workUnits).done();
}

/** @throws InputError `broken-artifact`, `broken-relation` or `unknown-version` */
export function decodeSlicePackage(data: Uint8Array): SlicePackage {
  return decodeCanonical(data, 'slice package', readPackage, encodeSlicePackage);
}

function readPackage(d: Decoder): SlicePackage {
  const texts = () => d.list(() => d.text());
  if (d.text() !== MAGIC) throw d.broken('it is no slice package');
  const version = d.uint();
  if (version !== PROTOCOL_VERSION) {
    throw new InputError(
      'unknown-version',
      `the slice package is of protocol version ${version}, this is version ${PROTOCOL_VERSION}`,
      'use a release that knows that version',
    );
  }
  const fingerprint = toHex(d.raw(32));
  const index = d.uint();
  const preset = decodePreset(d);
  const nodes = texts();
  const relation = decodeRelation(d, true);
  validateRelation(relation);
  const constants = new Map(
    constantValues(relation).map((id) => [id, decodeNumbers(d, sizeOf(relation.values[id].dims))]),
  );
  const root = d.bytes();
  if (root.length !== (constants.size > 0 ? 32 : 0)) throw d.broken('length of a root');
  const inputs = texts();
  const outputs = texts();
  if (inputs.length !== relation.inputs.length || outputs.length !== relation.outputs.length) {
    throw d.broken('names of boundary tensors');
  }
  const names = [...inputs, ...outputs];
  const tensors = new Map(
    names.map((name, i) => {
      const t = decodeTensor(d);
      const id = i < inputs.length ? relation.inputs[i] : relation.outputs[i - inputs.length];
      if (t.name !== name || sizeOf(t.dims) !== sizeOf(relation.values[id].dims)) throw d.broken(`tensor ${name}`);
      return [name, t] as const;
    }),
  );
  const modes = names.map(() => d.choice(MODES));
  const workUnits = d.uint();
  const constantsRoot = root.length === 32 ? root.slice() : undefined;
  return {
    fingerprint,
    index,
    preset,
    nodes,
    relation,
    constants,
    constantsRoot,
    inputs,
    outputs,
    tensors,
    modes,
    workUnits,
  };
}

/** Numbers at the least of 1, 2 and 4 bytes that holds them all, two's complement, little-endian. */
function encodeNumbers(e: Encoder, data: Integers): void {
  const width = leastWidth(data);
  e.uint(WIDTHS.indexOf(width)).fill(width * data.length, (out) => {
    if (width === data.BYTES_PER_ELEMENT) {
      out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return;
    }
    const view = new DataView(out.buffer, out.byteOffset);
    for (let i = 0; i < data.length; i++) {
      if (width === 1) view.setInt8(i, data[i]);
      else view.setInt16(2 * i, data[i], true);
    }
  });
}

function leastWidth(data: Integers): Width {
  if (data instanceof Int8Array) return 1;
  let bits = 0;
  if (data instanceof Int16Array) for (let i = 0; i < data.length; i++) bits |= data[i] ^ (data[i] >> 31);
  else for (let i = 0; i < data.length; i++) bits |= data[i] ^ (data[i] >> 31);
  return bits < 2 ** 7 ? 1 : bits < 2 ** 15 ? 2 : 4;
}

/** Many numbers are kept at the width that they are encoded at. */
function decodeNumbers(d: Decoder, count: number): Integers {
  const width = d.choice(WIDTHS);
  const { buffer } = new Uint8Array(d.raw(width * count));
  const data = integersAt(buffer, 0, count, width);
  return count < NARROW_FROM && width < 4 ? Int32Array.from(data) : data;
}
