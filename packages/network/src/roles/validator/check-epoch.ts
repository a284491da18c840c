/** An epoch as a validator checks it before it signs: everything computed here, from the signed messages and the chain. */
import { decodeKey } from '@dsperse/core/verify';
import { type Address, type Hex, zeroHash } from 'viem';
import type { Ledger, SettlementHead } from '../../chain/ledger.js';
import { judgingPolicy, marketPolicy, networkTiming, settlementParameters } from '../../chain/network-parameters.js';
import { canonicalJson, commitmentOf, type EpochRoot } from '../../messages/index.js';
import {
  type AttemptTrace,
  type ChunkTrace,
  checkTrace,
  claimsCloseAt,
  claimWindow,
  consensusLeaves,
  type EpochTrace,
  electorateOf,
  electoratesByOrder,
  emptyState,
  isSeenThrough,
  judgeAttempt,
  type Leaf,
  PROVER_ROLE,
  type Settlement,
  type SettlementParameters,
  type SettlementState,
  settledOrders,
  settleEpoch,
  type TraceContext,
} from '../../scoring/index.js';
import { type EpochDocument, rootOf } from '../peer/epoch-document.js';
import { lookUpEach } from '../peer/look-up-each.js';
import type { Contacts } from './contacts.js';
import { type CaseKeyParts, caseText, type ValidatorJournal } from './validator-journal.js';
import type { WeightKind } from './weigh-provers.js';

/** Between what a gateway took and the epoch that must have it: clocks of gateways on one database differ. */
const WEIGHTS_MARGIN_SECONDS = 5;

export interface EpochContext {
  readonly ledger: Ledger;
  readonly validator: Address;
  readonly journal: Pick<ValidatorJournal, 'verdict' | 'verdictsOn' | 'wasTaken' | 'epoch' | 'appeal'>;
  /** What this validator saw of gateways. */
  readonly contacts: Pick<Contacts, 'wasThere'>;
  /** When the gateway that proposes took our weights, or our commitment to them, for an epoch, in milliseconds of its clock. */
  readonly weightsTaken: (kind: WeightKind, epoch: number) => number | undefined;
  /** The verifier key of a program. */
  readonly keyOf: (fingerprint: string) => Promise<Uint8Array>;
  /** The leaves of an earlier epoch, checked against the root that the chain has. */
  readonly leavesOf: (epoch: number, root: Hex) => Promise<readonly Leaf[]>;
  readonly preset: 'standard' | 'tiny';
  /** In seconds. */
  readonly now: number;
}

export type EpochOutcome =
  | { readonly root: EpochRoot; readonly settlement: Settlement }
  /** `orders`: those that are at fault, where the rest of the epoch may be right. */
  | {
      readonly refuse: string;
      readonly detail: string;
      readonly orders?: readonly Hex[];
      /** Missed locks of theirs, of which we have seen a proof in time. */
      readonly appealed?: readonly CaseKeyParts[];
    };

const refuse = (code: string, detail: string, orders?: readonly Hex[]): EpochOutcome => {
  return { refuse: code, detail, ...(orders && orders.length > 0 ? { orders: [...new Set(orders)] } : {}) };
};

interface OrderFault {
  readonly order: Hex;
  readonly detail: string;
}
const refuseOrders = (code: string, faults: readonly OrderFault[]): EpochOutcome =>
  refuse(
    code,
    faults[0].detail,
    faults.map(({ order }) => order),
  );
const lower = <H extends string>(text: H) => text.toLowerCase() as H;

