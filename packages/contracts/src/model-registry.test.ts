import { getAddress, type Hex, keccak256, zeroAddress, zeroHash } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ACTORS, startNetwork, type TestNetwork } from './testing/network.js';

const [, owner, other] = ACTORS;
const guardian = ACTORS[11];
const [MODEL, SECOND, DIGEST] = ['0x01', '0x02', '0x03'].map((bytes) => keccak256(bytes as Hex));
let net: TestNetwork;
let snapshot: Hex;
const active = (fingerprint = MODEL) => net.read<boolean>('models', 'isActive', [fingerprint]);
const refused = (by: typeof owner | Hex, name: string, ...args: unknown[]) => net.refusal(by, 'models', name, args);

beforeAll(async () => {
  net = await startNetwork();
  await net.send(owner, 'models', 'register', [MODEL, 1, DIGEST, 5n]);
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

it('registers a program once, under an active version', async () => {
  expect(await net.read('models', 'modelOf', [MODEL])).toMatchObject({
    owner: getAddress(owner.address),
    protocolVersion: 1,
    retired: false,
    manifestDigest: DIGEST,
    priceHint: 5n,
  });
  expect(await active()).toBe(true);
  expect(await refused(other, 'register', MODEL, 1, DIGEST, 5n)).toBe('ModelExists');
  expect(await refused(other, 'register', SECOND, 2, DIGEST, 5n)).toBe('VersionNotActive');
  expect(await refused(other, 'register', zeroHash, 1, DIGEST, 5n)).toBe('BadModel');
  expect(await refused(other, 'register', SECOND, 1, zeroHash, 5n)).toBe('BadModel');
  await net.send(other, 'models', 'register', [SECOND, 1, DIGEST, 0n]);
  expect(await net.read('models', 'fingerprints', [0n, 10n])).toEqual([MODEL, SECOND]);
  expect(await net.read('models', 'fingerprints', [1n, 1n])).toEqual([SECOND]);
  expect(await net.read('models', 'fingerprints', [2n, 1n])).toEqual([]);
  expect(await net.read('models', 'modelCount')).toBe(2n);
});

it('lets its owner change the price hint and retire it, governance retire and assign it', async () => {
  expect(await refused(other, 'setPriceHint', MODEL, 9n)).toBe('NotModelOwner');
  expect(await refused(owner, 'setPriceHint', SECOND, 9n)).toBe('UnknownModel');
  await net.send(owner, 'models', 'setPriceHint', [MODEL, 9n]);
  expect(await refused(other, 'retire', MODEL)).toBe('NotModelOwner');
  expect(await refused(owner, 'assign', MODEL, other.address)).toBe('OwnableUnauthorizedAccount');
  expect(await refused(net.at.timelock, 'assign', MODEL, zeroAddress)).toBe('BadModel');
  await net.send(net.at.timelock, 'models', 'assign', [MODEL, other.address]);
  expect(await refused(owner, 'setPriceHint', MODEL, 1n)).toBe('NotModelOwner');
  await net.send(net.at.timelock, 'models', 'retire', [MODEL]);
  expect(await active()).toBe(false);
  expect(await refused(owner, 'register', MODEL, 1, DIGEST, 5n)).toBe('ModelExists');
});

it('retires a version with all of its programs', async () => {
  expect(await refused(owner, 'registerVersion', 2, DIGEST)).toBe('OwnableUnauthorizedAccount');
  expect(await refused(owner, 'retireVersion', 1)).toBe('OwnableUnauthorizedAccount');
  await net.send(net.at.timelock, 'models', 'registerVersion', [2, DIGEST]);
  expect(await refused(net.at.timelock, 'registerVersion', 2, DIGEST)).toBe('VersionExists');
  await net.send(net.at.timelock, 'models', 'retireVersion', [1]);
  expect(await refused(net.at.timelock, 'retireVersion', 1)).toBe('VersionNotActive');
  expect(await active()).toBe(false);
  await net.send(owner, 'models', 'register', [SECOND, 2, DIGEST, 0n]);
  expect(await active(SECOND)).toBe(true);
  expect(await net.read('models', 'versions')).toEqual([1, 2]);
  expect(await net.read('models', 'versionOf', [2])).toMatchObject({ verifierDigest: DIGEST, retired: false });
});

it('takes nothing new during a pause', async () => {
  await net.send(guardian, 'guardian', 'pause');
  expect(await refused(owner, 'register', SECOND, 1, DIGEST, 5n)).toBe('Paused');
  await net.send(owner, 'models', 'retire', [MODEL]);
});
