/** What validators tell a gateway: commitments, verdicts; and what they are given for it. */
import { finalOutputs, unitBoundary } from '@dsperse/core/verify';
import type { Address, Hex } from 'viem';
import {
  type CaseDocument,
  commitmentOf,
  type Duty,
  isSignedBy,
  type Signed,
  sealingContext,
  type TakenVerdicts,
  toJson,
  type VerdictCommit,
  type VerdictMessage,
} from '../../messages/index.js';
import { json } from '../../store/index.js';
import { seal } from '../../transport/seal/seal.js';
import type { ServerEvent } from '../../transport/server/event-stream.js';
import { Refusal } from '../../transport/server/refusal.js';
import { appealDuties } from './appeals.js';
import { claimDuties } from './claims.js';
import { delegationOf } from './delegations.js';
import type { GatewayContext } from './gateway-context.js';
import { DUTIES_SQL, type DutyRow } from './judge-chunk.js';
import { type AttemptKey, isAsked, isQuorum, judgesRunningOrder } from './judges.js';
import { seeOperator } from './operators.js';
import { loadAttempt, loadChunk, loadOrder } from './order-rows.js';
import { findProgram } from './programs.js';
import { withOutputs } from './take-outputs.js';
import { lastSettledEpoch } from './take-weights.js';

/** Only validators with stake are listened to. @throws Refusal */
export async function requireValidator(g: GatewayContext, sender: Address): Promise<void> {
  const active = await g.ledger.validators();
  if (!active.some((v) => v.operator.toLowerCase() === sender)) {
    throw new Refusal(403, 'not-a-validator', `${sender} has no active stake as a validator`, 'stake first');
  }
}

/**
 * Validators with stake, and those who had it when an order was reserved that still runs: they are a part of its quorum, and what
 * they committed to is to be revealed. @returns whether it has stake now
 * @throws Refusal
 */
export async function requireJudge(g: GatewayContext, sender: Address): Promise<boolean> {
  const isActive = (await g.ledger.validators()).some((v) => v.operator.toLowerCase() === sender);
  if (!isActive && !(await judgesRunningOrder(g, sender))) await requireValidator(g, sender);
  return isActive;
}

/** @param isActive whether it has stake now: without it, it has no part in epochs and weights */
export async function dutiesOf(g: GatewayContext, validator: Address, isActive = true): Promise<Duty[]> {
  // Only what is to be done: what waits for others must not fill the list.
  const open = await g.sql.query<DutyRow & { committed: boolean }>(
    `select * from (select d.*,
       exists (select 1 from commits c where (c.order_id, c.idx, c.attempt) = (d.order_id, d.idx, d.attempt)
         and c.validator = $1) as committed,
       exists (select 1 from verdicts v where (v.order_id, v.idx, v.attempt) = (d.order_id, d.idx, d.attempt)
         and v.validator = $1) as revealed
     from (${DUTIES_SQL}) d) x where committed = revealing and not revealed limit 500`,
    [validator],
  );
  const duties: Duty[] = [];
  for (const d of open) {
    const key = { order: d.order_id, chunk: d.idx, attempt: d.attempt };
    if (d.committed) duties.push({ kind: 'reveal', ...key });
    else if (await isAsked(g, validator, key, d.everyone)) duties.push({ kind: 'verify', ...key });
  }
  duties.push(...(await claimDuties(g.sql, validator)));
  if (!isActive) return duties;
  duties.push(...(await appealDuties(g)));
  const epochs = await g.sql.query<{ epoch: number }>(
    `select e.epoch from epochs e where e.state = 'collecting'
       and not exists (select 1 from epoch_signatures s where s.epoch = e.epoch and s.validator = $1)`,
    [validator],
  );
  // Again at each poll: a validator says its weights anew as it sees more.
  const weights: Duty = { kind: 'weights', epoch: await lastSettledEpoch(g.sql) };
  return [...duties, ...epochs.map(({ epoch }): Duty => ({ kind: 'epoch', epoch })), weights];
}

interface ReadCase {
  readonly document: CaseDocument;
  /** Whether the attempt is still to be judged. */
  readonly isOpen: boolean;
}

