/** The signed messages of orders that ended, as validators settle them. */
import type { Address, Hex } from 'viem';
import { canonicalJson, signedSchema, signMessage } from '../../messages/index.js';
import {
  type AttemptTrace,
  type CanaryTrace,
  type ChunkTrace,
  type EpochTrace,
  electorateOf,
  endingDigest,
  type JudgeStake,
  judgeAttempt,
  type OrderEnding,
  type OrderOutcome,
  type OrderTrace,
  PROVER_ROLE,
  type SettlementState,
  settledOrders,
} from '../../scoring/index.js';
import type { Sql } from '../../store/index.js';
import { lookUpEach } from '../peer/look-up-each.js';
import { abandonedOrders } from './claims.js';
import { delegationOf } from './delegations.js';
import type { GatewayContext } from './gateway-context.js';
import { type AttemptRow, loadAttempts, loadChunks, loadOrder } from './order-rows.js';
import { weightsOfEpoch } from './take-weights.js';

const commitSchema = signedSchema('VerdictCommit');
const verdictSchema = signedSchema('Verdict');

/** Of the orders of an epoch, as JSON: everybody fetches, parses and checks it whole. */
export const TRACE_BYTES = 32 << 20;

export interface TraceOptions {
  /** Orders that are in no epoch now. */
  readonly aside?: readonly Hex[];
  /** Orders of other gateways. */
  readonly mostAbandoned?: number;
  readonly mostBytes?: number;
}

/**
 * @param ids of orders that ended: of many or large ones the first that fit
 * @param previous what it is settled upon
 */
export async function buildTrace(
  g: GatewayContext,
  epoch: number,
  ids: readonly Hex[],
  previous: SettlementState,
  { aside = [], mostAbandoned = 0, mostBytes = TRACE_BYTES }: TraceOptions = {},
): Promise<EpochTrace> {
  const validators = await g.ledger.validators();
  const orders: OrderTrace[] = [];
  const canaries: CanaryTrace[] = [];
  const electorates: (readonly JudgeStake[])[] = [];
  const places = new Map<string, number>();
  const placeOf = (judges: readonly JudgeStake[]): number => {
    const text = canonicalJson(judges);
    const place = places.get(text) ?? electorates.push(judges) - 1;
    places.set(text, place);
    return place;
  };
  const judging = await lookUpEach(ids, (id) => Promise.all([g.ledger.electorate(id), g.ledger.committeeSeats(id)]));
  let bytes = 0;
  for (const [k, id] of ids.entries()) {
    const [judges, committeeSeats] = judging[k];
    const found = await orderTrace(g.sql, id, judges, { electorate: placeOf(judges), committeeSeats });
    bytes += canonicalJson(found).length;
    if (orders.length > 0 && bytes > mostBytes) break;
    orders.push(judged(found.order, electorateOf({ electorates }, found.order)));
    canaries.push(...found.canaries);
  }
  const endings = await lookUpEach(orders, (order) => endingOf(g, order, canaries));
  const found = mostAbandoned > 0 ? await abandonedOrders(g, { aside, most: mostAbandoned }, placeOf) : [];
  const abandoned = firstThatFit(found, mostBytes);
  const operators = [
    ...new Set(
      settledOrders({ orders, abandoned }).flatMap((o) =>
        o.chunks.flatMap((c) => c.attempts.map((a) => a.lock.message.prover)),
      ),
    ),
  ].sort();
  const provers = await Promise.all(
    operators.map(async (operator) => {
      const { owner, toPool } = await g.ledger.stakeOf(PROVER_ROLE, operator);
      return { operator, account: owner, ...(toPool ? { toPool } : {}) };
    }),
  );
  return {
    epoch,
    closedAt: Math.max(Math.floor(g.nowMs() / 1000), previous.closedAt, ...orders.map((o) => o.endedAt)),
    validators,
    electorates,
    provers,
    orders,
    endings,
    canaries,
    abandoned,
    weights: await weightsOfEpoch(g.sql, previous, validators),
  };
}

/** One at least. */
function firstThatFit<T>(items: readonly T[], mostBytes: number): readonly T[] {
  let bytes = 0;
  const beyond = items.findIndex((item, k) => {
    bytes += canonicalJson(item).length;
    return k > 0 && bytes > mostBytes;
  });
  return beyond < 0 ? items : items.slice(0, beyond);
}

