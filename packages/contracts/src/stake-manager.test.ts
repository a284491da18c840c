import { getAddress, type Hex, keccak256, stringToHex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROVER, VALIDATOR } from './encoding.js';
import { stakeManagerAbi } from './generated/stake-manager.js';
import { ACTORS, ALLOCATION, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';
import { joinAs, permitAs, sign } from './testing/signing.js';

const [, owner, operator, delegator, other, bountyHunter] = ACTORS;
const guardian = ACTORS[11];
const REASON = stringToHex('test', { size: 32 });
const EVIDENCE = keccak256('0x07');
const MIN = 1_000n * TOKEN;
const UNBONDING = 20_000n;

let net: TestNetwork;
let snapshot: Hex;
const balance = (who: { address: Hex } | Hex) =>
  net.read<bigint>('token', 'balanceOf', [typeof who === 'string' ? who : who.address]);
const pool = (role = VALIDATOR, who = operator) =>
  net.read<{ tokens: bigint; thawing: bigint; active: bigint; shares: bigint; commissionBps: bigint }>(
    'stake',
    'poolOf',
    [role, who.address],
  );
const worth = (who: { address: Hex }) =>
  net.read<bigint>('stake', 'stakeOf', [VALIDATOR, operator.address, who.address]);
const sharesOf = (who: { address: Hex }) =>
  net.read<bigint>('stake', 'sharesOf', [VALIDATOR, operator.address, who.address]);
const stake = (who: typeof owner, amount: bigint) =>
  net.send(who, 'stake', 'stake', [VALIDATOR, operator.address, amount]);
const undelegate = (who: typeof owner, shares: bigint) =>
  net.send(who, 'stake', 'undelegate', [VALIDATOR, operator.address, shares]);
const slash = (amount: bigint, bountyBps = 0n, beneficiary = bountyHunter.address) =>
  net.send(net.at.settlement, 'stake', 'slash', [
    VALIDATOR,
    operator.address,
    amount,
    REASON,
    EVIDENCE,
    beneficiary,
    bountyBps,
  ]);

async function register(by = owner, key = operator, role = VALIDATOR, commissionBps = 1_000n) {
  const message = { role, operator: key.address, owner: by.address };
  await net.send(by, 'stake', 'register', [
    role,
    key.address,
    commissionBps,
    await sign(net, key, 'Registration', message),
  ]);
}

beforeAll(async () => {
  net = await startNetwork({
    parameters: {
      unbondingSeconds: { value: UNBONDING, min: 1n },
      commissionDelaySeconds: { value: 1_000n, min: 1n },
      validatorStakeMin: MIN,
      proverStakeMin: 10n * TOKEN,
    },
  });
  for (const actor of [owner, delegator, other]) await net.send(actor, 'token', 'approve', [net.at.stake, 2n ** 255n]);
  await register();
  snapshot = await net.test.snapshot();
});
beforeEach(async () => {
  await net.test.revert({ id: snapshot });
  snapshot = await net.test.snapshot();
});
afterAll(() => net?.stop());

describe('register', () => {
  it('needs the operator key, for this owner, role, contract and chain', async () => {
    const args = (role: number, signature: Hex) => [role, other.address, 0n, signature];
    const message = { role: PROVER, operator: other.address, owner: owner.address };
    const good = await sign(net, other, 'Registration', message);
    const refused = async (signature: Hex, by = owner, role = PROVER) =>
      net.refusal(by, 'stake', 'register', args(role, signature));
    expect(await refused('0x')).toBe('BadOperatorSignature');
    expect(await refused(await sign(net, owner, 'Registration', message))).toBe('BadOperatorSignature');
    expect(await refused(await sign(net, other, 'Registration', message, { chainId: 1 }))).toBe('BadOperatorSignature');
    const elsewhere = { verifyingContract: net.at.market };
    expect(await refused(await sign(net, other, 'Registration', message, elsewhere))).toBe('BadOperatorSignature');
    expect(await refused(good, delegator)).toBe('BadOperatorSignature');
    expect(await refused(good, owner, VALIDATOR)).toBe('BadOperatorSignature');
    expect(await refused(good)).toBeUndefined();
    await net.send(owner, 'stake', 'register', args(PROVER, good));
    expect(await net.read('stake', 'ownerOf', [PROVER, other.address])).toBe(getAddress(owner.address));
    expect(await refused(good)).toBe('AlreadyRegistered');
  });

  it('takes the two roles, no other, and a commission within bounds', async () => {
    expect(await net.refusal(other, 'stake', 'register', [0, other.address, 0n, '0x'])).toBe('UnknownRole');
    expect(await net.refusal(other, 'stake', 'register', [3, other.address, 0n, '0x'])).toBe('UnknownRole');
    expect(await net.refusal(other, 'stake', 'register', [PROVER, other.address, 5_001n, '0x'])).toBe(
      'CommissionTooHigh',
    );
    expect(await net.refusal(other, 'stake', 'register', [PROVER, other.address, 5_000n, '0x'])).toBeUndefined();
  });

  it('is listed by pages', async () => {
    await register(owner, other, VALIDATOR);
    await register(owner, operator, PROVER);
    const page = async (role: number, from: bigint, count: bigint) =>
      (await net.read<{ operator: Hex }[]>('stake', 'pools', [role, from, count])).map((p) => p.operator);
    const keys = [operator, other].map(({ address }) => getAddress(address));
    expect(await page(VALIDATOR, 0n, 10n)).toEqual(keys);
    expect(await page(VALIDATOR, 1n, 1n)).toEqual(keys.slice(1));
    expect(await page(VALIDATOR, 2n, 5n)).toEqual([]);
    expect(await page(PROVER, 0n, 2n ** 256n - 1n)).toEqual(keys.slice(0, 1));
    expect(await net.read('stake', 'operatorCount', [VALIDATOR])).toBe(2n);
  });
});

describe('stake', () => {
  it('counts from the least stake on, in the sum too, now and at past times', async () => {
    await stake(owner, MIN - 1n * TOKEN);
    expect(await net.read('stake', 'activeStake', [VALIDATOR, operator.address])).toBe(0n);
    const before = await net.now();
    await net.pass(10);
    await stake(delegator, TOKEN);
    expect(await net.read('stake', 'activeStake', [VALIDATOR, operator.address])).toBe(MIN);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(MIN);
    const at = await net.now();
    await net.pass(10);
    await stake(delegator, TOKEN);
    for (const [time, expected] of [
      [before, 0n],
      [at, MIN],
      [at + 100n, MIN + TOKEN],
    ] as const) {
      expect(await net.read('stake', 'activeStakeAt', [VALIDATOR, operator.address, time])).toBe(expected);
      expect(await net.read('stake', 'totalActiveStakeAt', [VALIDATOR, time])).toBe(expected);
      const page = (from: bigint, count: bigint) => net.read('stake', 'activeStakesAt', [VALIDATOR, time, from, count]);
      expect(await page(0n, 10n)).toEqual([[getAddress(operator.address)], [expected]]);
      expect(await page(1n, 1n)).toEqual([[], []]);
    }
    const sum = await net.read('stake', 'sumActiveStake', [VALIDATOR, [operator.address, other.address]]);
    expect(sum).toEqual([MIN + TOKEN, MIN + TOKEN]);
  });

  it('is refused below the least amount, to unknown operators and closed pools', async () => {
    const refused = (amount: bigint, key = operator.address) =>
      net.refusal(delegator, 'stake', 'stake', [VALIDATOR, key, amount]);
    expect(await refused(TOKEN - 1n)).toBe('StakeTooSmall');
    expect(await refused(TOKEN, other.address)).toBe('NotRegistered');
    expect(await refused(ALLOCATION + 1n)).toBe('ERC20InsufficientBalance');
    await net.send(owner, 'stake', 'setClosed', [VALIDATOR, operator.address, true]);
    expect(await refused(TOKEN)).toBe('PoolClosed');
  });

  it('is made by a permit', async () => {
    const deadline = (await net.now()) + 1_000n;
    const { v, r, s } = await permitAs(net, bountyHunter, net.at.stake, TOKEN, deadline);
    const args = [VALIDATOR, operator.address, TOKEN, deadline, v, r, s];
    await net.send(bountyHunter, 'stake', 'stakeWithPermit', args);
    expect(await worth(bountyHunter)).toBe(TOKEN);
    expect(await net.refusal(bountyHunter, 'stake', 'stakeWithPermit', args)).toBe('ERC20InsufficientAllowance');
  });

  it('is stopped by a pause; undelegation and withdrawal are not', async () => {
    await stake(owner, 2n * MIN);
    const half = (await sharesOf(owner)) / 2n;
    await undelegate(owner, half);
    await net.pass(UNBONDING);
    await net.send(guardian, 'guardian', 'pause');
    expect(await net.refusal(owner, 'stake', 'stake', [VALIDATOR, operator.address, TOKEN])).toBe('Paused');
    expect(await net.refusal(other, 'stake', 'register', [PROVER, other.address, 0n, '0x'])).toBe('Paused');
    await undelegate(owner, half);
    await net.send(owner, 'stake', 'withdraw', [VALIDATOR, operator.address, 0n]);
  });

  it('stops counting when its pool is closed or suspended, and counts again after', async () => {
    await stake(owner, MIN);
    const total = () => net.read<bigint>('stake', 'totalActiveStake', [VALIDATOR]);
    for (const [by, name] of [
      [owner, 'setClosed'],
      [net.at.timelock, 'setSuspended'],
    ] as const) {
      await net.send(by, 'stake', name, [VALIDATOR, operator.address, true]);
      expect(await total()).toBe(0n);
      expect(await net.read('stake', 'slashable', [VALIDATOR, operator.address])).toBe(MIN);
      await net.send(by, 'stake', name, [VALIDATOR, operator.address, false]);
      expect(await total()).toBe(MIN);
    }
    expect(await net.refusal(delegator, 'stake', 'setClosed', [VALIDATOR, operator.address, true])).toBe('NotOwner');
    expect(await net.refusal(owner, 'stake', 'setSuspended', [VALIDATOR, operator.address, true])).toBe(
      'OwnableUnauthorizedAccount',
    );
  });

  it('is counted anew by anyone after the least stake has changed', async () => {
    await stake(owner, MIN);
    await net.send(net.at.timelock, 'parameters', 'set', [stringToHex('validatorStakeMin', { size: 32 }), MIN + 1n]);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(MIN);
    await net.send(other, 'stake', 'recount', [VALIDATOR, operator.address]);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(0n);
  });
});

describe('undelegate and withdraw', () => {
  it('pay out after the thaw, once, and only to the account', async () => {
    await stake(owner, MIN);
    await stake(delegator, MIN);
    await undelegate(delegator, (await sharesOf(delegator)) / 2n);
    expect(await pool()).toMatchObject({ tokens: (3n * MIN) / 2n, thawing: MIN / 2n, active: (3n * MIN) / 2n });
    const [thaw] = await net.read<{ id: bigint; amount: bigint; availableAt: bigint }[]>('stake', 'thawsOf', [
      VALIDATOR,
      operator.address,
      delegator.address,
    ]);
    expect(thaw).toMatchObject({ id: 0n, amount: MIN / 2n });
    const withdrawal = [VALIDATOR, operator.address, 0n];
    await net.test.setNextBlockTimestamp({ timestamp: thaw.availableAt - 1n });
    await net.test.mine({ blocks: 1 });
    expect(await net.refusal(delegator, 'stake', 'withdraw', withdrawal)).toBe('StillThawing');
    await net.pass(1);
    expect(await net.refusal(owner, 'stake', 'withdraw', withdrawal)).toBe('NoSuchThaw');
    const before = await balance(delegator);
    await net.send(delegator, 'stake', 'withdraw', withdrawal);
    expect(await balance(delegator)).toBe(before + MIN / 2n);
    expect(await net.refusal(delegator, 'stake', 'withdraw', withdrawal)).toBe('NoSuchThaw');
    expect(await net.refusal(delegator, 'stake', 'withdraw', [VALIDATOR, operator.address, 1n])).toBe('NoSuchThaw');
    expect(await net.read('stake', 'thawsOf', withdrawal.slice(0, 2).concat(delegator.address) as never)).toEqual([]);
  });

  it('take no more than the account has, and leave whatever it likes', async () => {
    await stake(owner, MIN);
    await stake(delegator, MIN);
    const all = await sharesOf(delegator);
    const refused = (who: typeof owner, shares: bigint) =>
      net.refusal(who, 'stake', 'undelegate', [VALIDATOR, operator.address, shares]);
    expect(await refused(delegator, all + 1n)).toBe('TooFewShares');
    expect(await refused(delegator, 0n)).toBe('TooFewShares');
    expect(await refused(other, 1n)).toBe('TooFewShares');
    await undelegate(delegator, all);
    await undelegate(owner, all - 1n);
    await undelegate(owner, 1n);
    expect(await pool()).toMatchObject({ tokens: 1n, shares: 0n, thawing: 2n * MIN - 1n });
    await stake(other, 5n * TOKEN);
    expect(await worth(other)).toBe(5n * TOKEN);
  });
});

describe('slash', () => {
  it('is for the settlement alone', async () => {
    await stake(owner, MIN);
    const args = [VALIDATOR, operator.address, 1n, REASON, EVIDENCE, owner.address, 0n];
    for (const actor of [owner, net.at.timelock]) {
      expect(await net.refusal(actor, 'stake', 'slash', args)).toBe('NotSettlement');
    }
  });

  it('takes from stake and from what thaws in proportion, from every delegator alike', async () => {
    await stake(owner, 2n * MIN);
    await stake(delegator, MIN);
    await undelegate(delegator, (await sharesOf(delegator)) / 2n);
    const treasury = await balance(net.at.treasury);
    const { hash } = await slash((3n * MIN) / 5n, 1_000n);
    expect(await pool()).toMatchObject({ tokens: 2n * MIN, thawing: (2n * MIN) / 5n, active: 2n * MIN });
    expect(await worth(owner)).toBe((8n * MIN) / 5n);
    expect(await worth(delegator)).toBe((2n * MIN) / 5n);
    expect(await balance(bountyHunter)).toBe(ALLOCATION + (3n * MIN) / 50n);
    expect(await balance(net.at.treasury)).toBe(treasury + (27n * MIN) / 50n);
    await net.pass(UNBONDING);
    const before = await balance(delegator);
    await net.send(delegator, 'stake', 'withdraw', [VALIDATOR, operator.address, 0n]);
    expect(await balance(delegator)).toBe(before + (2n * MIN) / 5n);
    const receipt = await net.client.getTransactionReceipt({ hash });
    const [event] = await net.client.getContractEvents({
      address: net.at.stake,
      abi: stakeManagerAbi,
      eventName: 'Slashed',
      fromBlock: receipt.blockNumber,
    });
    expect(event.args).toEqual({
      role: VALIDATOR,
      operator: getAddress(operator.address),
      reason: REASON,
      evidence: EVIDENCE,
      requested: (3n * MIN) / 5n,
      fromActive: MIN / 2n,
      fromThawing: MIN / 10n,
      beneficiary: getAddress(bountyHunter.address),
      bounty: (3n * MIN) / 50n,
    });
  });

  it('never takes more than there is, and a pool can begin again', async () => {
    await stake(owner, MIN);
    await undelegate(owner, (await sharesOf(owner)) / 4n);
    await slash(10n * MIN);
    expect(await pool()).toMatchObject({ tokens: 0n, thawing: 0n, active: 0n, shares: 0n });
    expect(await balance(net.at.treasury)).toBe(MIN);
    expect(await sharesOf(owner)).toBe(0n);
    expect(await net.refusal(owner, 'stake', 'undelegate', [VALIDATOR, operator.address, 1n])).toBe('TooFewShares');
    await stake(delegator, 2n * MIN);
    expect(await worth(delegator)).toBe(2n * MIN);
    expect(await worth(owner)).toBe(0n);
    await undelegate(delegator, (await sharesOf(delegator)) / 2n);
    await net.pass(UNBONDING);
    const before = await balance(owner);
    await net.send(owner, 'stake', 'withdraw', [VALIDATOR, operator.address, 0n]);
    expect(await balance(owner)).toBe(before);
    await net.send(delegator, 'stake', 'withdraw', [VALIDATOR, operator.address, 0n]);
    expect(await net.read('stake', 'totalTokens')).toBe(MIN);
    expect(await balance(net.at.stake)).toBe(MIN);
  });

  it('is no transfer where there is nothing to take', async () => {
    await slash(5n);
    expect(await balance(net.at.treasury)).toBe(0n);
    const unknown = [VALIDATOR, other.address, 5n, REASON, EVIDENCE, other.address, 5_000n];
    await net.send(net.at.settlement, 'stake', 'slash', unknown);
    expect(await balance(other)).toBe(ALLOCATION);
  });

  it('gives later stake its own share only', async () => {
    await stake(owner, 3n * MIN);
    await slash(MIN);
    await stake(delegator, MIN);
    // Less a unit, rounded down.
    expect(await worth(delegator)).toBe(MIN - 1n);
    expect(await worth(owner)).toBe(2n * MIN);
  });

  it('counts no more below the least stake', async () => {
    await stake(owner, MIN);
    await slash(1n);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(0n);
  });
});

describe('reward', () => {
  it('gives commission to the owner and the rest to the shares', async () => {
    await stake(owner, MIN);
    await stake(delegator, 3n * MIN);
    const before = await balance(owner);
    await net.send(other, 'stake', 'reward', [VALIDATOR, operator.address, MIN]);
    expect(await balance(owner)).toBe(before + MIN / 10n);
    // Less a unit, rounded down: of nobody's shares.
    expect(await worth(delegator)).toBe(3n * MIN + (27n * MIN) / 40n - 1n);
    expect(await worth(owner)).toBe(MIN + (9n * MIN) / 40n - 1n);
    expect(await net.read('stake', 'totalActiveStake', [VALIDATOR])).toBe(4n * MIN + (9n * MIN) / 10n);
  });

  it('goes to the owner where nobody has staked, and to no unknown pool', async () => {
    const before = await balance(owner);
    await net.send(other, 'stake', 'reward', [VALIDATOR, operator.address, 100n]);
    expect(await balance(owner)).toBe(before + 100n);
    expect(await net.refusal(other, 'stake', 'reward', [PROVER, operator.address, 1n])).toBe('NotRegistered');
  });
});

describe('commission and ownership', () => {
  it('rises after the delay and falls at once', async () => {
    const set = (bps: bigint) => net.send(owner, 'stake', 'setCommission', [VALIDATOR, operator.address, bps]);
    const now = () => net.read<bigint>('stake', 'commissionOf', [VALIDATOR, operator.address]);
    await set(3_000n);
    expect(await now()).toBe(1_000n);
    await net.pass(1_000);
    expect(await now()).toBe(3_000n);
    await set(4_000n);
    await set(2_000n);
    expect(await now()).toBe(2_000n);
    await net.pass(1_000);
    expect(await now()).toBe(2_000n);
    const refused = (who: typeof owner, bps: bigint) =>
      net.refusal(who, 'stake', 'setCommission', [VALIDATOR, operator.address, bps]);
    expect(await refused(owner, 5_001n)).toBe('CommissionTooHigh');
    expect(await refused(operator, 0n)).toBe('NotOwner');
  });

  it('hands a pool on', async () => {
    const transfer = (who: typeof owner, to: Hex) =>
      net.refusal(who, 'stake', 'transferPool', [VALIDATOR, operator.address, to]);
    expect(await transfer(operator, other.address)).toBe('NotOwner');
    expect(await transfer(owner, `0x${'00'.repeat(20)}`)).toBe('BadOwner');
    await net.send(owner, 'stake', 'transferPool', [VALIDATOR, operator.address, other.address]);
    expect(await transfer(owner, owner.address)).toBe('NotOwner');
    expect(await net.read('stake', 'ownerOf', [VALIDATOR, operator.address])).toBe(getAddress(other.address));
  });

  it('keeps the roles of one operator apart', async () => {
    await joinAs(net, operator, PROVER, 20n * TOKEN);
    await stake(owner, MIN);
    await slash(MIN);
    expect((await pool(PROVER)).active).toBe(20n * TOKEN);
    expect(await net.read('stake', 'totalActiveStake', [PROVER])).toBe(20n * TOKEN);
  });
});
