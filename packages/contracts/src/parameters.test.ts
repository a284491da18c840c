import { type Hex, stringToHex, toHex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PARAMETERS } from './parameters.js';
import { ACTORS, startNetwork, type TestNetwork } from './testing/network.js';

const [, someone] = ACTORS;
const key = (name: string) => stringToHex(name, { size: 32 });
const FEE = key('feeBps');
const STEP = 100n;
let net: TestNetwork;
let snapshot: Hex;
const set = (value: bigint, name = FEE) => net.send(net.at.timelock, 'parameters', 'set', [name, value]);
const refused = (value: bigint, name = FEE, by: typeof someone | Hex = net.at.timelock) =>
  net.refusal(by, 'parameters', 'set', [name, value]);
const get = (name = FEE) => net.read<bigint>('parameters', 'get', [name]);

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      parameterStepSeconds: { value: STEP, min: 1n },
      feeBps: { value: 1_000n, min: 100n, max: 3_000n, maxStepBps: 2_000n },
      feeBurnBps: 0n,
    },
  });
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('set', () => {
  it('is for the timelock alone', async () => {
    for (const actor of [someone, ACTORS[0], net.at.settlement]) {
      expect(await refused(1_001n, FEE, actor)).toBe('OwnableUnauthorizedAccount');
    }
  });

  it('stays within one step of the present value, up and down', async () => {
    expect(await refused(1_201n)).toBe('StepTooLarge');
    expect(await refused(799n)).toBe('StepTooLarge');
    expect(await refused(800n)).toBeUndefined();
    await set(1_200n);
    expect(await get()).toBe(1_200n);
    await net.pass(STEP);
    expect(await refused(1_441n)).toBe('StepTooLarge');
    expect(await refused(1_440n)).toBeUndefined();
  });

  it('stays within the bounds, and takes its time between steps', async () => {
    for (let value = 1_000n; value < 3_000n; ) {
      value = value * 12n > 30_000n ? 3_000n : (value * 12n) / 10n;
      await set(value);
      expect(await refused(value - 1n)).toBe('ChangedTooSoon');
      await net.pass(STEP);
    }
    expect(await refused(3_001n)).toBe('OutOfBounds');
    expect(await refused(2n ** 256n - 1n)).toBe('OutOfBounds');
    expect(await refused(99n)).toBe('OutOfBounds');
  });

  it('moves a value of zero by one', async () => {
    const burn = key('feeBurnBps');
    expect(await refused(2n, burn)).toBe('StepTooLarge');
    await set(1n, burn);
    expect(await get(burn)).toBe(1n);
  });

  it('refuses a name that is not defined', async () => {
    expect(await refused(1n, key('feebps'))).toBe('UnknownParameter');
    expect(await net.refusal(someone, 'parameters', 'get', [key('feebps')])).toBe('UnknownParameter');
    expect(await net.refusal(someone, 'parameters', 'getAt', [key('feebps'), 5n])).toBe('UnknownParameter');
  });

  it('leaves past values readable', async () => {
    const before = await net.now();
    await net.pass(STEP);
    await set(1_100n);
    const changed = await net.now();
    await net.pass(STEP);
    await set(1_200n);
    const at = (time: bigint) => net.read<bigint>('parameters', 'getAt', [FEE, time]);
    expect(await at(0n)).toBe(1_000n);
    expect(await at(before)).toBe(1_000n);
    expect(await at(changed - 1n)).toBe(1_000n);
    expect(await at(changed)).toBe(1_100n);
    expect(await at(changed + STEP - 1n)).toBe(1_100n);
    expect(await at(changed + 10_000n)).toBe(1_200n);
  });
});

describe('add', () => {
  const definition = { name: key('new'), value: 5n, min: 1n, max: 9n, maxStepBps: 10_000n };
  it('defines what is new, within its bounds, by the timelock', async () => {
    const adding = (d: object, by: typeof someone | Hex = net.at.timelock) => net.refusal(by, 'parameters', 'add', [d]);
    expect(await adding(definition, someone)).toBe('OwnableUnauthorizedAccount');
    expect(await adding({ ...definition, name: FEE })).toBe('ParameterExists');
    expect(await adding({ ...definition, value: 10n })).toBe('OutOfBounds');
    expect(await adding({ ...definition, min: 9n, max: 1n })).toBe('BadDefinition');
    expect(await adding({ ...definition, maxStepBps: 0n })).toBe('BadDefinition');
    expect(await adding({ ...definition, max: 2n ** 208n })).toBe('SafeCastOverflowedUintDowncast');
    await net.send(net.at.timelock, 'parameters', 'add', [definition]);
    expect(await get(definition.name)).toBe(5n);
    const names = await net.read<Hex[]>('parameters', 'names');
    expect(names).toEqual([...PARAMETERS.map(({ name }) => key(name)), definition.name]);
    const [listed, values] = await net.read<[Hex[], bigint[]]>('parameters', 'all');
    expect([listed.length, values.at(-1)]).toEqual([names.length, 5n]);
  });
});

describe('freeze', () => {
  it('is for the freezer, and ends', async () => {
    expect(await net.refusal(net.at.timelock, 'parameters', 'freeze')).toBe('NotFreezer');
    await net.send(net.at.settlement, 'parameters', 'freeze');
    expect(await refused(1_001n)).toBe('ParametersFrozen');
    const until = await net.read<bigint>('parameters', 'frozenUntil');
    await net.pass(until - (await net.now()));
    expect(await refused(1_001n)).toBeUndefined();
    // Again only after a pause of the same length: votes always find an open door.
    await net.send(net.at.settlement, 'parameters', 'freeze');
    expect(await net.read('parameters', 'frozenUntil')).toBe(until);
    await net.pass(10);
    await net.send(net.at.settlement, 'parameters', 'freeze');
    expect(await net.read<bigint>('parameters', 'frozenUntil')).toBeGreaterThan(until);
    expect(await refused(1_001n)).toBe('ParametersFrozen');
    await net.pass(10);
    expect(await net.refusal(someone, 'parameters', 'changeFreezer', [someone.address])).toBe(
      'OwnableUnauthorizedAccount',
    );
    await net.send(net.at.timelock, 'parameters', 'changeFreezer', [toHex(0, { size: 20 })]);
    expect(await net.refusal(net.at.settlement, 'parameters', 'freeze')).toBe('NotFreezer');
  });
});
