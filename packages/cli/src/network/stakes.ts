/** What `dsperse stake register | add | delegate | undelegate | withdraw | status` do. */
import { InputError } from '@dsperse/core/graph';
import { toJson } from '@dsperse/network/messages';
import {
  addStake,
  type ChainAccess,
  registerOperator,
  roleNumber,
  type StakePool,
  signRegistration,
  stakePools,
  thawsOf,
  undelegate,
  withdrawThawed,
} from '@dsperse/sdk';
import pc from 'picocolors';
import type { Outcome } from '../commands/command.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { formatAmount, formatTokens, parseAmount } from './amounts.js';
import { formatTime } from './identifiers.js';
import { findNetwork, type NetworkPlace, openAccount, openChain } from './network-access.js';
import { ownerKeyOf, parseRole, type StakeOptions, type StakeSubject, subjectOf } from './stake-options.js';

interface Session {
  readonly place: NetworkPlace;
  readonly subject: StakeSubject;
  readonly chain: ChainAccess;
}

/** @param key of the local network that signs; that of the operator's owner otherwise */
async function session(options: StakeOptions, key?: string): Promise<Session> {
  const place = findNetwork(options);
  const subject = await subjectOf(options, place);
  const identity = await openAccount(options, place, key ?? ownerKeyOf(subject));
  return { place, subject, chain: await openChain(place, identity) };
}

export async function register(options: StakeOptions): Promise<Outcome> {
  const commissionBps = parseCommission(options.commission ?? '0');
  const { place, subject, chain } = await session(options);
  const { role, operator } = subject;
  const keystore = options.operatorKeystore;
  if (keystore === undefined && subject.name === undefined) {
    const hint = 'give --operator-keystore: the operator signs that this owner may register it';
    throw new InputError('usage', 'the operator’s key is not given', hint);
  }
  const passwordFile = options.operatorPasswordFile;
  const words = { ...(keystore ? { keystore } : {}), ...(passwordFile ? { passwordFile } : {}) };
  const { account } = await openAccount(words, place, subject.name ?? 'operator');
  if (account.address.toLowerCase() !== operator.toLowerCase()) {
    throw new InputError(
      'other-account',
      `the operator's keystore is of ${account.address}`,
      `give that of ${operator}`,
    );
  }
  const signature = await signRegistration(account, chain, role, chain.account.address);
  const transaction = await registerOperator(chain, role, operator, commissionBps, signature);
  return poolOutcome(chain, subject, transaction);
}

/** Percent with up to two decimals, as basis points. @throws InputError `usage` */
export function parseCommission(text: string): number {
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?%?$/.exec(text.trim());
  const bps = match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : 10_001;
  if (bps <= 10_000) return bps;
  throw new InputError('usage', `--commission ${text} is not understood`, 'write a percentage from 0 to 100, like 2.5');
}

export async function addOwn(amount: string, options: StakeOptions): Promise<Outcome> {
  const units = parseAmount('the amount', amount);
  const { subject, chain } = await session(options);
  const owner = await chain.read('stake', 'ownerOf', [roleNumber(subject.role), subject.operator]);
  if (owner.toLowerCase() !== chain.account.address.toLowerCase()) {
    const hint = BigInt(owner) === 0n ? 'register it first' : '`dsperse stake delegate` stakes on any operator';
    throw new InputError('not-yours', `${subject.operator} is not registered by ${chain.account.address}`, hint);
  }
  return poolOutcome(chain, subject, await addStake(chain, subject.role, subject.operator, units));
}

export async function delegate(amount: string, options: StakeOptions): Promise<Outcome> {
  const units = parseAmount('the amount', amount);
  const { subject, chain } = await session(options, 'requester');
  return poolOutcome(chain, subject, await addStake(chain, subject.role, subject.operator, units));
}

export async function thaw(amount: string, options: StakeOptions): Promise<Outcome> {
  const units = amount === 'all' ? amount : parseAmount('the amount', amount);
  const { subject, chain } = await session(options);
  return poolOutcome(chain, subject, await undelegate(chain, subject.role, subject.operator, units));
}

