import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESETS } from '../argument/presets.js';
import { InputError } from '../base/errors.js';
import { at, axis, identityMap, RelationBuilder } from '../relation/builder.js';
import type { Relation } from '../relation/relation.js';
import { decodeKey, encodeKey, fingerprintOf, readKey, type VerifierKey } from './verifier-key.js';
import { verifyRun } from './verify-run.js';

const range = { lo: -8, hi: 7 };

/** A relation with values, maps, tables and generators of every kind. */
function everyKind(): Relation {
  const b = new RelationBuilder();
  const x = b.input('x', [2, 3], range);
  const w = b.constant('w', [3, 300], new Int32Array(900).fill(1));
  const product = b.contract('product', [2, 300], x, w, [3], [axis(0), axis(2)], [axis(2), axis(1)]);
  const q = b.witness('q', [2, 300], { lo: -64, hi: 63 }, { kind: 'quotient', src: product, shift: 3 });
  const terms = [
    { src: product, coef: 1, map: identityMap(2) },
    { src: q, coef: -8, map: identityMap(2) },
  ];
  b.lookup(b.rangeTable(3), b.linear('rest', [2, 300], terms, 4));
  const table = b.functionTable('half', -64, () => Int32Array.from({ length: 128 }, (_, i) => (i - 64) >> 1));
  const y = b.witness('y', [2, 300], { lo: -32, hi: 31 }, { kind: 'table', src: q, table });
  b.lookup(table, q, y);
  const limb = b.witness('limb', [2, 300], { lo: 0, hi: 7 }, { kind: 'limb', src: y, shift: 1, bits: 3 });
  const root = b.witness('root', [2, 300], { lo: 0, hi: 7 }, { kind: 'sqrt', src: limb });
  const ratio = b.witness('ratio', [2, 300], { lo: 0, hi: 7 }, { kind: 'divide', num: limb, den: root });
  const flat = b.linear('flat', [600], [{ src: ratio, coef: 1, map: { kind: 'reshape' } }]);
  const some = b.linear('some', [2], [{ src: flat, coef: 3, map: { kind: 'gather', axis: 0, index: [599, -1] } }]);
  const sums = b.linear(
    'sums',
    [2],
    [{ src: y, coef: 1, map: { kind: 'affine', sums: [300], axes: [at(1), axis(1)] } }],
  );
  const both = [some, sums].map((src) => ({ src, coef: 1, map: identityMap(1) }));
  b.zero(b.linear('zero', [2], both));
  b.output(b.witness('out', [2, 300], { lo: -32, hi: 31 }, { kind: 'copy', src: y }));
  return b.build();
}

/** A program of one slice, from x to y. */
function programOf(relation: Relation): VerifierKey {
  const hasConstants = relation.values.some((v) => v.kind === 'constant');
  const slice = {
    nodes: ['node'],
    relation,
    constantsRoot: hasConstants ? new Uint8Array(32).fill(200) : undefined,
    inputs: ['x'],
    outputs: ['y'],
    workUnits: 1,
    parameters: 2,
    multiplications: 300,
  };
  const tensors = [...relation.inputs, ...relation.outputs].map((id, i) => {
    const { dims, lo, hi } = relation.values[id];
    return { name: 'xy'[i], dims, dtype: 'int32', scale: 0.5, lo, hi };
  });
  return {
    name: 'program',
    precision: 'standard',
    preset: PRESETS.tiny,
    tensors: new Map(tensors.map((t) => [t.name, t])),
    inputs: ['x'],
    outputs: ['y'],
    slices: [slice],
    constantsRoot: undefined,
  };
}

const honest = encodeKey(programOf(everyKind()));

/** The key in some bytes; undefined where they hold none. */
function keyIn(bytes: Uint8Array): VerifierKey | undefined {
  try {
    return readKey(bytes, 'tiny');
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return undefined;
  }
}

const spliced = (bytes: Uint8Array, from: number, count: number, by: readonly number[]): Uint8Array =>
  Uint8Array.from([...bytes.subarray(0, from), ...by, ...bytes.subarray(from + count)]);

describe('a verifier key', () => {
  it('is read as it was written', () => {
    const key = decodeKey(honest, 'tiny');
    expect(encodeKey(key)).toEqual(honest);
    expect(key.slices[0].relation.values.map((v) => v.kind)).toEqual(everyKind().values.map((v) => v.kind));
  });

  it('is the only encoding of what it holds, whatever is changed of it', () => {
    let read = 0;
    const bytesOf = fc.array(fc.oneof(fc.constantFrom(0, 1, 127, 128, 129, 255), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(fc.nat(honest.length), fc.nat(3), bytesOf, (from, count, by) => {
        const bytes = spliced(honest, from, count, by);
        const key = keyIn(bytes);
        if (!key) return;
        read++;
        expect(encodeKey(key)).toEqual(bytes);
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('takes no number that is written longer than it is, no name of a value and no tensor twice', () => {
    const last = honest.length - 1;
    expect(honest[last]).toBe(0);
    expect(keyIn(spliced(honest, last, 1, [128, 0]))).toBeUndefined();
    // The first value: its kind, an input, and the length of its name.
    const first = honest.findIndex((_, i) => [0, 0, 2, 2, 3].every((byte, k) => honest[i + k] === byte));
    expect(keyIn(spliced(honest, first + 1, 1, [1, 65]))).toBeUndefined();
    const program = programOf(everyKind());
    const twice = encodeKey({
      ...program,
      tensors: new Map([...program.tensors, ['z', program.tensors.get('x')]]),
    } as VerifierKey);
    expect(keyIn(twice)).toBeUndefined();
    const marked = encodeKey({ ...program, name: '\ufeffprogram' });
    expect(keyIn(marked)?.name).toBe('\ufeffprogram');
  });

  it('with a slice that no proof can hold is refused, and decides nothing about a proof of it', () => {
    const b = new RelationBuilder();
    const x = b.input('x', [1], range);
    let doubled = x;
    const map = { kind: 'affine' as const, sums: [], axes: [at(0)] };
    for (let i = 0; i < 21; i++) {
      const term = { src: doubled, coef: 1, map };
      doubled = b.linear(`d${i}`, [1], [term, term], 0, range);
    }
    b.zero(doubled);
    b.output(b.witness('y', [1], range, { kind: 'copy', src: x }));
    const key = encodeKey(programOf(b.build()));
    const code = 'slice-too-large';
    expect(() => decodeKey(key, 'tiny')).toThrow(expect.objectContaining({ code }));
    const commitments = { x: '00'.repeat(32), y: '00'.repeat(32) };
    const nonce = '5a'.repeat(32);
    const statement = { fingerprint: fingerprintOf(key), index: 0, nonce, prover: 'p', commitments };
    const values = new Map(['x', 'y'].map((name) => [name, Int32Array.of(0)]));
    const run = { nonce, values, slices: [{ statement, proof: new Uint8Array(0) }] };
    expect(verifyRun(key, run, { preset: 'tiny' })).toMatchObject({
      verdict: 'undecided',
      code,
      path: 'slices/0/statement/index',
    });
  });
});
