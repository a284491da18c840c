/** Stake of operators: registering, adding, thawing, withdrawing. The owner's account sends, the operator's key signs once. */
import { PROVER, REGISTRATION_TYPES, VALIDATOR } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import { type Address, formatEther, type Hex } from 'viem';
import type { LocalAccount } from 'viem/accounts';
import type { ChainAccess } from './chain-access.js';

export type StakingRole = 'prover' | 'validator';
export const roleNumber = (role: StakingRole): 1 | 2 => (role === 'prover' ? PROVER : VALIDATOR);
export const roleName = (role: number): StakingRole => (role === PROVER ? 'prover' : 'validator');

/** Allows an owner to register this operator. */
export function signRegistration(
  operator: Pick<LocalAccount, 'address' | 'signTypedData'>,
  chain: ChainAccess,
  role: StakingRole,
  owner: Address,
): Promise<Hex> {
  return operator.signTypedData({
    domain: { name: 'DSperse', version: '1', chainId: chain.chainId, verifyingContract: chain.addressOf('stake') },
    types: REGISTRATION_TYPES,
    primaryType: 'Registration',
    message: { role: roleNumber(role), operator: operator.address, owner },
  });
}

/** @param commissionBps of what delegators' stake earns, in basis points */
export async function registerOperator(
  chain: ChainAccess,
  role: StakingRole,
  operator: Address,
  commissionBps: number,
  signature: Hex,
): Promise<Hex> {
  const receipt = await chain.send('stake', 'register', [roleNumber(role), operator, BigInt(commissionBps), signature]);
  return receipt.transactionHash;
}

/** Stakes on an operator: the owner's own, or a delegation; in one transaction, by a signed permit. */
export async function addStake(chain: ChainAccess, role: StakingRole, operator: Address, amount: bigint): Promise<Hex> {
  const { deadline, v, r, s } = await chain.permit(chain.addressOf('stake'), amount);
  const args = [roleNumber(role), operator, amount, deadline, v, r, s] as const;
  return (await chain.send('stake', 'stakeWithPermit', args)).transactionHash;
}

/**
 * Starts the thawing of an amount; of all where it is not given. It can be withdrawn after `unbondingSeconds`.
 * @throws InputError `nothing-staked`, `too-much`
 */
export async function undelegate(
  chain: ChainAccess,
  role: StakingRole,
  operator: Address,
  amount: bigint | 'all',
): Promise<Hex> {
  const key = [roleNumber(role), operator, chain.account.address] as const;
  const [shares, worth] = await Promise.all([
    chain.read('stake', 'sharesOf', key),
    chain.read('stake', 'stakeOf', key),
  ]);
  if (shares === 0n) {
    const hint = 'use the key that staked there: `--keystore`';
    throw new InputError('nothing-staked', `${chain.account.address} has staked nothing with ${operator}`, hint);
  }
  if (amount !== 'all' && amount > worth) {
    throw new InputError('too-much', `only ${formatEther(worth)} tokens are staked there`, 'take less, or all');
  }
  // Rounded up, so that at least the amount leaves.
  const part = amount === 'all' || worth === 0n ? shares : (shares * amount + worth - 1n) / worth;
  return (await chain.send('stake', 'undelegate', [roleNumber(role), operator, part])).transactionHash;
}

export interface Thaw {
  readonly id: bigint;
  readonly amount: bigint;
  /** Seconds since 1970. */
  readonly availableAt: number;
}

export async function thawsOf(
  chain: ChainAccess,
  role: StakingRole,
  operator: Address,
  account: Address,
): Promise<Thaw[]> {
  const open = await chain.read('stake', 'thawsOf', [roleNumber(role), operator, account]);
  return open.map(({ id, amount, availableAt }) => ({ id, amount, availableAt: Number(availableAt) }));
}

/** Withdraws all that has thawed. @returns token units */
export async function withdrawThawed(chain: ChainAccess, role: StakingRole, operator: Address): Promise<bigint> {
  const now = await chain.now();
  let sum = 0n;
  for (const { id, amount, availableAt } of await thawsOf(chain, role, operator, chain.account.address)) {
    if (BigInt(availableAt) > now) continue;
    await chain.send('stake', 'withdraw', [roleNumber(role), operator, id]);
    sum += amount;
  }
  return sum;
}

export interface StakePool {
  readonly role: StakingRole;
  readonly operator: Address;
  readonly owner: Address;
  /** Token units, all of them. */
  readonly tokens: bigint;
  readonly thawing: bigint;
  readonly active: bigint;
  readonly commissionBps: number;
  readonly closed: boolean;
  readonly suspended: boolean;
}

const POOLS_PER_CALL = 100n;

/** All pools of a role. */
export async function stakePools(chain: ChainAccess, role: StakingRole): Promise<StakePool[]> {
  const found: StakePool[] = [];
  for (let from = 0n; ; from += POOLS_PER_CALL) {
    const page = await chain.read('stake', 'pools', [roleNumber(role), from, POOLS_PER_CALL]);
    found.push(...page.map((p) => ({ ...p, role, commissionBps: Number(p.commissionBps) })));
    if (BigInt(page.length) < POOLS_PER_CALL) return found;
  }
}

export interface StakeLoss {
  readonly role: StakingRole;
  readonly operator: Address;
  readonly block: bigint;
  readonly transaction: Hex;
  /** Seconds since 1970. */
  readonly at: number;
  /** By name: `epoch-penalty`, `wrong-attestation`, `equivocated-verdict`, `equivocated-epoch`; else the bytes. */
  readonly reason: string;
  readonly evidence: Hex;
  readonly requested: bigint;
  readonly fromActive: bigint;
  readonly fromThawing: bigint;
  readonly bounty: bigint;
  /** Of an epoch's penalties. */
  readonly epoch?: number;
}

/** Everything that was taken of an operator's stake, oldest first. */
export async function stakeLosses(chain: ChainAccess, operator: Address, role?: StakingRole): Promise<StakeLoss[]> {
  const args = { operator, ...(role ? { role: roleNumber(role) } : {}) };
  const [slashes, penalties, names] = await Promise.all([
    chain.events('stake', 'Slashed', args),
    chain.events('settlement', 'Penalised', args),
    reasonNames(chain),
  ]);
  return Promise.all(
    slashes.map(async ({ args: s, blockNumber, transactionHash }) => {
      const penalty = penalties.find(
        (p) => p.transactionHash === transactionHash && p.args.role === s.role && p.args.evidence === s.evidence,
      );
      const block = await chain.publicClient.getBlock({ blockNumber });
      return {
        role: roleName(s.role),
        operator: s.operator,
        block: blockNumber,
        transaction: transactionHash,
        at: Number(block.timestamp),
        reason: names.get(s.reason) ?? s.reason,
        evidence: s.evidence,
        requested: s.requested,
        fromActive: s.fromActive,
        fromThawing: s.fromThawing,
        bounty: s.bounty,
        ...(penalty ? { epoch: Number(penalty.args.epoch) } : {}),
      };
    }),
  );
}

async function reasonNames(chain: ChainAccess): Promise<ReadonlyMap<Hex, string>> {
  const known = {
    EPOCH_PENALTY: 'epoch-penalty',
    WRONG_ATTESTATION: 'wrong-attestation',
    EQUIVOCATED_VERDICT: 'equivocated-verdict',
    EQUIVOCATED_EPOCH: 'equivocated-epoch',
  } as const;
  const names = Object.keys(known) as (keyof typeof known)[];
  const values = await Promise.all(names.map((name) => chain.read('settlement', name, [])));
  return new Map(names.map((name, i) => [values[i], known[name]]));
}
