import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { type Address, type Hex, zeroHash } from 'viem';
import { accountKey, operatorKey, VALIDATOR } from '../../encoding.js';
import { type EpochRootMessage, type Leaf, leafHash, orderLeaf } from '../signing.js';
import { mint, schedule, unschedule } from './emission.js';
import { type Digests, payFromPool, settleOrder } from './market.js';
import { reward, slash } from './stake.js';
import { BPS, type Handler, isPaused, type Model, type ModelEpoch, need } from './state.js';

interface Located {
  readonly epoch: bigint;
  readonly leaf: Leaf;
  readonly proof: Hex[];
}
interface VerdictMessage {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly proofDigest: Hex;
  readonly accepted: boolean;
  readonly validator: Address;
}

const open = (m: Model, now: bigint, epoch: bigint): ModelEpoch => {
  const e = m.epochs.get(epoch);
  need(e !== undefined && !e.cancelled && now < e.finalAt, 'not open');
  return e;
};
const final = (m: Model, now: bigint, epoch: bigint): ModelEpoch => {
  const e = m.epochs.get(epoch);
  need(e !== undefined && !e.cancelled && now >= e.finalAt, 'not final');
  return e;
};
const isIn = (root: Hex, leaf: Leaf, proof: readonly Hex[]) =>
  SimpleMerkleTree.verify(root, leafHash(leaf), [...proof]);

function cancel(m: Model, now: bigint, e: ModelEpoch) {
  e.cancelled = true;
  m.lastRoot = e.previous;
  unschedule(m);
  const last = m.settleBy[m.settleBy.length - 1];
  last.until = now;
}

function noteSettleBy(m: Model, e: ModelEpoch) {
  const until = e.finalAt + m.parameter('settleGraceSeconds');
  const last = m.settleBy.find(({ at }) => at === e.postedAt);
  if (last) last.until = until;
  else m.settleBy.push({ at: e.postedAt, until });
}

function convict(m: Model, now: bigint, hunter: Address, e: ModelEpoch) {
  cancel(m, now, e);
  for (const signer of e.signers) {
    const pool = m.poolOf(VALIDATOR, signer);
    const amount = pool ? ((pool.tokens + pool.thawing) * m.parameter('wrongAttestationBps')) / BPS : 0n;
    slash(m, VALIDATOR, signer, amount, { to: hunter, bps: m.parameter('bountyBps') });
  }
}

function punish(m: Model, hunter: Address, key: string, validator: Address | undefined) {
  need(!m.usedEvidence.has(key), 'used');
  const pool = validator && m.poolOf(VALIDATOR, validator);
  const amount = pool ? ((pool.tokens + pool.thawing) * m.parameter('equivocationBps')) / BPS : 0n;
  need(amount > 0n && validator !== undefined, 'nothing to slash');
  m.usedEvidence.add(key);
  slash(m, VALIDATOR, validator, amount, { to: hunter, bps: m.parameter('bountyBps') });
}

function due(m: Model, now: bigint, epoch: bigint, key: Hex, cumulative: bigint, proof: Hex[]): bigint {
  const e = final(m, now, epoch);
  need(isIn(e.root, { kind: 2n, a: key, b: cumulative, c: zeroHash }, proof), 'not in tree');
  const owed = cumulative - (m.claimed.get(key) ?? 0n);
  need(owed > 0n && m.pool > 0n, 'nothing');
  return owed;
}