/** @throws TransportError, LedgerError, StoreError where something was not to be had now */
export async function checkEpoch(document: EpochDocument, epoch: number, c: EpochContext): Promise<EpochOutcome> {
  const { trace, previous } = document;
  if (document.epoch !== epoch || trace.epoch !== epoch) return refuse('wrong-epoch', `it is about ${trace.epoch}`);
  const { clockSkewSeconds } = await networkTiming(c.ledger);
  if (trace.closedAt > c.now + clockSkewSeconds) return refuse('wrong-times', 'it was closed in the future');
  const { epochOrdersMax, skippedEpochsMax } = await c.ledger.parameters(
    ['epochOrdersMax', 'skippedEpochsMax'],
    trace.closedAt,
  );
  const orders = trace.orders.length + trace.abandoned.length;
  if (orders > epochOrdersMax) return refuse('too-many-orders', `${orders} in one epoch`);
  const head = await c.ledger.settlementHead();
  if (epoch < head.next) return refuse('wrong-epoch', `the chain expects ${head.next} or later`);
  // The chain would not take it, and whoever signed it or took it over would wait for that.
  if (epoch > head.next + Number(skippedEpochsMax)) return refuse('wrong-epoch', `far beyond ${head.next}`);
  const parameters = await settlementParameters(c.ledger, trace.closedAt);
  const other = await checkPrevious(previous, head, parameters, c);
  if (other) return refuse('wrong-previous', other);
  const unweighed = weightsFault(trace, previous, c);
  if (unweighed) return refuse('weights-left-out', unweighed);
  const foreign = ownVerdictsFaults(trace, c);
  if (foreign.length > 0) return refuseOrders('foreign-verdict', foreign);
  const unclaimed = await unclaimedFaults(trace, c);
  if (unclaimed.length > 0) return refuseOrders('unclaimed', unclaimed);
  const appealed = appealedLocks(trace, c);
  if (appealed.length > 0) {
    const faults = appealed.map((key) => ({ order: key.order, detail: `the lock of ${caseText(key)} was not missed` }));
    return { ...refuseOrders('appealed', faults), appealed } as EpochOutcome;
  }
  const excused = await excuseFaults(trace, c);
  if (excused.length > 0) return refuseOrders('not-away', excused);
  const faults = await checkTrace(trace, await traceContext(trace, previous, c));
  if (faults.length > 0) {
    const [{ code, path, message }] = faults;
    const orders = faults.flatMap((fault) => orderAt(trace, fault.path) ?? []);
    return refuse(code, `${path}: ${message} (${faults.length} in all)`, orders);
  }
  const settlement = settleEpoch(trace, parameters, previous);
  return { root: rootOf(document, settlement), settlement };
}

/** What a trace is held against, looked up here: by validators, and by the gateway before it proposes. */
export async function traceContext(
  trace: EpochTrace,
  previous: SettlementState,
  c: Pick<EpochContext, 'ledger' | 'keyOf' | 'preset'>,
): Promise<TraceContext> {
  return {
    network: c.ledger.network,
    previous,
    market: await laxestPolicy(trace, c.ledger),
    canaryBps: await highestCanaryBps(trace, c.ledger),
    validators: await c.ledger.validators(),
    electorates: await electoratesOf(trace, c.ledger),
    committeeSeats: await committeeSeatsOf(trace, c.ledger),
    reserves: await reservesOf(trace, c.ledger),
    claimWindowSeconds: await claimWindowAt(trace, c.ledger),
    programs: await programsOf(trace, c),
    proverAccounts: await accountsOf(trace, c.ledger),
    clockSkewSeconds: (await networkTiming(c.ledger)).clockSkewSeconds,
  };
}

/** What is wrong with the state that the epoch builds on: ours where we have it, else what follows from the chain's roots. */
async function checkPrevious(
  previous: SettlementState,
  head: SettlementHead,
  parameters: SettlementParameters,
  c: EpochContext,
): Promise<string | undefined> {
  if (previous.root !== lower(head.root)) return `its root is ${previous.root}, the chain's is ${head.root}`;
  const { minted, closedAt } = await c.ledger.emission();
  if (previous.minted !== minted || previous.closedAt !== closedAt) {
    return `it minted ${previous.minted} until ${previous.closedAt}, on the chain ${minted} until ${closedAt}`;
  }
  const isSame = (state: SettlementState) => canonicalJson(state) === canonicalJson(previous);
  if (previous.root === zeroHash) return isSame(emptyState(closedAt)) ? undefined : 'nothing has been settled before';
  const ours = c.journal.epoch(previous.epoch);
  if (ours?.state && ours.root.root === previous.root) {
    return isSame(ours.state) ? undefined : 'it is not the state that we computed';
  }
  return checkStateByLeaves(previous, parameters, c);
}

