/** The requester's client against a gateway that lies: it believes nothing that it cannot check. */
import { encodeSlicePackage } from '@dsperse/core/prove';
import type { SliceStatement } from '@dsperse/core/verify';
import { type Certificate, commitInput, type OrderEvent } from '@dsperse/network/messages';
import { type Client, createClient } from '@dsperse/sdk';
import { hexToBytes } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { network, prover, requester, type SmallProgram, smallProgram, thief } from '../network/small-order.js';
import { LyingGateway } from './lying-gateway.js';

let program: SmallProgram;
let gateway: LyingGateway;
let client: Client;

beforeAll(async () => {
  program = await smallProgram('standard');
});
afterAll(() => program.kernels.close());
beforeEach(async () => {
  gateway = new LyingGateway(program);
  client = await clientOf();
});

const { chainId, market, settlement } = network;
const clientOf = (account = requester) =>
  createClient({
    gatewayUrl: 'http://gateway.test',
    account,
    network: { chainId, contracts: { market, settlement } },
    fetch: gateway.fetch,
  });

const order = (change: object = {}) =>
  client.order({
    program: { fingerprint: program.fingerprint },
    input: { integers: program.inputs },
    price: { min: 10n ** 15n, max: 2n * 10n ** 15n, rampSeconds: 10 },
    deadlineSeconds: 600,
    ...change,
  });

