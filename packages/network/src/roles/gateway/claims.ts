/**
 * Claims: what provers show of an order that its own gateway has settled in no epoch, shortly before its reserve returns. This
 * gateway asks validators for the verdicts that they gave, and settles the order in the other's place (scoring/abandoned.ts).
 */
import type { Address, Hex } from 'viem';
import {
  type Appeal,
  appealSchema,
  commitmentOf,
  type Duty,
  isSignedBy,
  type Testimonies,
  type Testimony,
  testimonySchema,
  toJson,
} from '../../messages/index.js';
import {
  type AbandonedTrace,
  type ClaimedChunk,
  claimableAt,
  claimedSlices,
  claimWindow,
  type JudgeStake,
  judgeAttempt,
  PROVER_ROLE,
} from '../../scoring/index.js';
import { json, type Sql } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import { lookUpEach } from '../peer/look-up-each.js';
import { appealFault } from '../validator/check-appeal.js';
import type { GatewayContext } from './gateway-context.js';
import { findProgram } from './programs.js';

/** Of all provers: of a gateway that is gone there may be many. */
const MOST = 100_000;
/** Of one prover and order, for each slice of the program: so that nobody takes the room of all others. */
const ATTEMPTS_AT_SLICE = 8;
const LISTED = 200;
/** In one epoch at most. */
export const ABANDONED_AT_ONCE = 200;
/** Places of an epoch that abandoned orders may take, of the most orders that it may have. */
export const placesForAbandoned = (most: number): number => Math.min(ABANDONED_AT_ONCE, Math.floor(most / 2));
/** Of the time in which claims are taken, what is waited after the first of an order for others: not after the last, which anybody could make. */
const WAIT_PART = 8;

async function windowOf(g: GatewayContext): Promise<number> {
  return claimWindow(await g.ledger.parameters(['exitSeconds', 'cancelSeconds']));
}

const waitMs = (windowSeconds: number): number => (windowSeconds * 1000) / WAIT_PART;

/** For how long an order may be set aside: one that is claimed has to be settled before its reserve returns. */
export async function longestAsideMs(g: GatewayContext, order: Hex): Promise<number> {
  const [claimed] = await g.sql.query('select 1 from claims where order_id = $1 limit 1', [order]);
  return claimed ? waitMs(await windowOf(g)) : Number.POSITIVE_INFINITY;
}

/** @throws Refusal where it is not its prover's, or the order is not abandoned */
export async function takeClaim(g: GatewayContext, sender: Address, claim: Appeal): Promise<void> {
  const { order, chunk, attempt, prover } = claim.lock.message;
  const fault = prover === sender ? appealFault(g.network, claim) : 'prover';
  if (fault) throw new Refusal(400, 'bad-claim', `the claim does not fit together: ${fault}`, 'show what was signed');
  const { active } = await g.ledger.stakeOf(PROVER_ROLE, sender);
  if (active === 0n) throw new Refusal(403, 'no-stake', `${sender} has no stake as a prover`, 'stake first');
  const onChain = await g.ledger.order(order);
  if (onChain.state !== 'reserved') {
    throw new Refusal(409, 'not-reserved', `the order is ${onChain.state} on the chain`, '');
  }
  const from = claimableAt(onChain.exitAt, await windowOf(g));
  if ((await g.ledger.now()) < from) {
    const at = new Date(from * 1000).toISOString();
    throw new Refusal(409, 'not-abandoned', `its gateway may settle the order until ${at}`, 'claim it then');
  }
  const [own] = await g.sql.query('select 1 from orders where id = $1 and reserved', [order]);
  if (own) throw new Refusal(409, 'own-order', 'this gateway settles the order itself', '');
  const program = await findProgram(g, claim.delivery.proof.statement.fingerprint);
  if (!program) {
    throw new Refusal(409, 'unknown-program', 'the program of the order is not published here', 'publish it first');
  }
  const taken = await g.sql.execute(
    `insert into claims (order_id, idx, attempt, prover, claim, received_ms, exit_at)
     select $1, $2, $3, $4, $5, $6, $7 where (select count(*) from claims) < $8
       and (select count(*) from claims where order_id = $1 and prover = $4) < $9
     on conflict do nothing`,
    [
      ...[order, chunk, attempt, sender, json(toJson(claim)), g.nowMs(), onChain.exitAt],
      ...[MOST, ATTEMPTS_AT_SLICE * program.slices.length],
    ],
  );
  if (taken > 0) {
    g.log.warn({ order, chunk, attempt, prover: sender }, 'a chunk is claimed of an order that its gateway abandoned');
    return;
  }
  const [known] = await g.sql.query(
    'select 1 from claims where order_id = $1 and idx = $2 and attempt = $3 and prover = $4',
    [order, chunk, attempt, sender],
  );
  if (!known) throw new Refusal(429, 'too-many', 'too many claims stand', 'ask another gateway');
}