async function checkStateByLeaves(
  previous: SettlementState,
  { rememberEpochs }: SettlementParameters,
  c: EpochContext,
): Promise<string | undefined> {
  const leaves = await c.leavesOf(previous.epoch, previous.root);
  const listed = <K extends Leaf['kind']>(kind: K) =>
    leaves.filter((l): l is Extract<Leaf, { kind: K }> => l.kind === kind);
  const text = (items: readonly unknown[]) =>
    items
      .map((item) => canonicalJson(item))
      .sort()
      .join();
  const without = (leaf: Leaf) => ({ ...leaf, kind: undefined });
  if (text(previous.credits) !== text(listed(2).map(without))) return 'its credits are not those of the leaves';
  if (text(previous.penalties) !== text(listed(3).map(without))) return 'its penalties are not those of the leaves';
  if (text(previous.recalls) !== text(listed(4).map(without))) return 'its recalls are not those of the leaves';
  const consensus = consensusLeaves(previous.epoch, previous.consensus);
  if (text(consensus) !== text(listed(5))) return 'its consensus is not that of the leaves';
  const orders: { id: Hex; epoch: number }[] = listed(1).map(({ order }) => ({ id: order, epoch: previous.epoch }));
  for (let epoch = previous.epoch - 1; epoch > Math.max(0, previous.epoch - rememberEpochs); epoch--) {
    const posted = await c.ledger.epoch(epoch);
    if (!posted || posted.cancelled) continue;
    for (const leaf of await c.leavesOf(epoch, posted.root)) {
      if (leaf.kind === 1) orders.push({ id: leaf.order, epoch });
    }
  }
  return text(previous.orders) === text(orders) ? undefined : 'its orders are not those of the leaves';
}

/**
 * A verdict or commitment in our name that we did not sign, a proof that we judged and that the trace does not have, or our verdict
 * on it where the gateway had said that it has it. All that
 * we judged of an order is settled with it: so nobody settles it without the proofs that were delivered for it, nor hides one
 * that was wrong, be it the order's gateway or another.
 */
function ownVerdictsFaults(trace: EpochTrace, { validator, journal }: EpochContext): OrderFault[] {
  const faults: OrderFault[] = [];
  const fault = (order: Hex, detail: string) => faults.push({ order: lower(order), detail });
  const isOurs = (address: Address) => lower(address) === lower(validator);
  /** Digest of the proof, by attempt. */
  const listed = new Map<string, Hex>();
  const said = new Set<string>();
  const attempts = trace.orders.flatMap(({ chunks }) => chunks.flatMap((chunk) => chunk.attempts));
  const claims = trace.abandoned.flatMap((order) => order.claims);
  for (const { lock, receipt, commits, verdicts } of [...attempts, ...trace.canaries, ...claims]) {
    const own = journal.verdict(lock.message);
    const where = caseText(lock.message);
    if (receipt) listed.set(where, lower(receipt.message.proofDigest));
    for (const { message } of commits.filter((x) => isOurs(x.message.validator))) {
      if (!own || commitmentOf(own) !== message.commitment) fault(lock.message.order, `commitment on ${where}`);
    }
    for (const { message } of verdicts.filter((x) => isOurs(x.message.validator))) {
      if (!own || canonicalJson(own) !== canonicalJson(message)) fault(lock.message.order, `verdict on ${where}`);
      said.add(where);
    }
  }
  const electorates = electoratesByOrder(trace);
  for (const canary of trace.canaries) {
    const own = journal.verdict(canary.lock.message);
    const isSame = own && lower(own.proofDigest) === lower(canary.receipt.message.proofDigest);
    // We verified this proof and it holds: whoever calls it broken would take income from all who said so.
    if (isSame && own.accepted && isSeenThrough(canary, electorates.get(lower(canary.lock.message.order)) ?? [])) {
      fault(canary.lock.message.order, `canary of ${caseText(canary.lock.message)}`);
    }
  }
  for (const order of trace.orders) {
    const { id } = order;
    // A verdict of one that had no stake when the order was reserved counts for nothing, and is not listed.
    const isJudge = electorateOf(trace, order).some(({ operator }) => isOurs(operator));
    const missing = journal.verdictsOn(id).find((own) => listed.get(caseText(own)) !== lower(own.proofDigest));
    if (missing) fault(id, `the proof that we judged of ${caseText(missing)} is left out`);
    const unsaid = journal.verdictsOn(id).find((own) => journal.wasTaken(own) && !said.has(caseText(own)));
    if (unsaid && isJudge) fault(id, `our verdict on ${caseText(unsaid)}, which the gateway had, is left out`);
  }
  return faults;
}

/**
 * Of abandoned orders, proofs that we accepted and that are not settled, or are without our verdict: until claims close, so that nobody
 * settles the part of a prover that it prefers.
 */