async function endingOf(g: GatewayContext, order: OrderTrace, canaries: readonly CanaryTrace[]): Promise<OrderEnding> {
  const own = g.identity.account.address.toLowerCase() as Address;
  const named = order.order.message.gateway;
  const ended = await signMessage(g.identity.account, g.network, 'Ended', {
    order: order.id,
    digest: endingDigest(order, { canaries }),
    gateway: own,
  });
  const delegation = named.toLowerCase() === own ? undefined : await delegationOf(g, named, own);
  return { ended, ...(delegation ? { delegation } : {}) };
}

/** The outcome as validators see it: where the chain forgot the reserve and it was made again, other stakes may count. */
function judged(order: OrderTrace, validators: readonly JudgeStake[]): OrderTrace {
  const isAccepted = (a: AttemptTrace) => judgeAttempt(a, order, validators).result === 'accepted';
  const isDelivered = order.chunks.length > 0 && order.chunks.every((c) => c.attempts.some(isAccepted));
  const { outcome } = order;
  return { ...order, outcome: isDelivered ? 'delivered' : outcome === 'delivered' ? 'failed' : outcome };
}

async function orderTrace(
  sql: Sql,
  id: Hex,
  judges: readonly JudgeStake[],
  judging: Pick<OrderTrace, 'electorate' | 'committeeSeats'>,
): Promise<{ readonly order: OrderTrace; readonly canaries: readonly CanaryTrace[] }> {
  const order = await loadOrder(sql, id);
  if (!order || order.endedMs === undefined) throw new Error(`order ${id} has not ended`);
  const [chunks, attempts] = await Promise.all([loadChunks(sql, id), loadAttempts(sql, id)]);
  const [commits, all] = await Promise.all([votes(sql, 'commits', id), votes(sql, 'verdicts', id)]);
  // Verdicts of those who came later count for nothing, and must not hold up the epoch.
  const active = new Set(judges.map((v) => v.operator.toLowerCase()));
  const verdicts = all.filter((v) => active.has(v.validator));
  const votesOn = (a: AttemptRow) => {
    const mine = (v: Vote) => v.idx === a.index && v.attempt === a.attempt;
    return {
      commits: commits.filter(mine).map((v) => commitSchema.parse(v.signed)),
      verdicts: verdicts.filter(mine).map((v) => verdictSchema.parse(v.signed)),
    };
  };
  const isCanary = (a: AttemptRow) => a.canary !== undefined && a.delivery !== undefined;
  const canaries = attempts.flatMap((a): CanaryTrace[] => {
    if (a.canary === undefined || a.delivery === undefined) return [];
    const { receipt, proof } = a.delivery;
    return [{ lock: a.lock, receipt, proof, salt: a.canary, ...votesOn(a) }];
  });
  const trace: OrderTrace = {
    id,
    order: order.signed,
    outcome: order.state as OrderOutcome,
    // Not before its locks and releases, whichever gateway's clock they are by.
    endedAt: Math.max(
      Math.floor(order.endedMs / 1000),
      ...attempts.map((a) => Math.max(Math.floor(a.lockedMs / 1000), a.release?.at ?? 0)),
    ),
    ...judging,
    chunks: chunks.map((c): ChunkTrace => {
      return {
        index: c.index,
        slices: c.slices,
        workUnits: c.workUnits,
        offeredAt: order.startedAt as number,
        attempts: attempts
          .filter((a) => a.index === c.index && !isCanary(a))
          .map((a): AttemptTrace => ({ ...attemptTrace(a), ...votesOn(a) })),
      };
    }),
  };
  return { order: trace, canaries };
}

function attemptTrace(a: AttemptRow): Omit<AttemptTrace, 'commits' | 'verdicts'> {
  return {
    lock: a.lock,
    lockedAt: Math.floor(a.lockedMs / 1000),
    ...(releaseOf(a) ? { release: releaseOf(a) } : {}),
    ...(a.delivery ? { receipt: a.delivery.receipt } : {}),
    ...(a.acknowledgement ? { acknowledgement: a.acknowledgement } : {}),
    ...(a.excused ? { excused: true } : {}),
  };
}

function releaseOf(a: AttemptRow): AttemptTrace['release'] {
  return a.release as AttemptTrace['release'];
}

interface Vote {
  readonly idx: number;
  readonly attempt: number;
  readonly validator: Address;
  readonly signed: unknown;
}

const votes = (sql: Sql, table: 'commits' | 'verdicts', id: Hex): Promise<Vote[]> =>
  sql.query<Vote>(
    `select idx, attempt, validator, signed from ${table} where order_id = $1 order by idx, attempt, validator`,
    [id],
  );