/** Verdicts that this validator was not asked for yet. */
export async function claimDuties(sql: Sql, validator: Address): Promise<Duty[]> {
  const rows = await sql.query<{ order_id: Hex; idx: number; attempt: number }>(
    `select distinct c.order_id, c.idx, c.attempt from claims c
     where c.epoch is null and not exists (select 1 from testimonies t
       where (t.order_id, t.idx, t.attempt) = (c.order_id, c.idx, c.attempt) and t.validator = $1) limit $2`,
    [validator, LISTED],
  );
  return rows.map((r): Duty => ({ kind: 'testify', order: r.order_id, chunk: r.idx, attempt: r.attempt }));
}

/** Verdicts that a validator gave before, or that it has none. @throws Refusal where one is not its own */
export async function takeTestimonies(g: GatewayContext, sender: Address, body: Testimonies): Promise<void> {
  for (const { commit, verdict } of body.testimonies) {
    const { order, chunk, attempt, commitment } = commit.message;
    const isOne =
      order === verdict.message.order &&
      chunk === verdict.message.chunk &&
      attempt === verdict.message.attempt &&
      commitment === commitmentOf(verdict.message);
    const isSigned =
      isSignedBy(g.network, 'VerdictCommit', commit, sender) && isSignedBy(g.network, 'Verdict', verdict, sender);
    const isTheirs = commit.message.validator === sender && verdict.message.validator === sender;
    if (!isOne || !isSigned || !isTheirs) {
      throw new Refusal(
        403,
        'bad-signature',
        'a verdict is not signed by you, or not as committed to',
        'sign it again',
      );
    }
  }
  const given = [
    ...body.testimonies.map((t) => ({ ...t.verdict.message, signed: json(toJson(t)) })),
    ...body.none.map((key) => ({ ...key, signed: null })),
  ];
  for (const { order, chunk, attempt, signed } of given) {
    await g.sql.execute(
      `insert into testimonies (order_id, idx, attempt, validator, signed)
       select $1, $2, $3, $4, $5 where exists
         (select 1 from claims where order_id = $1 and idx = $2 and attempt = $3)
       on conflict (order_id, idx, attempt, validator) do update set signed = excluded.signed
         where testimonies.signed is null`,
      [order, chunk, attempt, sender, signed],
    );
  }
}

interface ClaimRow {
  readonly order_id: Hex;
  readonly idx: number;
  readonly attempt: number;
  readonly claim: unknown;
}

/**
 * Orders whose claims are complete, as far as can be seen: the first of an order came a while ago, and validators accepted one.
 * @param which orders that are not settled now, and how many at most
 * @param place of an electorate in the trace
 */
export async function abandonedOrders(
  g: GatewayContext,
  which: { readonly aside: readonly Hex[]; readonly most: number },
  place: (judges: readonly JudgeStake[]) => number,
): Promise<AbandonedTrace[]> {
  const window = await windowOf(g);
  const [chainNow, { exitMarginSeconds }] = await Promise.all([g.ledger.now(), g.timing()]);
  // The epoch is closed by the clock that is behind: it must not be too early by either.
  const now = Math.min(chainNow, Math.floor(g.nowMs() / 1000));
  const waiting = await g.sql.query<{ order_id: Hex }>(
    // Those that nobody accepted anything of must not take the place of others.
    `select order_id from claims c where epoch is null and not order_id = any($1)
       and exists (select 1 from testimonies t where t.order_id = c.order_id and t.signed is not null)
     group by order_id having min(received_ms) < $2 order by min(exit_at), order_id limit $3`,
    [which.aside, g.nowMs() - waitMs(window), which.most],
  );
  const found = await lookUpEach(waiting, async ({ order_id: id }) => {
    const { state, exitAt } = await g.ledger.order(id);
    const isOpen = state === 'reserved' && claimableAt(exitAt, window) <= now && exitAt >= chainNow + exitMarginSeconds;
    return isOpen ? abandonedOrder(g, id, place) : undefined;
  });
  return found.flatMap((order) => order ?? []);
}