async function unclaimedFaults(trace: EpochTrace, { validator, journal, ledger }: EpochContext): Promise<OrderFault[]> {
  const isOurs = (address: Address) => lower(address) === lower(validator);
  const window = await claimWindowAt(trace, ledger);
  const found = await lookUpEach(trace.abandoned, async (order) => ({ order, ...(await ledger.order(order.id)) }));
  return found.flatMap(({ order, exitAt }): OrderFault[] => {
    const isJudge = electorateOf(trace, order).some(({ operator }) => isOurs(operator));
    if (!isJudge || trace.closedAt >= claimsCloseAt(exitAt, window)) return [];
    const said = new Set(
      order.claims
        .filter(({ verdicts }) => verdicts.some(({ message }) => isOurs(message.validator)))
        .map(({ lock, receipt }) => `${caseText(lock.message)} ${lower(receipt.message.proofDigest)}`),
    );
    const missing = journal
      .verdictsOn(order.id)
      .find((own) => own.accepted && !said.has(`${caseText(own)} ${lower(own.proofDigest)}`));
    const detail = missing && `${caseText(missing)}, which we accepted, is not among the claims with our verdict`;
    return detail ? [{ order: lower(order.id), detail }] : [];
  });
}

const claimWindowAt = async ({ closedAt }: EpochTrace, ledger: Ledger): Promise<number> =>
  claimWindow(await ledger.parameters(['exitSeconds', 'cancelSeconds'], closedAt));

/** Our weights, which the gateway had well before it closed the epoch, are not in the trace. */
function weightsFault(trace: EpochTrace, { epoch }: SettlementState, c: EpochContext): string | undefined {
  const isOurs = (address: Address) => lower(address) === lower(c.validator);
  if (!trace.validators.some(({ operator }) => isOurs(operator))) return undefined;
  const { commits, reveals } = trace.weights;
  const wasThere = (kind: WeightKind) => {
    const atMs = c.weightsTaken(kind, epoch);
    return atMs !== undefined && atMs < (trace.closedAt - WEIGHTS_MARGIN_SECONDS) * 1000;
  };
  if (wasThere('commit') && !commits.some(({ message }) => isOurs(message.validator))) {
    return 'our commitment to weights, which the gateway had, is left out';
  }
  if (wasThere('reveal') && !reveals.some(({ validator }) => isOurs(validator))) {
    return 'our weights, which the gateway had, are left out';
  }
  return undefined;
}

/** Of the lock of an attempt, a proof that its prover showed us, of the chunk's slices. */
function appealOf(journal: EpochContext['journal'], { slices }: ChunkTrace, { lock }: AttemptTrace) {
  const seen = journal.appeal(lock.message);
  return seen && seen.index === slices[0] && seen.count === slices.length ? seen : undefined;
}

/** Locks that the trace says were missed, and of which a proof was shown to us in time. */
function appealedLocks(trace: EpochTrace, { journal }: EpochContext): CaseKeyParts[] {
  return trace.orders.flatMap((order) =>
    order.chunks.flatMap((chunk) =>
      chunk.attempts.flatMap((attempt) => {
        if (!appealOf(journal, chunk, attempt)?.inTime) return [];
        const { chunk: index, attempt: number } = attempt.lock.message;
        const isMissed = judgeAttempt(attempt, order, electorateOf(trace, order)).result === 'missed';
        return isMissed ? [{ order: lower(order.id), chunk: index, attempt: number }] : [];
      }),
    ),
  );
}

/** A missed lock that is excused by an outage, where the gateway answered us all the time. */
async function excuseFaults(trace: EpochTrace, { ledger, contacts, journal }: EpochContext): Promise<OrderFault[]> {
  const faults: OrderFault[] = [];
  const { lockGraceSeconds } = await networkTiming(ledger);
  for (const [k, order] of trace.orders.entries()) {
    const by = trace.endings[k]?.ended.message.gateway;
    const gateways = [order.order.message.gateway, ...(by ? [by] : [])];
    const attempts = order.chunks.flatMap((chunk) =>
      // Whose proof we have seen, in time or not, did the work.
      chunk.attempts.filter((attempt) => attempt.excused && !appealOf(journal, chunk, attempt)),
    );
    for (const { lock, lockedAt } of attempts) {
      const untilMs = (lock.message.deadline + lockGraceSeconds + 1) * 1000;
      if (gateways.some((gateway) => contacts.wasThere(gateway, lockedAt * 1000, untilMs))) {
        const detail = `the gateway was there while the lock of ${caseText(lock.message)} ran`;
        faults.push({ order: lower(order.id), detail });
      }
    }
  }
  return faults;
}

