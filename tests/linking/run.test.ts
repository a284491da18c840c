/** Runs: every slice, every link, the public input and output; and what each way of cheating is called. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { compileModel, quantizeInputs } from '../../packages/core/src/program/index.js';
import {
  AcceptedSlices,
  decodeKey,
  type KeySlice,
  type RunProof,
  type SliceProof,
  type VerifierKey,
  verifyRun,
  verifyRunBy,
  verifySlice,
} from '../../packages/core/src/proof/verify-index.js';
import { buildModel, wave } from '../models/build-model.js';
import { type ProvenRun, proveProgram } from '../operators/prove-program.js';
import { picture, RESIDUAL, residualModel } from '../programs/residual-model.js';

let kernels: Kernels;
let honest: ProvenRun;
let again: ProvenRun;
let other: ProvenRun;
let key: VerifierKey;
/** Of the honest run, and of the others. */
const accepted = new AcceptedSlices();
const calibration = [picture(1), picture(2)];
const program = compileModel(residualModel(), { calibration, slices: 'layers', precision: 'fast' });

beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
  honest = proveProgram(kernels, program, picture(1));
  again = proveProgram(kernels, program, picture(1), { salt: 8 });
  other = proveProgram(kernels, program, picture(2));
  key = decodeKey(honest.key, 'tiny');
  for (const { fingerprint, run } of [honest, again, other]) {
    for (const s of run.slices as SliceProof[]) {
      expect(accepted.verify(key, fingerprint, s.statement, s.proof, run.values).verdict).toBe('accepted');
    }
  }
});
afterAll(() => kernels.close());

/** The verdict, which is the same where right proofs were verified before. */
function check(run: RunProof, options = {}) {
  const asked = { fingerprint: honest.fingerprint, preset: 'tiny' as const, ...options };
  const verdict = verifyRun(honest.key, run, asked);
  expect(verifyRunBy({ key, fingerprint: honest.fingerprint }, run, { ...asked, accepted })).toEqual(verdict);
  return verdict;
}
const slice = (p: ProvenRun, i: number): SliceProof => p.run.slices[i] as SliceProof;
const withSlice = (i: number, s: SliceProof | undefined): RunProof => ({
  ...honest.run,
  slices: honest.run.slices.map((x, k) => (k === i ? s : x)),
});

