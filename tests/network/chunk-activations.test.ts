/** What a gateway cuts a program into, and what it tells of the values between the chunks. */
import { Arrays, type BoundaryValues } from '@dsperse/core/prove';
import { decodeKey, publicCommitment, unitBoundary } from '@dsperse/core/verify';
import { type BundledTensor, decodeBundle, digestOfBytes, type ProgramDocument } from '@dsperse/network/messages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATEWAY_DEFAULTS, type GatewayContext } from '../../packages/network/src/roles/gateway/gateway-context.js';
import { chunksOf } from '../../packages/network/src/roles/gateway/plan-chunks.js';
import {
  type ActivationJob,
  hasInnerTensors,
  runActivations,
} from '../../packages/network/src/roles/gateway/run-activations.js';
import { jobOf, proveJob, type SmallProgram, smallOrder, smallProgram } from './small-order.js';

let program: SmallProgram;
beforeAll(async () => {
  program = await smallProgram('standard');
});
afterAll(() => program.kernels.close());

describe('chunks', () => {
  const cut = async (settings: Partial<GatewayContext['settings']>) => {
    const document = {
      fingerprint: program.fingerprint,
      key: digestOfBytes(program.key),
      slices: program.slices.map(({ index, workUnits }) => ({ index, workUnits })),
    } as unknown as ProgramDocument;
    const blobs = { get: async (digest: string) => (digest === document.key ? program.key : undefined) };
    const g = { settings: { ...GATEWAY_DEFAULTS, ...settings }, blobs } as unknown as GatewayContext;
    return (await chunksOf(g, document)).map((c) => c.slices);
  };

  it('are as large as the work asked for, within the memory of a prover', async () => {
    expect(await cut({})).toEqual([[0, 1, 2]]);
    expect(await cut({ chunkWorkUnits: 1 })).toEqual([[0], [1], [2]]);
    expect(await cut({ chunkWorkUnits: 1, maxChunks: 2 })).toHaveLength(2);
    // Slices that alone are too large are given out all the same: a prover may have more memory.
    expect(await cut({ proverMemoryBytes: 1_000, maxChunks: 2 })).toEqual([[0], [1], [2]]);
  });
});

describe('activations', () => {
  const ZERO = '0'.repeat(64);
  /** Of all runs: what one leaves there the next must not see. */
  const arrays = new Arrays(2 ** 20);
  interface Change {
    readonly given?: ReadonlyMap<string, Int32Array>;
    readonly outputs?: readonly string[];
    readonly inference?: 'none';
  }
  async function run(chunks: readonly (readonly number[])[], { given, outputs, inference }: Change = {}) {
    const key = decodeKey(program.key);
    const bundles: Map<string, BundledTensor>[] = [];
    const tensors = (values: ReadonlyMap<string, Int32Array>) =>
      new Map([...values].map(([name, integers]) => [name, { values: integers, salt: ZERO }]));
    const job: ActivationJob = {
      secret: '03'.repeat(32),
      input: tensors(program.inputs),
      ...(given ? { given: tensors(given) } : {}),
      outputs: outputs ?? program.outputs,
      chunks: chunks.map((slices) => ({ slices, ...unitBoundary(key, slices[0], slices.length) })),
    };
    const slice = async (index: number) => program.slices[index];
    const infer = inference ? undefined : { kernels: program.kernels, arrays, slice };
    const found = await runActivations(job, infer, {
      chunk: async (_, bundle) => {
        bundles.push(new Map(decodeBundle(bundle)));
      },
    });
    const isInferred = hasInnerTensors(job.chunks);
    return { bundles, commitments: found.commitments, values: decodeBundle(found.values), isInferred };
  }
  const [inner, outer] = [0, 1].map((index) => () => program.slices[index].outputs[0]);
  const [output] = [() => program.outputs[0]];

  it('are told and committed to where a chunk reads them, and nowhere else', async () => {
    const { bundles, commitments, values } = await run([[0, 1], [2]]);
    expect(Object.keys(commitments).sort()).toEqual(['x', outer()].sort());
    expect([...values.keys()]).toEqual(['x']);
    expect(bundles.map((b) => [...b.keys()])).toEqual([
      ['x', outer()],
      [outer(), output()],
    ]);
    expect(bundles[1].get(outer())?.values).toEqual(program.values.get(outer()));
    const apart = await run([[0], [1], [2]]);
    expect(Object.keys(apart.commitments)).toContain(inner());
    expect(apart.commitments).toMatchObject(commitments);
  });

  it('are the input alone where there is one chunk: nothing is inferred', async () => {
    const { bundles, commitments, values, isInferred } = await run([[0, 1, 2]], { inference: 'none' });
    expect(isInferred).toBe(false);
    expect(commitments).toEqual({ x: publicCommitment(program.inputs.get('x') as Int32Array) });
    expect(bundles.map((b) => [...b.keys()])).toEqual([['x', output()]]);
    expect(values.get('x')?.values).toEqual(program.inputs.get('x'));
    await expect(run([[0, 1], [2]], { inference: 'none' })).rejects.toThrow(/nothing to do it with/);
  });

  it('that are outputs and read by a chunk too are told as public values', async () => {
    const { commitments, values } = await run([[0, 1], [2]], { outputs: [outer(), output()] });
    expect(values.get(outer())?.values).toEqual(program.values.get(outer()));
    expect(commitments[outer()]).toBe(publicCommitment(program.values.get(outer()) as Int32Array));
    expect(Object.keys(commitments)).not.toContain(output());
  });

  it('are what a prover of the chunk commits to', async () => {
    const order = smallOrder(program);
    const { bundles, commitments } = await run([[0, 1], [2]]);
    for (const chunk of [0, 1]) {
      const { statement } = await proveJob(program, { ...jobOf(program, order, chunk), boundary: bundles[chunk] });
      const final = { [output()]: publicCommitment(program.values.get(output()) as Int32Array) };
      expect({ ...commitments, ...final }).toMatchObject(statement.commitments);
    }
  });

  it('that a requester sent count where they pass between chunks: what it says of others changes nothing', async () => {
    const changed = (name: string) => {
      const wrong = program.values.get(name)?.map((x) => x ^ 1) as BoundaryValues['values'];
      return new Map([...program.values, [name, wrong] as const]);
    };
    const honest = await run([[0], [1, 2]], { given: program.values });
    for (const name of [outer(), output()]) expect(await run([[0], [1, 2]], { given: changed(name) })).toEqual(honest);
    const lied = await run([[0], [1, 2]], { given: changed(inner()) });
    expect(lied.commitments[inner()]).not.toBe(honest.commitments[inner()]);
  });
});
