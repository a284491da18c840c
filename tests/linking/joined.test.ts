/** One proof for several slices: what it shows, what it must not be taken for, and what becomes of the links around it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel } from '../../packages/core/src/program/index.js';
import {
  commitProgram,
  decodeSlicePackage,
  joinPackages,
  prepareUnit,
} from '../../packages/core/src/proof/prove-index.js';
import { encodeStatement } from '../../packages/core/src/proof/statement.js';
import { encodeKey, unitBoundary, unitOf } from '../../packages/core/src/proof/verifier-key.js';
import {
  decodeKey,
  fingerprintOf,
  type KeySlice,
  type RunProof,
  type SliceProof,
  verifyRun,
} from '../../packages/core/src/proof/verify-index.js';
import { RelationBuilder } from '../../packages/core/src/relation/builder.js';
import { type ProvenRun, proveProgram } from '../operators/prove-program.js';
import { picture, residualModel } from '../programs/residual-model.js';
import { secondOpinion } from '../soundness/bigint-verifier.js';

let kernels: Kernels;
let apart: ProvenRun;
let whole: ProvenRun;
let parts: ProvenRun;
const program = compileModel(residualModel(), { calibration: [picture(1)], slices: 'layers', precision: 'fast' });
const count = program.slices.length;

beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
  apart = proveProgram(kernels, program, picture(1));
  whole = proveProgram(kernels, program, picture(1), { joined: [count] });
  parts = proveProgram(kernels, program, picture(1), { joined: [1, 2, count - 3] });
});
afterAll(() => kernels.close());

const check = (run: RunProof, options = {}) =>
  verifyRun(whole.key, run, { fingerprint: whole.fingerprint, preset: 'tiny', ...options });
const proofOf = (p: ProvenRun, i: number): SliceProof => p.run.slices[i] as SliceProof;
const bytesOf = (p: ProvenRun): number => p.run.slices.reduce((n, s) => n + (s?.proof.length ?? 0), 0);
const replaced = (p: ProvenRun, i: number, s: SliceProof | undefined): RunProof => ({
  ...p.run,
  slices: p.run.slices.map((x, k) => (k === i ? s : x)),
});

describe('a proof of joined slices', () => {
  it('shows the same run, in fewer bytes, under the same fingerprint', () => {
    expect(count).toBeGreaterThan(4);
    expect(whole.fingerprint).toBe(apart.fingerprint);
    for (const p of [apart, parts, whole]) {
      const verdict = check(p.run);
      expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { unproven: [], linked: true } });
      expect(verdict.outputs.get('y')).toEqual(apart.values.get('y'));
    }
    expect(bytesOf(whole)).toBeLessThan(bytesOf(parts));
    expect(bytesOf(parts)).toBeLessThan(bytesOf(apart));
    expect(check(parts.run).slices.map((s) => s.provenWith)).toEqual([
      undefined,
      1,
      1,
      ...Array.from({ length: count - 3 }, () => 3),
    ]);
  });

  it('has the public tensors and those of other slices as its boundary, and no others', () => {
    expect(Object.keys(proofOf(whole, 0).statement.commitments)).toEqual(['x', 'y']);
    const known = new Set(program.slices.flatMap((s) => [...s.inputs, ...s.outputs]));
    const named = (p: ProvenRun) => new Set(p.run.slices.flatMap((s) => Object.keys(s?.statement.commitments ?? {})));
    expect(named(apart)).toEqual(known);
    expect(named(parts).size).toBeLessThan(known.size);
  });

  it('has a boundary that its slices’ names alone tell, of any stretch of them', () => {
    const key = decodeKey(whole.key, 'tiny');
    for (let index = 0; index < count; index++) {
      for (let n = 1; index + n <= count; n++) {
        const { inputs, outputs } = unitOf(key, index, n);
        expect(unitBoundary({ outputs: key.outputs, slices: key.slices }, index, n)).toMatchObject({ inputs, outputs });
      }
    }
  });

  it('is judged the same by a verifier that shares no code with it', () => {
    const key = decodeKey(whole.key, 'tiny');
    for (const p of [parts, whole]) {
      for (const s of p.run.slices) {
        if (!s) continue;
        const { shape, inputs, outputs } = unitOf(key, s.statement.index, s.statement.count);
        const names = [...inputs, ...outputs];
        const { bytes, commitments } = encodeStatement(s.statement, names) as NonNullable<
          ReturnType<typeof encodeStatement>
        >;
        const boundary = names.map((name, i) => ({
          commitment: commitments[i],
          values: p.values.get(name) as Int32Array,
          salt: new Uint8Array(32),
        }));
        expect(secondOpinion({ shape, statement: bytes, boundary, proof: s.proof })).toBe('accepted');
        const bad = s.proof.slice();
        bad[bad.length - 40] ^= 1;
        expect(secondOpinion({ shape, statement: bytes, boundary, proof: bad })).toBe('merkle-path');
      }
    }
  });

  it('is rejected with any bit of any part of it changed', () => {
    const { statement, proof } = proofOf(whole, 0);
    for (let i = 0; i < proof.length; i += 97) {
      const bad = proof.slice();
      bad[i] ^= 1 << (i % 8);
      expect(check(replaced(whole, 0, { statement, proof: bad })).verdict).toBe('rejected');
    }
    expect(check(replaced(whole, 0, { statement, proof: proof.slice(0, -1) })).verdict).toBe('rejected');
    expect(check(replaced(whole, 0, { statement, proof: Uint8Array.from([...proof, 0]) })).verdict).toBe('rejected');
    for (const change of [{ nonce: 'ff'.repeat(32) }, { prover: 'q' }, { count: count - 1 }, { index: 1 }]) {
      const bad = replaced(whole, 0, { statement: { ...statement, ...change }, proof });
      expect(check(bad).verdict).not.toBe('accepted');
    }
  });

  it('is rejected where its count is no number of slices, or written in a second way', () => {
    const one = proofOf(apart, 0);
    for (const wrong of [1, 0, -1, 2.5, count + 1, 2 ** 53, '2', null]) {
      const statement = { ...one.statement, count: wrong } as SliceProof['statement'];
      expect(check(replaced(apart, 0, { ...one, statement })).verdict).toBe('rejected');
    }
  });

  it('is rejected where its slices are each within bounds and together are not', () => {
    const range = { lo: 0, hi: 0 };
    const map = { kind: 'reshape' as const };
    const slices = ['y0', 'y1'].map((output): KeySlice => {
      const b = new RelationBuilder();
      const x = b.input('x', [1], range);
      let doubled = x;
      for (let i = 0; i < 19; i++) {
        const term = { src: doubled, coef: 1, map };
        doubled = b.linear(`d${i}`, [1], [term, term], 0, range);
      }
      b.zero(doubled);
      b.output(b.witness(output, [1], range, { kind: 'copy', src: x }));
      const sizes = { workUnits: 1, parameters: 0, multiplications: 0 };
      return { nodes: [], relation: b.build(), constantsRoot: undefined, inputs: ['x'], outputs: [output], ...sizes };
    });
    const names = ['x', 'y0', 'y1'];
    const tensors = new Map(names.map((name) => [name, { name, dims: [1], dtype: 'int32', scale: 1, ...range }]));
    const { preset, precision } = decodeKey(whole.key, 'tiny');
    const outputs = ['y0', 'y1'];
    const program = { name: 'doubled', precision, preset, tensors, inputs: ['x'], outputs, slices };
    const key = encodeKey({ ...program, constantsRoot: undefined });
    const nonce = '5a'.repeat(32);
    const commitments = Object.fromEntries(names.map((name) => [name, '00'.repeat(32)]));
    const statement = { fingerprint: fingerprintOf(key), index: 0, count: 2, nonce, prover: 'p', commitments };
    const values = new Map(names.map((name) => [name, Int32Array.of(0)]));
    const run = { nonce, values, slices: [{ statement, proof: new Uint8Array(0) }, undefined] };
    expect(verifyRun(key, run, { preset: 'tiny' })).toMatchObject({
      verdict: 'rejected',
      code: 'slice-too-large',
      path: 'slices/0/statement/count',
    });
    const { count: _, ...alone } = statement;
    const one = { ...run, slices: [{ statement: alone, proof: new Uint8Array(0) }, undefined] };
    expect(verifyRun(key, one, { preset: 'tiny' }).code).not.toBe('slice-too-large');
  });

  it('is not one of its slices, nor they it', () => {
    const { statement, proof } = proofOf(whole, 0);
    const { count: _, ...alone } = statement;
    expect(check(replaced(apart, 0, { statement: alone, proof })).verdict).toBe('rejected');
    expect(check(replaced(whole, 0, { statement, proof: proofOf(apart, 0).proof })).verdict).toBe('rejected');
    const less = { ...proofOf(parts, 1).statement, count: 3 };
    expect(check(replaced(parts, 1, { statement: less, proof: proofOf(parts, 1).proof })).verdict).toBe('rejected');
  });

  it('leaves what it does not cover unproven, and no slice proven twice', () => {
    expect(check(replaced(parts, 1, undefined))).toMatchObject({
      verdict: 'undecided',
      coverage: { unproven: [1, 2], linked: false },
    });
    expect(check(replaced(parts, 2, proofOf(apart, 2)))).toMatchObject({ verdict: 'rejected', code: 'proven-twice' });
    expect(check(replaced(whole, count - 1, proofOf(apart, count - 1))).code).toBe('proven-twice');
  });

  it('is linked to the slices around it', () => {
    const salted = proveProgram(kernels, program, picture(1), { joined: [1, 2, count - 3], salt: 8 });
    const input = proveProgram(kernels, program, picture(2), { joined: [1, 2, count - 3] });
    for (const from of [salted, input]) {
      expect(check(replaced(parts, 1, proofOf(from, 1)))).toMatchObject({ verdict: 'rejected', code: 'link' });
    }
    // A joined proof fits between single ones.
    const mixed = {
      ...apart.run,
      slices: apart.run.slices.map((s, i) => (i === 1 || i === 2 ? parts.run.slices[i] : s)),
    };
    expect(check(mixed).verdict).toBe('accepted');
  });

  it('is of constants that no prover chose', () => {
    // The same model with one weight changed: its proof under this program's name.
    const { packages } = commitProgram(kernels, program, { preset: 'tiny' });
    const decoded = packages.map((p) => decodeSlicePackage(p.bytes));
    const at = decoded.findIndex((s) => s.constants.size > 0);
    const [[id, data]] = decoded[at].constants;
    const wrong = new Map(decoded[at].constants).set(
      id,
      data.map((x, i) => (i === 0 ? x + 1 : x)),
    );
    const other = decoded.map((s, i) => (i === at ? { ...s, constants: wrong } : s));
    const key = decodeKey(whole.key, 'tiny');
    const unit = joinPackages(key, other);
    expect(unit.committed.map((c) => c.root)).toEqual([key.constantsRoot]);
    expect(() => prepareUnit(kernels, unit)).toThrow('are not those of its root');
  });
});