describe('a run', () => {
  it('is accepted, linked, with the outputs that it binds', () => {
    expect(program.slices.length).toBeGreaterThan(3);
    // The residual and the concatenation carry several tensors across a cut.
    expect(program.slices.some((s) => s.inputs.length > 1)).toBe(true);
    const verdict = check(honest.run);
    expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { unproven: [], linked: true } });
    expect(verdict.outputs.get('y')).toEqual(honest.values.get('y'));
    expect(verdict.slices.map((s) => s.verdict)).toEqual(program.slices.map(() => 'accepted'));
  });

  it('is rejected where the key is another program’s', () => {
    const spec = { ...RESIDUAL, initializers: { ...RESIDUAL.initializers, w2: wave([4, 4, 3, 3], 9) } };
    const twin = proveProgram(kernels, compileModel(buildModel(spec), { calibration, slices: 'layers' }), picture(1));
    expect(verifyRun(twin.key, honest.run, { fingerprint: honest.fingerprint, preset: 'tiny' })).toMatchObject({
      verdict: 'rejected',
      code: 'fingerprint',
    });
    // Without a fingerprint of the caller's, the statements still name their program.
    expect(verifyRun(twin.key, honest.run, { preset: 'tiny' })).toMatchObject({
      verdict: 'rejected',
      code: 'fingerprint',
    });
    // Proofs of the twin relabelled as this program's: the constants' roots differ.
    const relabelled = twin.run.slices.map((s) => {
      const { statement, proof } = s as SliceProof;
      return { statement: { ...statement, fingerprint: honest.fingerprint }, proof };
    });
    expect(check({ ...twin.run, slices: relabelled }).verdict).toBe('rejected');
  });

  it('is rejected where a tensor across a cut is committed differently on its two sides', () => {
    // The same numbers under another salt, and an honest slice of a run on another input.
    for (const from of [again, other]) {
      for (let i = 1; i < program.slices.length - 1; i++) {
        expect(check(withSlice(i, slice(from, i)))).toMatchObject({ verdict: 'rejected', code: 'link' });
      }
    }
  });

  it('is rejected where slices are swapped or repeated', () => {
    const [a, b] = [slice(honest, 1), slice(honest, 2)];
    const swapped = honest.run.slices.map((s, i) => (i === 1 ? b : i === 2 ? a : s));
    expect(check({ ...honest.run, slices: swapped })).toMatchObject({ verdict: 'rejected', code: 'slice-index' });
    const renamed = { statement: { ...b.statement, index: 1 }, proof: b.proof };
    expect(check(withSlice(1, renamed)).verdict).toBe('rejected');
    expect(check({ ...honest.run, slices: [...honest.run.slices, a] })).toMatchObject({ code: 'too-many-slices' });
  });

  it('is rejected when replayed under another nonce or prover', () => {
    const nonce = 'ff'.repeat(32);
    expect(check({ ...honest.run, nonce })).toMatchObject({ verdict: 'rejected', code: 'nonce' });
    const relabel = (change: object): RunProof => ({
      ...honest.run,
      ...change,
      slices: honest.run.slices.map((s) => {
        const { statement, proof } = s as SliceProof;
        return { statement: { ...statement, ...change }, proof };
      }),
    });
    expect(check(relabel({ nonce })).verdict).toBe('rejected');
    expect(check(relabel({ prover: 'q' })).verdict).toBe('rejected');
  });

  it('is rejected with any public number changed', () => {
    for (const name of ['x', 'y']) {
      const numbers = honest.run.values.get(name) as Int32Array;
      for (let i = 0; i < numbers.length; i += 5) {
        for (const step of [1, -1]) {
          const values = new Map(honest.run.values);
          values.set(
            name,
            numbers.map((x, k) => (k === i ? x + step : x)),
          );
          expect(check({ ...honest.run, values }).verdict).toBe('rejected');
        }
      }
    }
  });

  it('is rejected with public numbers of another length', () => {
    const y = honest.run.values.get('y') as Int32Array;
    for (const other of [y.slice(1), Int32Array.from([...y, 0]), new Int32Array(0)]) {
      const values = new Map(honest.run.values).set('y', other);
      expect(check({ ...honest.run, values })).toMatchObject({ verdict: 'rejected', code: 'public-values' });
    }
  });

  it('is rejected where the input is not what the caller asked about', () => {
    const asked = (seed: number) => quantizeInputs(program, picture(seed)).integers;
    expect(check(honest.run, { inputs: asked(1) }).verdict).toBe('accepted');
    expect(check(honest.run, { inputs: asked(2) })).toMatchObject({ verdict: 'rejected', code: 'input-mismatch' });
  });

  it('is undecided where pieces are missing, and names what is unproven', () => {
    const partial = withSlice(2, undefined);
    expect(check(partial)).toMatchObject({
      verdict: 'undecided',
      code: 'unproven-slices',
      coverage: { unproven: [2], linked: false },
    });
    expect(check(partial, { allowUnproven: true })).toMatchObject({
      verdict: 'accepted',
      coverage: { unproven: [2], linked: false },
    });
    const nothing = { ...honest.run, slices: [] };
    expect(check(nothing, { allowUnproven: true })).toMatchObject({ verdict: 'undecided' });
    const values = new Map([['x', honest.run.values.get('x') as Int32Array]]);
    expect(check({ ...honest.run, values })).toMatchObject({ verdict: 'undecided', code: 'missing-values' });
    // An output that no accepted slice binds is not reported.
    const last = program.slices.length - 1;
    expect(check(withSlice(last, undefined), { allowUnproven: true }).outputs.size).toBe(0);
  });

  it('rejects a wrong slice although others may be unproven', () => {
    const bad = slice(honest, 1).proof.slice();
    bad[40] ^= 1;
    const run = withSlice(1, { ...slice(honest, 1), proof: bad });
    const partial = { ...run, slices: run.slices.map((s, i) => (i === 3 ? undefined : s)) };
    expect(check(partial, { allowUnproven: true })).toMatchObject({ verdict: 'rejected' });
  });

  it('is undecided under a key that is for tests, unless the caller says so', () => {
    expect(verifyRun(honest.key, honest.run)).toMatchObject({ verdict: 'undecided', code: 'weak-preset' });
  });

  it('takes no key for another that it has read before, whatever array its bytes come in', () => {
    const room = honest.key.slice();
    const verdict = () => verifyRun(room, honest.run, { preset: 'tiny' });
    expect(verdict()).toMatchObject({ verdict: 'accepted', fingerprint: honest.fingerprint });
    // The same array, with a constant's root of another program in it.
    const { constantsRoot } = decodeKey(honest.key, 'tiny').slices.find((s) => s.constantsRoot) as KeySlice;
    const at = Buffer.from(room).indexOf(constantsRoot as Uint8Array);
    expect(at).toBeGreaterThan(0);
    room[at] ^= 1;
    const { fingerprint } = verdict();
    expect(fingerprint).not.toBe(honest.fingerprint);
    expect(verdict()).toMatchObject({ verdict: 'rejected', code: 'fingerprint' });
    // Nor where the statements name that program, at which the proofs do not hold.
    const slices = honest.run.slices.map((s) => {
      const { statement, proof } = s as SliceProof;
      return { statement: { ...statement, fingerprint }, proof };
    });
    expect(verifyRun(room, { ...honest.run, slices }, { preset: 'tiny' }).verdict).toBe('rejected');
    // Weak ones stay refused, and those that were forgotten are read again.
    expect(verifyRun(honest.key, honest.run).code).toBe('weak-preset');
    for (let i = 1; i < 8; i++) {
      room[at] = honest.key[at] ^ i;
      expect(verifyRun(room, honest.run, { preset: 'tiny' }).verdict).toBe('rejected');
    }
    expect(check(honest.run).verdict).toBe('accepted');
  });

  it('gives a verdict on any key and any statement', () => {
    for (let i = 0; i < honest.key.length; i += 7) {
      const key = honest.key.slice();
      key[i] ^= 1 << (i % 8);
      expect(verifyRun(key, honest.run, { preset: 'tiny' }).verdict).not.toBe('accepted');
      expect(verifyRun(key.subarray(0, i), honest.run, { preset: 'tiny' }).verdict).not.toBe('accepted');
    }
    const statements: unknown[] = [
      undefined,
      null,
      42,
      [],
      {},
      { ...slice(honest, 1).statement, commitments: null },
      { ...slice(honest, 1).statement, commitments: { ...slice(honest, 1).statement.commitments, more: '00' } },
      { ...slice(honest, 1).statement, nonce: 7 },
      { ...slice(honest, 1).statement, prover: 'x'.repeat(10_000) },
      { ...slice(honest, 1).statement, index: -1 },
    ];
    for (const statement of statements) {
      const run = withSlice(1, { statement, proof: slice(honest, 1).proof } as SliceProof);
      expect(check(run).verdict).not.toBe('accepted');
    }
  });
});