export async function withdrawAll(options: StakeOptions): Promise<Outcome> {
  const { subject, chain } = await session(options);
  const { role, operator } = subject;
  const withdrawn = await withdrawThawed(chain, role, operator);
  const thawing = await thawsOf(chain, role, operator, chain.account.address);
  const next = thawing.map((t) => `${formatTokens(t.amount)} at ${formatTime(t.availableAt)}`);
  return {
    document: toJson({ role, operator, withdrawn, thawing }) as object,
    text: renderFacts([
      ['withdrawn', formatTokens(withdrawn)],
      ['still thawing', next.join(', ') || 'nothing'],
    ]),
  };
}

export async function status(options: StakeOptions): Promise<Outcome> {
  const place = findNetwork(options);
  const chain = await openChain(place);
  if (options.operator !== undefined) return poolOutcome(chain, await subjectOf(options, place));
  const roles = options.role === undefined ? (['prover', 'validator'] as const) : [parseRole(options.role)];
  const pools = (await Promise.all(roles.map((role) => stakePools(chain, role)))).flat();
  const table = renderTable(
    [
      { title: 'role' },
      { title: 'operator' },
      { title: 'active', align: 'right' },
      { title: 'thawing', align: 'right' },
      { title: 'commission', align: 'right' },
      { title: 'owner' },
      { title: 'remark' },
    ],
    pools.map((p) => [
      p.role,
      p.operator,
      pc.bold(formatAmount(p.active)),
      formatAmount(p.thawing),
      `${p.commissionBps / 100}%`,
      p.owner,
      remarkOf(p),
    ]),
  );
  return { document: { pools: toJson(pools) }, text: pools.length === 0 ? 'nobody has registered' : table };
}

const remarkOf = (p: Pick<StakePool, 'closed' | 'suspended'>): string =>
  [p.closed ? 'closed to others' : '', p.suspended ? 'suspended' : ''].filter(Boolean).join(', ');

/** @param transaction what the chain's account has sent: its open withdrawals are shown then, else the owner's */
async function poolOutcome(chain: ChainAccess, subject: StakeSubject, transaction?: string): Promise<Outcome> {
  const { role, operator } = subject;
  const key = [roleNumber(role), operator] as const;
  const [pool, least, delaySeconds] = await Promise.all([
    chain.read('stake', 'poolOf', key),
    chain.read('parameters', 'get', [nameOf(role === 'prover' ? 'proverStakeMin' : 'validatorStakeMin')]),
    chain.read('parameters', 'get', [nameOf('unbondingSeconds')]),
  ]);
  const { owner, tokens, thawing, active, closed, suspended } = pool;
  const whose = transaction === undefined ? owner : chain.account.address;
  const thaws = BigInt(whose) === 0n ? [] : await thawsOf(chain, role, operator, whose);
  const described = { role, operator, owner, tokens, thawing, active, least, closed, suspended, thaws, transaction };
  return {
    document: toJson(described) as object,
    text: renderFacts([
      ['operator', `${operator}, ${role}`],
      ['owner', BigInt(owner) === 0n ? 'not registered' : owner],
      ['active', `${formatTokens(active)}, at least ${formatTokens(least)} are needed`],
      ['thawing', `${formatTokens(thawing)}; it takes ${delaySeconds} s`],
      ...thaws.map((t): [string, string] => ['', `${formatTokens(t.amount)} at ${formatTime(t.availableAt)}`]),
      ...(remarkOf(pool) ? [['remark', remarkOf(pool)] as const] : []),
      ...(transaction === undefined ? [] : [['transaction', transaction] as const]),
    ]),
  };
}

/** A parameter's name as the contract has it. */
const nameOf = (name: string): `0x${string}` => `0x${Buffer.from(name.padEnd(32, '\0')).toString('hex')}`;