async function readCase(g: GatewayContext, order: Hex, index: number, attempt: number): Promise<ReadCase> {
  const [o, a] = await Promise.all([loadOrder(g.sql, order), loadAttempt(g.sql, order, index, attempt)]);
  if (!o?.manifest || !o.seal || !a?.delivery) {
    throw new Refusal(404, 'unknown-case', 'there is no such proof to judge', 'GET /v1/duties lists what there is');
  }
  const { signed, manifest, seal } = o;
  const [named, by] = [signed.message.gateway, seal.message.gateway];
  const actingFor = async (gateway: Address) =>
    named.toLowerCase() === gateway.toLowerCase() ? undefined : await delegationOf(g, named, gateway);
  const [delegation, serving] = await Promise.all([actingFor(by), actingFor(g.identity.account.address)]);
  const given = { ...(delegation ? { delegation } : {}), ...(serving ? { serving } : {}) };
  const document = { order: signed, manifest, seal, ...given, lock: a.lock, delivery: a.delivery };
  return { document, isOpen: a.outcome === undefined };
}

/** All that a verdict rests on. @throws Refusal `unknown-case` */
export async function caseOf(g: GatewayContext, order: Hex, index: number, attempt: number): Promise<CaseDocument> {
  return (await readCase(g, order, index, attempt)).document;
}

/** Of each database what is being read: all validators are told of a proof, and ask about it, at the same time. */
const reading = new WeakMap<GatewayContext['sql'], Map<string, Promise<unknown>>>();

/** Whoever asks while it is being read gets the same. */
function readTogether<T>(g: GatewayContext, name: string, read: () => Promise<T>): Promise<T> {
  const all = reading.get(g.sql) ?? new Map<string, Promise<unknown>>();
  reading.set(g.sql, all);
  const running = all.get(name) as Promise<T> | undefined;
  if (running) return running;
  const found = read().finally(() => all.delete(name));
  all.set(name, found);
  return found;
}

/** Tensors between chunks of a case that goes with its event: larger ones are asked for. */
const TOLD_TENSORS = 256;

/** The event that a proof is to be verified, with the case, so that nobody need ask for it; without where it has ended. */
export async function withCase(g: GatewayContext, event: ServerEvent): Promise<ServerEvent> {
  const { order, chunk, attempt } = event.data as AttemptKey;
  const read = () => readCase(g, order, chunk, attempt).catch(() => undefined);
  const name = `case ${order} ${chunk} ${attempt} ${g.identity.account.address}`;
  const found = await readTogether(g, name, read);
  const isTold = found?.isOpen && Object.keys(found.document.manifest.commitments).length <= TOLD_TENSORS;
  return isTold ? { ...event, data: { ...(event.data as object), case: found.document } } : event;
}

/** The public values that an attempt is judged by, sealed to one validator. */
export async function valuesFor(g: GatewayContext, validator: Address, key: AttemptKey): Promise<Uint8Array> {
  const { record } = await seeOperator(g, validator, 'validator');
  const { order, chunk, attempt } = key;
  const values = await readTogether(g, `values ${order} ${chunk} ${attempt}`, () => judgedValues(g, key));
  const encryptionKey = new Uint8Array(Buffer.from(record.message.encryptionKey.slice(2), 'hex'));
  return seal(encryptionKey, values, sealingContext.values(order, validator));
}

/**
 * Those that the chunk reads or makes, and the whole input of the order where it reads any of it, as the order commits to all of
 * it together.
 */
async function judgedValues(g: GatewayContext, { order, chunk, attempt }: AttemptKey): Promise<Uint8Array> {
  const [o, c, a] = await Promise.all([
    loadOrder(g.sql, order),
    loadChunk(g.sql, order, chunk),
    loadAttempt(g.sql, order, chunk, attempt),
  ]);
  const program = o && (await findProgram(g, o.fingerprint));
  if (!o?.valuesDigest || !c || !program) {
    throw new Refusal(404, 'unknown-case', 'the order has no values yet', 'GET /v1/duties');
  }
  const range = [c.slices[0], c.slices.length] as const;
  const { inputs, outputs } = unitBoundary(program, ...range);
  const wanted = new Set([...inputs, ...outputs]);
  if (program.inputs.some((name) => wanted.has(name))) for (const name of program.inputs) wanted.add(name);
  const sent = finalOutputs(program, ...range);
  const isOfOrder = [...program.inputs, ...program.outputs].some((name) => wanted.has(name) && !sent.includes(name));
  return withOutputs(g, isOfOrder ? o.valuesDigest : undefined, a ? [a] : [], (name) => wanted.has(name));
}