export function settlementHandlers(digests: Digests): Record<string, Handler> {
  return {
    post(m, { now }, message: EpochRootMessage, signatures: Hex[]) {
      need(message.epoch >= m.nextEpoch && message.epoch <= m.nextEpoch + m.parameter('skippedEpochsMax'), 'sequence');
      const last = m.epochs.get(m.lastPosted);
      need(!last || last.cancelled || now >= last.finalAt, 'pending');
      need(message.previous === m.lastRoot, 'previous');
      const digest = digests.epochRoot(message);
      const signers = signatures.map((signature) => m.recover(digest, signature));
      let stake = 0n;
      for (const [i, signer] of signers.entries()) {
        need(signer !== undefined, 'signature');
        need(i === 0 || BigInt(signer) > BigInt(signers[i - 1] ?? 0), 'ascending');
        stake += m.poolOf(VALIDATOR, signer)?.active ?? 0n;
      }
      need(stake * 3n > m.totalActive(VALIDATOR) * 2n, 'quorum');
      const promise = schedule(m, now, message.closedAt, message.minted, message.spent);
      const held = isPaused(m, now);
      const epoch: ModelEpoch = {
        root: message.root,
        previous: message.previous,
        signers: signers as Address[],
        postedAt: now,
        finalAt: (held ? m.pausedUntil : now) + m.parameter('challengeSeconds'),
        cancelled: false,
        held,
        spent: message.spent,
        minted: message.minted,
        issued: 0n,
        settled: 0n,
      };
      promise();
      const freeze = m.parameter('parameterFreezeSeconds');
      if (now >= m.frozenUntil + freeze) m.frozenUntil = now + freeze;
      m.epochs.set(message.epoch, epoch);
      m.nextEpoch = message.epoch + 1n;
      m.lastPosted = message.epoch;
      m.lastRoot = message.root;
      noteSettleBy(m, epoch);
    },
    hold(m, { now }, epoch: bigint) {
      const e = open(m, now, epoch);
      need(!e.held && isPaused(m, now), 'cannot hold');
      e.held = true;
      const until = m.pausedUntil + m.parameter('challengeSeconds');
      if (until > e.finalAt) e.finalAt = until;
      noteSettleBy(m, e);
    },
    release(m, { now }, epoch: bigint) {
      const e = open(m, now, epoch);
      const from = m.pausedUntil > e.postedAt ? m.pausedUntil : e.postedAt;
      const finalAt = from + m.parameter('challengeSeconds');
      need(e.held && !isPaused(m, now) && finalAt < e.finalAt, 'cannot release');
      e.finalAt = finalAt;
      noteSettleBy(m, e);
    },
    cancel(m, { now, sender }, epoch: bigint) {
      need(sender === m.at.timelock, 'timelock');
      cancel(m, now, open(m, now, epoch));
    },
    challengeOrder(m, { now, sender }, located: Located, signers: Address[]) {
      const e = open(m, now, located.epoch);
      need(isIn(e.root, located.leaf, located.proof), 'not in tree');
      const order = m.orders.get(located.leaf.a);
      const faulty = !order || order.state === 'settled' || located.leaf.b > order.budget;
      need(located.leaf.kind === 1n && faulty, 'no fault');
      need(signers.join() === e.signers.join(), 'signers');
      convict(m, now, sender, e);
    },
    challengePair(m, { now, sender }, first: Located, second: Located, signers: Address[]) {
      const e = open(m, now, second.epoch);
      const before = m.epochs.get(first.epoch);
      need(before !== undefined && !before.cancelled && isIn(before.root, first.leaf, first.proof), 'not in tree');
      need(isIn(e.root, second.leaf, second.proof), 'not in tree');
      const [a, b] = [first.leaf, second.leaf];
      need(a.kind === b.kind && a.a === b.a && first.epoch <= second.epoch, 'no fault');
      if (first.epoch === second.epoch) need(a.b !== b.b || a.c !== b.c, 'no fault');
      else need(a.kind === 1n || b.b < a.b, 'no fault');
      need(signers.join() === e.signers.join(), 'signers');
      convict(m, now, sender, e);
    },
    proveEpochEquivocation(m, { sender }, a: EpochRootMessage, sa: Hex, b: EpochRootMessage, sb: Hex) {
      const [da, db] = [digests.epochRoot(a), digests.epochRoot(b)];
      const signer = m.recover(da, sa);
      need(da !== db && a.epoch === b.epoch && signer !== undefined && signer === m.recover(db, sb), 'none');
      punish(m, sender, `epoch:${signer}:${a.epoch}`, signer);
    },
    proveVerdictEquivocation(m, { sender }, a: VerdictMessage, sa: Hex, b: VerdictMessage, sb: Hex) {
      const subject = (v: VerdictMessage) => `verdict:${v.validator}:${v.order}:${v.chunk}:${v.attempt}`;
      need(subject(a) === subject(b), 'none');
      need(a.accepted !== b.accepted || a.proofDigest !== b.proofDigest, 'none');
      need(m.recover(digests.verdict(a), sa) === a.validator, 'none');
      need(m.recover(digests.verdict(b), sb) === a.validator, 'none');
      punish(m, sender, subject(a), a.validator);
    },
    settleOrders(
      m,
      { now },
      epoch: bigint,
      leaves: { order: Hex; spent: bigint; delivered: boolean }[],
      proofs: Hex[][],
    ) {
      const e = final(m, now, epoch);
      need(leaves.length === proofs.length, 'lengths');
      for (const [i, { order, spent, delivered }] of leaves.entries()) {
        need(isIn(e.root, orderLeaf(order, spent, delivered), proofs[i]), 'not in tree');
      }
      for (const { order, spent } of leaves) if (settleOrder(m, order, spent)) e.settled += spent;
      const due = e.settled >= e.spent ? e.minted : (e.minted * e.settled) / e.spent;
      if (due > e.issued) mint(m, due - e.issued);
      if (due > e.issued) e.issued = due;
    },
    claim(m, { now }, epoch: bigint, account: Address, cumulative: bigint, proof: Hex[]) {
      const key = accountKey(account);
      const paid = payFromPool(m, account, due(m, now, epoch, key, cumulative, proof));
      m.claimed.set(key, (m.claimed.get(key) ?? 0n) + paid);
    },
    claimToPool(m, { now }, epoch: bigint, role: number, operator: Address, cumulative: bigint, proof: Hex[]) {
      const key = operatorKey(role, operator);
      const owed = due(m, now, epoch, key, cumulative, proof);
      const pool = m.poolOf(role, operator);
      need(pool !== undefined, 'unknown pool');
      const paid = payFromPool(m, m.at.settlement, owed);
      m.claimed.set(key, (m.claimed.get(key) ?? 0n) + paid);
      reward(m, now, m.at.settlement, pool, paid);
    },
    penalise(
      m,
      { now },
      epoch: bigint,
      operator: Address,
      role: number,
      cumulative: bigint,
      evidence: Hex,
      proof: Hex[],
    ) {
      const e = final(m, now, epoch);
      const key = operatorKey(role, operator);
      need(isIn(e.root, { kind: 3n, a: key, b: cumulative, c: evidence }, proof), 'not in tree');
      const done = m.penalised.get(key) ?? { sum: 0n, epoch: 0n };
      need(cumulative > done.sum && epoch > done.epoch, 'nothing');
      const pool = m.poolOf(role, operator);
      const most = pool ? ((pool.tokens + pool.thawing) * m.parameter('penaltyMaxBps')) / BPS : 0n;
      const amount = cumulative - done.sum < most ? cumulative - done.sum : most;
      need(amount > 0n, 'nothing');
      m.penalised.set(key, { sum: done.sum + amount, epoch });
      slash(m, role, operator, amount);
    },
  };
}