/** The order that a fault of the trace is about; undefined where it is about the epoch. */
export function orderAt({ orders, canaries, abandoned }: EpochTrace, path: string): Hex | undefined {
  const at = /^(orders|endings|canaries|abandoned)\[(\d+)\]/.exec(path);
  if (!at) return undefined;
  const k = Number(at[2]);
  const id =
    at[1] === 'canaries' ? canaries[k]?.lock.message.order : (at[1] === 'abandoned' ? abandoned : orders)[k]?.id;
  return id && lower(id);
}

/** Parameters may have changed while orders ran: a lock has to satisfy the laxer of those before and after. */
async function laxestPolicy(trace: EpochTrace, ledger: Ledger) {
  const began = Math.min(trace.closedAt, ...trace.orders.flatMap((o) => o.chunks.map((chunk) => chunk.offeredAt)));
  const [a, b] = await Promise.all([began, trace.closedAt].map((at) => marketPolicy(ledger, at)));
  const least = <T extends number | bigint>(x: T, y: T): T => (x < y ? x : y);
  return {
    lockFloorSeconds: least(a.lockFloorSeconds, b.lockFloorSeconds),
    verifySeconds: least(a.verifySeconds, b.verifySeconds),
    collateralBps: least(a.collateralBps, b.collateralBps),
    collateralMin: least(a.collateralMin, b.collateralMin),
  };
}

/** The rate of canaries may have been changed while orders ran: the higher one bounds them. */
async function highestCanaryBps(trace: EpochTrace, ledger: Ledger): Promise<number> {
  const began = Math.min(trace.closedAt, ...trace.orders.flatMap((o) => o.chunks.map((chunk) => chunk.offeredAt)));
  const [before, after] = await Promise.all([began, trace.closedAt].map((at) => judgingPolicy(ledger, at)));
  return Math.max(before.canaryBps, after.canaryBps);
}

async function electoratesOf(trace: EpochTrace, ledger: Ledger): Promise<TraceContext['electorates']> {
  return new Map(
    await lookUpEach(settledOrders(trace), async ({ id }) => [lower(id), await ledger.electorate(id)] as const),
  );
}

async function committeeSeatsOf(trace: EpochTrace, ledger: Ledger): Promise<TraceContext['committeeSeats']> {
  return new Map(
    await lookUpEach(settledOrders(trace), async ({ id }) => [lower(id), await ledger.committeeSeats(id)] as const),
  );
}

async function reservesOf(trace: EpochTrace, ledger: Ledger) {
  const reserves = new Map<Hex, { amount: bigint; at: number; exitAt: number }>();
  const found = await lookUpEach(settledOrders(trace), async ({ id }) => ({ id, ...(await ledger.order(id)) }));
  for (const { id, state, reserved, exitAt } of found) {
    // The chain does not say when it was reserved: prices are read from the first offering on.
    if (state === 'reserved') reserves.set(lower(id), { amount: reserved, at: 0, exitAt });
  }
  return reserves;
}

/** Work units of the slices by fingerprint, which tells them: decoding a key takes longer than all else of a small epoch. */
const known = new Map<string, readonly number[]>();
const PROGRAMS_KNOWN = 256;

async function programsOf(trace: EpochTrace, { keyOf, preset }: Pick<EpochContext, 'keyOf' | 'preset'>) {
  const programs = new Map<Hex, readonly number[]>();
  for (const { order, chunks } of settledOrders(trace)) {
    const fingerprint = lower(order.message.fingerprint);
    // One that failed before it was cut may have done so as its program is not to be had.
    if (programs.has(fingerprint) || chunks.length === 0) continue;
    const name = `${preset} ${fingerprint}`;
    const decode = async () => decodeKey(await keyOf(fingerprint.slice(2)), preset).slices.map((s) => s.workUnits);
    const workUnits = known.get(name) ?? (await decode());
    if (known.size >= PROGRAMS_KNOWN) known.clear();
    known.set(name, workUnits);
    programs.set(fingerprint, workUnits);
  }
  return programs;
}

async function accountsOf(trace: EpochTrace, ledger: Ledger) {
  const accounts = new Map<string, { account: string; toPool: boolean }>();
  const operators = settledOrders(trace).flatMap((o) =>
    o.chunks.flatMap((c) => c.attempts.map((a) => a.lock.message.prover)),
  );
  for (const operator of [...operators, ...trace.provers.map((p) => p.operator)]) {
    if (accounts.has(lower(operator))) continue;
    const { owner, toPool } = await ledger.stakeOf(PROVER_ROLE, operator);
    accounts.set(lower(operator), { account: lower(owner), toPool });
  }
  return accounts;
}
