/** Parts of the requester's client that need no gateway: who it talks to, what it seals, what it keeps. */
import { toHex } from '@dsperse/core/verify';
import {
  commitInput,
  decodeBundle,
  type Endpoint,
  hashMessage,
  isSignedBy,
  type NetworkId,
  type NodeDocument,
  type ProgramDocument,
  ROLE,
  sealingContext,
  signMessage,
} from '@dsperse/network/messages';
import { open, sealingKeys } from '@dsperse/network/transport';
import { bytesToHex, hexToBytes, numberToHex, pad } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from './base64.js';
import { checkGateway, type ExpectedNetwork } from './gateway-identity.js';
import { draftOrder, programPrice, sealOrder } from './order-terms.js';
import { openSavedOrder, saveOrder } from './saved-order.js';

const [requester, operator, stranger] = [1, 2, 3].map((k) => privateKeyToAccount(pad(numberToHex(k), { size: 32 })));
const network: NetworkId = { chainId: 31337, market: stranger.address, settlement: operator.address };
const keys = sealingKeys();
const NOW = 1_800_000_000;
const GATEWAY = operator.address;

const program: ProgramDocument = {
  format: 'dsperse-network-program/1',
  name: 'p',
  fingerprint: 'ab'.repeat(32),
  protocolVersion: 1,
  key: `sha256:${'0'.repeat(64)}`,
  keyBytes: 1,
  inputs: ['x'],
  outputs: ['y'],
  slices: [0, 1].map((index) => ({
    index,
    package: `sha256:${'1'.repeat(64)}`,
    packageBytes: 1,
    workUnits: 2_500_000,
    inputs: ['x'],
    outputs: ['y'],
  })),
};
const inputs = new Map([['x', Int32Array.of(1, -2, 70_000)]]);
const terms = { price: { min: 10n, max: 100n, rampSeconds: 5 }, deadlineSeconds: 60 };
const draft = () => draftOrder(requester, network, GATEWAY, program, inputs, terms, NOW);

describe('base64', () => {
  it('is that of everybody, at every length', () => {
    for (const length of [0, 1, 2, 3, 24_572, 24_573, 24_574, 100_001]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      // As in browsers.
      expect(toBase64(bytes, null)).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }
    expect(() => fromBase64('§')).toThrow(/base64/);
  });
});

describe('an order', () => {
  it('commits to the input, is signed, and costs at most its budget', async () => {
    const { order, id, secrets } = await draft();
    const { message } = order;
    expect(message).toMatchObject({ deadline: NOW + 60, budget: 500n, fingerprint: `0x${program.fingerprint}` });
    expect(message.budget).toBe(programPrice(program, 100n));
    expect(message.inputCommitment).toBe(commitInput(hexToBytes(`0x${secrets.inputSalt}`), inputs));
    expect(hashMessage(network, 'Order', message)).toBe(id);
    expect(isSignedBy(network, 'Order', order, requester.address)).toBe(true);
    // The same order again is another: its salts are fresh.
    const again = await draft();
    expect(again.id).not.toBe(id);
    expect(again.order.message.inputCommitment).not.toBe(message.inputCommitment);
  });

  it('is refused with a falling curve, no time or no money', async () => {
    const bad = (change: object) =>
      draftOrder(requester, network, GATEWAY, program, inputs, { ...terms, ...change }, NOW);
    await expect(bad({ price: { min: 2n, max: 1n, rampSeconds: 0 } })).rejects.toMatchObject({
      code: 'bad-price-curve',
    });
    await expect(bad({ deadlineSeconds: 1.5 })).rejects.toMatchObject({ code: 'bad-deadline' });
    await expect(bad({ budget: 0n })).rejects.toMatchObject({ code: 'small-budget' });
  });

  it('is sealed to the gateway alone, input and activations apart', async () => {
    const drafted = await draft();
    const commitment = drafted.order.message.inputCommitment;
    const sealed = sealOrder(drafted, inputs, keys.publicKey, Uint8Array.of(1, 2, 3));
    const bundle = decodeBundle(open(keys.secretKey, fromBase64(sealed.input), sealingContext.input(commitment)));
    expect(bundle.get('x')).toEqual({ values: inputs.get('x'), salt: drafted.secrets.inputSalt });
    const activations = fromBase64(sealed.activations as string);
    expect(open(keys.secretKey, activations, sealingContext.activations(commitment))).toEqual(Uint8Array.of(1, 2, 3));
    expect(() => open(keys.secretKey, activations, sealingContext.input(commitment))).toThrow();
    expect(() => open(sealingKeys().secretKey, fromBase64(sealed.input), sealingContext.input(commitment))).toThrow();
    const reply = sealingKeys(hexToBytes(drafted.secrets.replySecretKey));
    expect(sealed.replyKey).toBe(bytesToHex(reply.publicKey));
    expect(JSON.stringify(sealed, (_, v) => (typeof v === 'bigint' ? String(v) : v))).not.toContain(
      drafted.secrets.inputSalt,
    );
  });
});