/** Commitments are taken until the reveal; the first one of a validator counts. */
export async function takeCommits(
  g: GatewayContext,
  sender: Address,
  commits: readonly Signed<VerdictCommit>[],
): Promise<void> {
  for (const signed of commits) {
    const c = signed.message;
    if (c.validator !== sender || !isSignedBy(g.network, 'VerdictCommit', signed, sender)) {
      throw new Refusal(403, 'bad-signature', 'a commitment is not signed by its validator', 'sign it again');
    }
    await g.sql.execute(
      `insert into commits (order_id, idx, attempt, validator, signed)
       select order_id, idx, attempt, $4, $5 from attempts
       where order_id = $1 and idx = $2 and attempt = $3 and delivery is not null and outcome is null and revealing_ms is null
       on conflict do nothing`,
      [c.order, c.chunk, c.attempt, sender, json(toJson(signed))],
    );
    // With fewer, nothing follows before the time for committing is over.
    if (await isQuorum(g, 'commits', c)) g.wake(c.order);
  }
}

/**
 * Verdicts are taken from the reveal on, where they open the commitment that the validator made; none that would change
 * what came of an order that ended undecided.
 * @returns those that were not taken, as they came too late
 */
export async function takeVerdicts(
  g: GatewayContext,
  sender: Address,
  verdicts: readonly Signed<VerdictMessage>[],
): Promise<TakenVerdicts> {
  const late: { order: Hex; chunk: number; attempt: number }[] = [];
  for (const signed of verdicts) {
    const v = signed.message;
    if (v.validator !== sender || !isSignedBy(g.network, 'Verdict', signed, sender)) {
      throw new Refusal(403, 'bad-signature', 'a verdict is not signed by its validator', 'sign it again');
    }
    const [row] = await g.sql.query<{ commitment: Hex; proof: Hex; revealing: boolean }>(
      `select c.signed->'message'->>'commitment' as commitment, a.revealing_ms is not null as revealing,
         a.delivery->'receipt'->'message'->>'proofDigest' as proof
       from commits c join attempts a on (a.order_id, a.idx, a.attempt) = (c.order_id, c.idx, c.attempt)
       where c.order_id = $1 and c.idx = $2 and c.attempt = $3 and c.validator = $4`,
      [v.order, v.chunk, v.attempt, sender],
    );
    if (!row?.revealing)
      throw new Refusal(409, 'too-early', 'verdicts are not revealed yet, or you did not commit', '');
    if (row.commitment !== commitmentOf(v) || row.proof !== v.proofDigest) {
      throw new Refusal(
        400,
        'other-verdict',
        'the verdict does not open your commitment',
        'reveal what you committed to',
      );
    }
    const added = await g.sql.execute(
      `insert into verdicts (order_id, idx, attempt, validator, accepted, signed)
       select order_id, idx, attempt, $4, $5, $6 from attempts
       where order_id = $1 and idx = $2 and attempt = $3
         and (outcome is null or outcome in ('accepted', 'rejected', 'canary')) for share
       on conflict do nothing`,
      [v.order, v.chunk, v.attempt, sender, v.accepted, json(toJson(signed))],
    );
    const { order, chunk, attempt } = v;
    if (added === 0 && !(await hasVerdict(g, v))) late.push({ order, chunk, attempt });
    if (!v.accepted || (await isQuorum(g, 'verdicts', v))) g.wake(v.order);
  }
  return late.length > 0 ? { late } : {};
}

/** Whether the verdict of this validator was taken before. */
async function hasVerdict(g: GatewayContext, { order, chunk, attempt, validator }: VerdictMessage): Promise<boolean> {
  const [taken] = await g.sql.query(
    'select 1 from verdicts where order_id = $1 and idx = $2 and attempt = $3 and validator = $4',
    [order, chunk, attempt, validator],
  );
  return taken !== undefined;
}
