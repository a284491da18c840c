import type { SliceProof } from '@dsperse/core/verify';
import {
  canonicalBytes,
  type Delivery,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  signMessage,
} from '@dsperse/network/messages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProveChunk } from '../../packages/network/src/roles/prover/prove-chunk.js';
import { type CaseRequest, checkCase, openCaseKey } from '../../packages/network/src/roles/validator/check-case.js';
import {
  disguisedBoundary,
  fewerSlices,
  noProof,
  replayedProof,
  stolenProof,
  undisguisedFewerSlices,
  wrongOutputs,
  wrongProof,
} from './dishonest-provers.js';
import {
  accountOf,
  caseOf,
  deliveryOf,
  gateway,
  jobOf,
  lockOf,
  network,
  proveJob,
  prover,
  requester,
  type SmallOrder,
  type SmallProgram,
  sealOf,
  smallOrder,
  smallProgram,
  thief,
  word,
} from './small-order.js';

let program: SmallProgram;
let order: SmallOrder;
let proven: SliceProof;
let honest: CaseRequest;
let prove: ProveChunk;
const never = new AbortController().signal;

beforeAll(async () => {
  program = await smallProgram();
  order = smallOrder(program);
  prove = (job) => proveJob(program, job);
  proven = await prove(jobOf(program, order, 0), never);
  honest = await caseOf(program, order, 0, { proven });
});
afterAll(() => program.kernels.close());

const withDocument = (change: Partial<CaseRequest['document']>, request = honest): CaseRequest => ({
  ...request,
  document: { ...request.document, ...change },
});
const resealed = async (manifest: CaseRequest['document']['manifest']) =>
  withDocument({ manifest, seal: await sealOf(manifest) });
/** A delivery whose document was changed before it was signed. */
async function redelivered(change: (proof: Delivery['proof']) => Delivery['proof']): Promise<CaseRequest> {
  const proof = change(structuredClone(honest.document.delivery.proof));
  const message = {
    ...honest.document.delivery.receipt.message,
    proofDigest: digestAsBytes32(digestOfBytes(canonicalBytes(proof))),
  };
  return withDocument({ delivery: { receipt: await signMessage(prover, network, 'Receipt', message), proof } });
}
const withStatement = (change: Partial<Delivery['proof']['statement']>) =>
  redelivered((proof) => ({ ...proof, statement: { ...proof.statement, ...change } }));

describe('an honest case', () => {
  it('is accepted, in every chunk', async () => {
    expect(await checkCase(honest)).toEqual({ accepted: true });
    const last = await prove(jobOf(program, order, 1), never);
    expect(await checkCase(await caseOf(program, order, 1, { proven: last }))).toEqual({ accepted: true });
  });

  it('is accepted without the input, where its statement says nothing of it', async () => {
    const last = await caseOf(program, order, 1, { proven: await prove(jobOf(program, order, 1), never) });
    const values = new Map([...last.values].filter(([name]) => name !== 'x'));
    expect(values.size).toBe(last.values.size - 1);
    expect(await checkCase({ ...last, values })).toEqual({ accepted: true });
  });

  it('is accepted at the price that the curve has reached', async () => {
    const { workUnits } = order.manifest.chunks[0];
    const price = (BigInt(workUnits) * order.order.priceMax) / 1_000_000n;
    const lock = lockOf(order, 0, { price });
    const late = { ...(await caseOf(program, order, 0, { proven, lock })), now: 1_100 };
    expect(await checkCase(late)).toEqual({ accepted: true });
    expect(await checkCase({ ...late, now: 1_050 })).toEqual({ abstain: 'price', path: 'lock/price' });
  });
});