describe('a saved order', () => {
  it('comes back whole, over JSON', async () => {
    const hand = { ...(await draft()), inputs, activations: 'own' as const };
    const saved = JSON.parse(JSON.stringify(saveOrder(hand, 'http://gateway', network)));
    expect(openSavedOrder(saved, network)).toEqual(hand);
  });

  it('is refused where it is damaged, or of another network', async () => {
    const hand = { ...(await draft()), inputs, activations: 'gateway' as const };
    const saved = saveOrder(hand, 'http://gateway', network);
    expect(() => openSavedOrder(saved, { ...network, chainId: 1 })).toThrow(/another network/);
    const damaged: unknown[] = [
      undefined,
      'x',
      {},
      { ...saved, format: 'dsperse-order/2' },
      { ...saved, order: {} },
      { ...saved, inputSalt: 'x' },
      { ...saved, replySecretKey: toHex(new Uint8Array(32)) },
      { ...saved, inputs: undefined },
      { ...saved, inputs: toBase64(Uint8Array.of(1, 2, 3)) },
    ];
    for (const x of damaged) expect(() => openSavedOrder(x, network)).toThrow();
  });
});

describe('the gateway', () => {
  async function document(change: Partial<Endpoint> = {}, by = operator): Promise<NodeDocument> {
    const message: Endpoint = {
      operator: operator.address,
      roles: ROLE.gateway,
      url: 'http://127.0.0.1:1',
      encryptionKey: bytesToHex(keys.publicKey),
      capability: pad('0x1', { size: 32 }),
      sequence: 1,
      issuedAt: NOW,
      expiresAt: NOW + 3600,
      ...change,
    };
    return {
      endpoint: await signMessage(by, network, 'Endpoint', message),
      chainId: network.chainId,
      contracts: { market: network.market, settlement: network.settlement },
      clockMs: NOW * 1000 + 5000,
      limits: { blobBytes: 1, bodyBytes: 1 },
    };
  }
  const meet = async (d: NodeDocument | Promise<NodeDocument>, expected?: ExpectedNetwork) =>
    checkGateway(await d, NOW * 1000, expected);

  it('is whom its record says, and what inputs are sealed to', async () => {
    const { market, settlement } = network;
    const expected = { chainId: 31337, contracts: { market, settlement }, gateway: operator.address };
    expect(await meet(document(), expected)).toMatchObject({
      address: operator.address.toLowerCase(),
      encryptionKey: keys.publicKey,
      network,
      clockAheadMs: 5000,
    });
  });

  it('is refused where its record is forged, old, or no gateway’s', async () => {
    await expect(meet(document({}, stranger))).rejects.toMatchObject({ code: 'bad-record' });
    await expect(meet(document({ roles: ROLE.prover }))).rejects.toMatchObject({ code: 'not-a-gateway' });
    await expect(meet(document({ issuedAt: NOW - 9000, expiresAt: NOW - 5000 }))).rejects.toMatchObject({
      code: 'bad-record',
    });
    const late = await document({ issuedAt: NOW - 9000, expiresAt: NOW - 60 });
    const { market } = network;
    expect(await meet(late, { chainId: 31337, contracts: { market } })).toMatchObject({ clockAheadMs: 5000 });
    await expect(meet(late, { chainId: 31337, contracts: { market }, clockSkewSeconds: 59 })).rejects.toMatchObject({
      code: 'bad-record',
    });
    const honest = await document();
    const other = { ...honest.endpoint.message, encryptionKey: bytesToHex(sealingKeys().publicKey) };
    const swapped = { ...honest, endpoint: { ...honest.endpoint, message: other } };
    await expect(meet(swapped)).rejects.toMatchObject({ code: 'bad-record' });
  });

  it('is refused where it is of another network', async () => {
    const { market } = network;
    const other = { code: 'other-network' };
    await expect(meet(document(), { chainId: 1, contracts: {} })).rejects.toMatchObject(other);
    await expect(meet(document(), { chainId: 31337, contracts: { market: requester.address } })).rejects.toMatchObject(
      other,
    );
    await expect(meet(document(), { chainId: 31337, contracts: { token: market } })).rejects.toMatchObject(other);
    const gateway = stranger.address;
    await expect(meet(document(), { chainId: 31337, contracts: {}, gateway })).rejects.toMatchObject(other);
  });
});
