import { type Hex, zeroAddress } from 'viem';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ACTORS, startNetwork, type TestNetwork } from './testing/network.js';

const guardian = ACTORS[11];
const [, someone] = ACTORS;
let net: TestNetwork;
let snapshot: Hex;
const paused = () => net.read<boolean>('guardian', 'paused');

beforeAll(async () => {
  net = await startNetwork({
    parameters: { pauseSeconds: { value: 100n, min: 1n }, pauseCooldownSeconds: { value: 300n, min: 1n } },
  });
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

it('pauses for its time and not again before the cool-down is over', async () => {
  expect(await net.refusal(someone, 'guardian', 'pause')).toBe('NotGuardian');
  expect(await net.refusal(net.at.timelock, 'guardian', 'pause')).toBe('NotGuardian');
  await net.send(guardian, 'guardian', 'pause');
  expect(await paused()).toBe(true);
  expect(await net.refusal(guardian, 'guardian', 'pause')).toBe('CoolingDown');
  await net.pass(101);
  expect(await paused()).toBe(false);
  expect(await net.refusal(guardian, 'guardian', 'pause')).toBe('CoolingDown');
  await net.pass(300);
  await net.send(guardian, 'guardian', 'pause');
});

it('is ended early by the guardian or by vote, which buys no earlier next pause', async () => {
  expect(await net.refusal(guardian, 'guardian', 'unpause')).toBe('NotPaused');
  await net.send(guardian, 'guardian', 'pause');
  const next = await net.read<bigint>('guardian', 'nextPauseAt');
  expect(await net.refusal(someone, 'guardian', 'unpause')).toBe('NotGuardian');
  await net.send(net.at.timelock, 'guardian', 'unpause');
  expect(await paused()).toBe(false);
  expect(await net.read('guardian', 'nextPauseAt')).toBe(next);
  expect(await net.refusal(guardian, 'guardian', 'pause')).toBe('CoolingDown');
});

it('changes hands by vote, also to nobody', async () => {
  expect(await net.refusal(guardian, 'guardian', 'changeGuardian', [someone.address])).toBe(
    'OwnableUnauthorizedAccount',
  );
  await net.send(net.at.timelock, 'guardian', 'changeGuardian', [someone.address]);
  expect(await net.refusal(guardian, 'guardian', 'pause')).toBe('NotGuardian');
  await net.send(someone, 'guardian', 'pause');
  await net.send(net.at.timelock, 'guardian', 'changeGuardian', [zeroAddress]);
  expect(await net.refusal(someone, 'guardian', 'unpause')).toBe('NotGuardian');
});