describe("the prover's fault", () => {
  const judged = async (by: ProveChunk) =>
    checkCase(await caseOf(program, order, 0, { proven: await by(jobOf(program, order, 0), never) }));

  it('is a proof that does not hold', async () => {
    expect(await judged(wrongProof(prove))).toMatchObject({ accepted: false });
    expect(await judged(noProof(prove))).toMatchObject({ accepted: false });
  });

  it('is a proof of another prover or order, whatever is written over it', async () => {
    expect(await judged(stolenProof(prove, accountOf(9).address.toLowerCase()))).toMatchObject({ accepted: false });
    expect(await judged(replayedProof(prove))).toMatchObject({ accepted: false });
    expect(await checkCase(await caseOf(program, order, 0, { proven, by: thief }))).toEqual({
      accepted: false,
      code: 'prover',
      path: 'proof/statement/prover',
    });
  });

  it('is a proof of fewer slices than the chunk has, whatever it says', async () => {
    const names = program.slices.flatMap((slice) => slice.outputs);
    expect(await judged(fewerSlices(prove, names))).toMatchObject({ accepted: false });
    expect(await judged(undisguisedFewerSlices(prove, names))).toEqual({
      accepted: false,
      code: 'slice-count',
      path: 'proof/statement/count',
    });
  });

  it('is a proof of other boundary values under the statement of the right ones', async () => {
    expect(await judged(disguisedBoundary(prove))).toMatchObject({ accepted: false, code: 'commitment' });
  });

  it('is a proof of other outputs than those that it sends and signs for', async () => {
    const last = await wrongOutputs(prove)(jobOf(program, order, 1), never);
    const honestCase = await caseOf(program, order, 1, { proven: last });
    const sent = [...(last.outputs ?? [])].map(([name, values]) => [name, { values, salt: '0'.repeat(64) }] as const);
    expect(sent.map(([name]) => name)).toEqual(program.outputs);
    const values = new Map([...order.values, ...sent]);
    expect(await checkCase({ ...honestCase, values })).toMatchObject({ accepted: false });
  });

  it('is a proof of another chunk', async () => {
    const last = await caseOf(program, order, 0, { proven: await prove(jobOf(program, order, 1), never) });
    expect(await checkCase(last)).toMatchObject({ accepted: false, code: 'slice-index' });
  });

  it.each([
    ['fingerprint', { fingerprint: 'ab'.repeat(32) }],
    ['nonce', { nonce: 'ab'.repeat(32) }],
    ['prover', { prover: accountOf(9).address.toLowerCase() }],
    ['slice-index', { index: 1 }],
    ['slice-count', { count: 3 }],
    ['slice-count', { count: undefined }],
  ])('is a statement with another %s', async (code, change) => {
    expect(await checkCase(await withStatement(change))).toMatchObject({ accepted: false, code });
  });

  it('is a commitment that the proof is not for', async () => {
    const [name] = Object.keys(proven.statement.commitments);
    const commitments = { ...proven.statement.commitments, [name]: 'ab'.repeat(32) };
    expect(await checkCase(await withStatement({ commitments }))).toMatchObject({ accepted: false });
  });

  it('is a proof that is too large, or of another length than said', async () => {
    expect(await checkCase({ ...honest, maxProofBytes: 100 })).toMatchObject({ code: 'proof-too-large' });
    const longer = await redelivered((proof) => ({ ...proof, proofBytes: proof.proofBytes + 1 }));
    expect(await checkCase(longer)).toMatchObject({ accepted: false, code: 'proof-length' });
  });
});