describe('an order', () => {
  it('is committed to, sealed, followed, and verified here', async () => {
    const handle = await order();
    const events: OrderEvent[] = [];
    const result = await handle.result({ onEvent: (e) => void events.push(e), timeoutMs: 20_000 });
    expect(result).toMatchObject({ verdict: 'accepted', id: handle.id, state: 'delivered' });
    expect(events.map((e) => e.kind)).toEqual(['accepted', 'reserved', 'proven', 'proven', 'delivered']);
    // Each proof once, though events tell of it before the certificate does.
    for (const proof of result.proofs?.keys() ?? []) {
      expect(gateway.requests.filter((r) => r.endsWith(proof))).toEqual([`GET /v1/blobs/${proof}`]);
    }
    expect(result.proofs?.size).toBe(2);
    const [name] = program.outputs;
    const { data, dims } = result.outputs.get(name) as { data: Float64Array; dims: readonly number[] };
    expect(dims).toEqual([4, 8]);
    // Real numbers: each integer by one scale.
    const integers = program.values.get(name) as Int32Array;
    const at = integers.findIndex((x) => x !== 0);
    const scale = data[at] / integers[at];
    integers.forEach((x, i) => {
      expect(data[i]).toBeCloseTo(x * scale, 10);
    });
    expect(result.certified?.chunks.map((c) => c.prover)).toEqual(Array(2).fill(prover.address.toLowerCase()));
    // Not what the gateway says was spent.
    expect(result.spent).toBe(result.certified?.price);
    const { input, submitted } = gateway.takenOf(handle.id);
    const { values, salt } = input.get('x') as { values: Int32Array; salt: string };
    const commitment = submitted.order.message.inputCommitment;
    expect(commitInput(hexToBytes(`0x${salt}`), new Map([['x', values]]))).toBe(commitment);
  });

  it('of real numbers is quantised here', async () => {
    const data = Float64Array.from({ length: 32 }, (_, i) => Math.fround(Math.sin(i * 1.7)));
    const tensors = new Map([['x', { dtype: 'float32' as const, dims: [4, 8], data }]]);
    const handle = await order({ input: { tensors } });
    expect(gateway.takenOf(handle.id).input.get('x')?.values).toEqual(program.inputs.get('x'));
    const tooLarge = new Map([['x', { dtype: 'float32' as const, dims: [4, 8], data: data.map((x) => x * 1e6) }]]);
    await expect(order({ input: { tensors: tooLarge } })).rejects.toMatchObject({ code: 'out-of-range' });
  });

  it('brings its own activations: all that slices read, each under a salt of its own', async () => {
    const readSlice = (index: number) => encodeSlicePackage(program.slices[index]);
    const handle = await order({ activations: 'own', readSlice });
    const bundle = gateway.activationsOf(handle.id);
    const read = new Set(program.slices.flatMap((slice) => slice.inputs));
    expect([...bundle.keys()].sort()).toEqual([...read].sort());
    for (const [name, { values }] of bundle) expect(values, name).toEqual(program.values.get(name));
    expect(new Set([...bundle.values()].map((t) => t.salt)).size).toBe(bundle.size);
    const other = (index: number) => encodeSlicePackage(program.slices[(index + 1) % 3]);
    await expect(order({ activations: 'own', readSlice: other })).rejects.toMatchObject({ code: 'other-program' });
  });

  it('that failed is not paid for as if it were delivered', async () => {
    gateway.lies = { state: 'failed' };
    const result = await (await order()).result({ timeoutMs: 20_000 });
    expect(result).toMatchObject({ verdict: 'undecided', code: 'failed', reason: 'as the test wants it' });
    expect(result.outputs.size).toBe(0);
  });

  it('that does not end is waited for as long as was said', async () => {
    gateway.lies = { state: 'running' };
    await expect((await order()).result({ timeoutMs: 300 })).rejects.toMatchObject({
      code: 'timeout',
      retryable: true,
    });
    const stop = new AbortController();
    const waiting = (await order()).result({ signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
  });

  it('that was settled meanwhile is verified as well', async () => {
    gateway.lies = { state: 'settled' };
    expect(await (await order()).result({ timeoutMs: 20_000 })).toMatchObject({
      verdict: 'accepted',
      state: 'settled',
    });
  });
});

describe('a gateway that lies', () => {
  const judged = async () => (await order()).result({ timeoutMs: 20_000 });

  it('about an output, an input, or a tensor that is missing', async () => {
    const [name] = program.outputs;
    for (const tensor of [name, 'x']) {
      gateway.lies.values = (honest) => {
        const { values, salt } = honest.get(tensor) as { values: Int32Array; salt: string };
        return new Map(honest).set(tensor, { values: values.map((v, i) => (i === 3 ? v + 1 : v)), salt });
      };
      const result = await judged();
      expect(result, tensor).toMatchObject({ verdict: 'rejected' });
      expect(result.outputs.size).toBe(0);
      gateway.lies.values = (honest) => new Map([...honest].filter(([n]) => n !== tensor));
      expect(await judged(), tensor).not.toMatchObject({ verdict: 'accepted' });
    }
  });

  it('about what a proof shows, before the order ends: the end alone counts', async () => {
    for (const statement of [
      (s: SliceStatement) => ({ ...s, nonce: 'ab'.repeat(32) }),
      (s: SliceStatement) => ({ ...s, index: s.index + 1 }),
      (s: SliceStatement) => ({ ...s, index: 2 ** 40, commitments: {} }),
    ]) {
      gateway.lies = { statement };
      expect(await judged()).toMatchObject({ verdict: 'accepted' });
    }
    // True at first, another one in the certificate.
    const [tensor] = program.slices[1].outputs;
    gateway.lies = {
      certificate: (c) => {
        const changed = structuredClone(c) as Certificate;
        const { statement } = changed.chunks[0].delivery.proof;
        statement.commitments[tensor] = 'ab'.repeat(32);
        return changed;
      },
    };
    expect(await judged()).toMatchObject({ verdict: 'rejected' });
  });

  it('about the certificate', async () => {
    gateway.lies.certificate = (c) => ({ ...c, chunks: c.chunks.slice(1) });
    expect(await judged()).toMatchObject({ verdict: 'rejected', code: 'missing-chunk' });
    gateway.lies.certificate = () => ({ format: 'dsperse-certificate/1' });
    expect(await judged()).toMatchObject({ verdict: 'rejected', code: 'malformed' });
    const other = await order();
    gateway.lies.certificate = () => gateway.takenOf(other.id).certificate;
    expect(await judged()).toMatchObject({ verdict: 'rejected', code: 'order' });
  });

  it('about proofs', async () => {
    gateway.lies.proof = (honest) => honest.map((b, i) => (i === 100 ? b ^ 1 : b));
    expect(await judged()).toMatchObject({ verdict: 'rejected', code: 'proof-digest' });
    gateway.lies.proof = () => undefined;
    expect(await judged()).toMatchObject({ verdict: 'undecided', code: 'missing-artifact' });
  });

  it('about the program’s key, before anything is ordered', async () => {
    gateway.lies.key = (honest) => honest.map((b, i) => (i === 50 ? b ^ 1 : b));
    const tensors = new Map([['x', { dtype: 'float32' as const, dims: [4, 8], data: new Float64Array(32) }]]);
    await expect(order({ input: { tensors } })).rejects.toMatchObject({ code: 'bad-response' });
    expect(gateway.taken.size).toBe(0);
    const key = program.key.map((b, i) => (i === 50 ? b ^ 1 : b));
    const { fingerprint } = program;
    await expect(order({ program: { fingerprint, key } })).rejects.toMatchObject({ code: 'other-program' });
    await expect(order({ program: { fingerprint: 'ab'.repeat(32) } })).rejects.toMatchObject({
      code: 'unknown-program',
    });
  });

  it('about which order it took', async () => {
    gateway.lies.id = `0x${'12'.repeat(32)}`;
    await expect(order()).rejects.toMatchObject({ code: 'bad-response' });
  });
});

describe('an interrupted client', () => {
  it('goes on from what it saved, and sends an order again that never arrived', async () => {
    const saved: unknown[] = [];
    const handle = await order({
      onDrafted: (h: { save(): unknown }) => {
        // Before it is sent.
        expect(gateway.taken.size).toBe(0);
        saved.push(JSON.parse(JSON.stringify(h.save())));
      },
    });
    expect(await (await client.resume(saved[0])).result({ timeoutMs: 20_000 })).toMatchObject({
      id: handle.id,
      verdict: 'accepted',
    });
    expect(gateway.requests.filter((r) => r === 'POST /v1/orders').length).toBe(1);
    gateway.taken.clear();
    const again = await (await clientOf()).resume(saved[0]);
    expect(await again.result({ timeoutMs: 20_000 })).toMatchObject({ id: handle.id, verdict: 'accepted' });
    expect(gateway.requests.filter((r) => r === 'POST /v1/orders').length).toBe(2);
    await expect((await clientOf(thief)).resume(saved[0])).rejects.toMatchObject({ code: 'other-account' });
  });
});