describe('proofs that were verified before', () => {
  const shown = (
    change: Partial<SliceProof & { values: RunProof['values']; fingerprint: string; key: VerifierKey }>,
  ) => {
    const { statement, proof } = slice(honest, 0);
    const all = { key, fingerprint: honest.fingerprint, statement, proof, values: honest.run.values, ...change };
    const memory = new AcceptedSlices();
    memory.verify(key, honest.fingerprint, statement, proof, honest.run.values);
    const verdict = memory.verify(all.key, all.fingerprint, all.statement, all.proof, all.values);
    expect(verdict).toEqual(verifySlice(all.key, all.fingerprint, all.statement, all.proof, all.values));
    return verdict.verdict;
  };

  it('are known again only by all that they rest on', () => {
    const { statement, proof } = slice(honest, 0);
    expect(shown({})).toBe('accepted');
    expect(shown({ proof: proof.slice() })).toBe('accepted');
    const bent = proof.slice();
    bent[bent.length - 1] ^= 1;
    expect(shown({ proof: bent })).toBe('rejected');
    expect(shown({ proof: proof.slice(1) })).toBe('rejected');
    for (const change of [{ nonce: 'ab'.repeat(32) }, { prover: 'q' }, { index: 1 }, { commitments: {} }]) {
      expect(shown({ statement: { ...statement, ...change } }), JSON.stringify(change)).toBe('rejected');
    }
    const x = honest.run.values.get('x') as Int32Array;
    expect(shown({ values: new Map([['x', x.map((n, i) => (i === 0 ? n + 1 : n))]]) })).toBe('rejected');
    expect(shown({ values: new Map() })).toBe('undecided');
    expect(shown({ fingerprint: 'ab'.repeat(32) })).toBe('rejected');
    const twin = { ...key, slices: [...key.slices].reverse() };
    expect(shown({ key: twin })).not.toBe('accepted');
  });

  it('are remembered as they were, not as their bytes became', () => {
    const { statement, proof } = slice(honest, 0);
    const memory = new AcceptedSlices();
    const bytes = proof.slice();
    const values = new Map(honest.run.values);
    const x = (values.get('x') as Int32Array).slice();
    values.set('x', x);
    expect(memory.verify(key, honest.fingerprint, statement, bytes, values).verdict).toBe('accepted');
    bytes[40] ^= 1;
    expect(memory.verify(key, honest.fingerprint, statement, bytes, values).verdict).toBe('rejected');
    bytes[40] ^= 1;
    x[0] ^= 1;
    expect(memory.verify(key, honest.fingerprint, statement, bytes, values).verdict).toBe('rejected');
  });

  it('that were rejected are not remembered', () => {
    const { statement, proof } = slice(honest, 1);
    const memory = new AcceptedSlices();
    const bent = proof.slice();
    bent[40] ^= 1;
    for (let i = 0; i < 2; i++) {
      expect(memory.verify(key, honest.fingerprint, statement, bent, honest.run.values).verdict).toBe('rejected');
    }
  });
});