describe('what is not the prover’s fault is not judged', () => {
  const expectAbstention = async (request: CaseRequest, abstain: string) =>
    expect(await checkCase(request)).toMatchObject({ abstain });

  it('an order that is not signed, another one, or not reserved', async () => {
    const { order: signed } = honest.document;
    await expectAbstention(
      withDocument({ order: await signMessage(thief, network, 'Order', signed.message) }),
      'order-signature',
    );
    const other = { ...signed.message, salt: word(99) };
    await expectAbstention(withDocument({ order: await signMessage(requester, network, 'Order', other) }), 'order-id');
    for (const onChain of [
      { state: 'none', reserved: 0n, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
      { state: 'settled', reserved: 10n ** 18n, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
      { state: 'reserved', reserved: 1n, cancelRequested: false, deadline: 0, exitAt: 2 ** 40 },
    ] as const) {
      await expectAbstention({ ...honest, onChain }, 'not-reserved');
    }
  });

  it('a manifest that is not sealed, or about something else', async () => {
    const { manifest } = honest.document;
    await expectAbstention(withDocument({ manifest: { ...manifest, startedAt: 1 } }), 'manifest-seal');
    const { message } = honest.document.seal;
    await expectAbstention(
      withDocument({ seal: await signMessage(thief, network, 'Manifest', message) }),
      'manifest-seal',
    );
    await expectAbstention(await resealed({ ...manifest, fingerprint: 'ab'.repeat(32) }), 'manifest');
    await expectAbstention(await resealed({ ...manifest, chunks: manifest.chunks.slice(1) }), 'manifest');
    const [first, second] = manifest.chunks;
    const generous = [{ ...first, workUnits: first.workUnits * 2 }, second];
    await expectAbstention(await resealed({ ...manifest, chunks: generous }), 'manifest');
    const apart = [{ ...first, slices: [0, 2] }, second];
    await expectAbstention(await resealed({ ...manifest, chunks: apart }), 'manifest');
  });

  it('a manifest of another gateway than the order names, unless that one delegated to it', async () => {
    const { manifest } = honest.document;
    const seal = await sealOf(manifest, thief);
    await expectAbstention(withDocument({ seal }), 'other-gateway');
    const message = { gateway: gateway.address, to: thief.address, until: manifest.startedAt };
    const delegated = async (by: typeof thief, change: Partial<typeof message> = {}) =>
      withDocument({ seal, delegation: await signMessage(by, network, 'Delegation', { ...message, ...change }) });
    expect(await checkCase(await delegated(gateway))).toEqual({ accepted: true });
    await expectAbstention(await delegated(thief), 'other-gateway');
    await expectAbstention(await delegated(gateway, { to: prover.address }), 'other-gateway');
    await expectAbstention(await delegated(gateway, { until: manifest.startedAt - 1 }), 'other-gateway');
  });

  it('a lock or a receipt that the prover did not sign', async () => {
    const { lock, delivery } = honest.document;
    await expectAbstention(
      withDocument({ lock: await signMessage(thief, network, 'Lock', lock.message) }),
      'lock-signature',
    );
    const again = { ...lock.message, attempt: 1 };
    await expectAbstention(withDocument({ lock: await signMessage(prover, network, 'Lock', again) }), 'lock');
    const receipt = await signMessage(thief, network, 'Receipt', delivery.receipt.message);
    await expectAbstention(withDocument({ delivery: { ...delivery, receipt } }), 'receipt-signature');
    const other = await deliveryOf(order, 0, { ...proven, proof: new Uint8Array(1) });
    await expectAbstention(withDocument({ delivery: { ...delivery, proof: other.proof } }), 'receipt');
  });

  it('a proof that is delivered for another price than that of the lock', async () => {
    const dearer = hashMessage(network, 'Lock', lockOf(order, 0, { price: lockOf(order, 0).price + 1n }));
    const request = await redelivered((proof) => ({ ...proof, lock: dearer }));
    expect(await checkCase(request)).toEqual({ abstain: 'receipt', path: 'receipt/proof/lock' });
  });

  it('a price above the curve', async () => {
    const lock = lockOf(order, 0, { price: lockOf(order, 0).price * 2n });
    await expectAbstention(await caseOf(program, order, 0, { proven, lock }), 'price');
  });

  it('an input that the requester did not commit to', async () => {
    const values = new Map(honest.values);
    const x = values.get('x');
    values.set('x', { salt: 'ab'.repeat(32), values: x?.values });
    await expectAbstention({ ...honest, values }, 'input-commitment');
    values.set('x', { salt: x?.salt as string, values: x?.values?.map((n) => n + 1) });
    await expectAbstention({ ...honest, values }, 'input-commitment');
    await expectAbstention({ ...honest, values: new Map() }, 'missing-values');
  });

  it('a proof or a key that is not to be had, or a key that is not good enough', async () => {
    await expectAbstention({ ...honest, proof: undefined }, 'missing-proof');
    await expectAbstention({ ...honest, key: undefined }, 'missing-key');
    await expectAbstention({ ...honest, key: openCaseKey(program.key) }, 'unusable-key');
    await expectAbstention({ ...honest, key: openCaseKey(new Uint8Array(40)) }, 'unusable-key');
  });

  it('a valid proof that is linked to other values than the manifest says', async () => {
    const { manifest } = honest.document;
    const { outputs } = program.slices[1];
    const commitments = { ...manifest.commitments, [outputs[0]]: 'ab'.repeat(32) };
    await expectAbstention(await resealed({ ...manifest, commitments }), 'unlinked');
  });

  it('a manifest that does not say what a tensor between chunks is', async () => {
    const { manifest } = honest.document;
    const [inner] = program.slices[1].outputs;
    const { [inner]: _, ...commitments } = manifest.commitments;
    await expectAbstention(await resealed({ ...manifest, commitments }), 'unlinked');
  });

  it('public outputs that are not what the prover signed for', async () => {
    const last = await caseOf(program, order, 1, { proven: await prove(jobOf(program, order, 1), never) });
    expect(await checkCase(last)).toEqual({ accepted: true });
    const outputs = [...last.values].filter(([name]) => name !== 'x');
    expect(outputs).toHaveLength(1);
    const [[name, tensor]] = outputs;
    const values = new Map([...last.values, [name, { ...tensor, values: tensor.values?.map((n) => n + 1) }] as const]);
    await expectAbstention({ ...last, values }, 'values');
  });

  it('a chunk that no proof can hold', async () => {
    const { key } = honest;
    if (!key || 'unusable' in key) throw new Error('the key is unusable');
    const preset = { ...key.key.preset, minimumBits: 200 };
    const strict = { ...honest, key: { ...key, key: { ...key.key, preset } } };
    expect(await checkCase(strict)).toEqual({ abstain: 'manifest', path: 'manifest/chunks/0/slices' });
  });
});