async function abandonedOrder(
  g: GatewayContext,
  id: Hex,
  place: (judges: readonly JudgeStake[]) => number,
): Promise<AbandonedTrace | undefined> {
  const [judges, committeeSeats] = await Promise.all([g.ledger.electorate(id), g.ledger.committeeSeats(id)]);
  const rows = await g.sql.query<ClaimRow>('select * from claims where order_id = $1 order by idx, attempt, prover', [
    id,
  ]);
  const claims: ClaimedChunk[] = [];
  const chunks = new Set<number>();
  const slices = new Set<number>();
  const claimed = rows.map((row) => ({ ...row, claim: appealSchema.parse(row.claim) }));
  const judging = new Set(judges.map(({ operator }) => operator.toLowerCase()));
  let left = claimed[0]?.claim.order.message.budget ?? 0n;
  for (const { idx, attempt, claim } of claimed) {
    const program = await findProgram(g, claim.delivery.proof.statement.fingerprint);
    const chunk = await claimedChunk(g.sql, claim, program?.slices ?? [], { id, idx, attempt, judging });
    const own = claimedSlices(chunk);
    const { price } = claim.lock.message;
    // Of a chunk the first attempt that was accepted, as ever.
    if (chunks.has(idx) || own.some((slice) => slices.has(slice)) || price > left) continue;
    const { result } = judgeAttempt({ ...chunk, lockedAt: 0 }, { endedAt: 0, committeeSeats }, judges);
    if (result !== 'accepted') continue;
    for (const slice of own) slices.add(slice);
    chunks.add(idx);
    left -= price;
    claims.push(chunk);
  }
  if (claims.length === 0) return undefined;
  return { id, order: claimed[0].claim.order, electorate: place(judges), committeeSeats, claims };
}

async function claimedChunk(
  sql: Sql,
  { lock, delivery }: Appeal,
  sizes: readonly { readonly workUnits: number }[],
  { id, idx, attempt, judging }: { id: Hex; idx: number; attempt: number; judging: ReadonlySet<string> },
): Promise<ClaimedChunk> {
  const rows = await sql.query<{ signed: unknown }>(
    `select signed from testimonies where order_id = $1 and idx = $2 and attempt = $3 and signed is not null
     order by validator`,
    [id, idx, attempt],
  );
  // Verdicts of those who do not judge it count for nothing, and must not hold up the epoch.
  const given = rows
    .map((row): Testimony => testimonySchema.parse(row.signed))
    .filter(({ verdict }) => judging.has(verdict.message.validator));
  const workUnits = claimedSlices(delivery).reduce((sum, slice) => sum + (sizes[slice]?.workUnits ?? 0), 0);
  const commits = given.map(({ commit }) => commit);
  const verdicts = given.map(({ verdict }) => verdict);
  return { lock, receipt: delivery.receipt, proof: delivery.proof, workUnits, commits, verdicts };
}

/** Of orders that are settled, or whose reserve is back. Validators are asked about all others at every poll. */
export async function forgetClaims(g: GatewayContext): Promise<void> {
  // An exit that an epoch holds up does not bring them back: that epoch settles the order.
  await g.sql.execute('delete from claims where epoch is null and exit_at < $1', [Math.floor(g.nowMs() / 1000)]);
  const open = await g.sql.query<{ order_id: Hex }>(
    'select * from (select distinct order_id from claims where epoch is null) c order by random() limit $1',
    [ABANDONED_AT_ONCE],
  );
  const states = await lookUpEach(open, ({ order_id: id }) => g.ledger.order(id));
  const over = open.filter((_, k) => states[k].state === 'settled' || states[k].state === 'exited');
  await g.sql.execute('delete from claims where epoch is null and order_id = any($1)', [over.map((c) => c.order_id)]);
  await g.sql.execute(
    `delete from testimonies t where not exists
       (select 1 from claims c where (c.order_id, c.idx, c.attempt) = (t.order_id, t.idx, t.attempt))`,
  );
}
