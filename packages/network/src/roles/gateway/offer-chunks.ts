/** Offering the chunks of an order that wait, and taking offers back that nobody answered. */
import type { Address } from 'viem';
import { clearBatch, earliestTimeFor, type Offer as ProverOffer } from '../../market/index.js';
import { type Offer, toJson } from '../../messages/index.js';
import { json, type Sql } from '../../store/index.js';
import { barredForGood, barredProvers } from './barred-provers.js';
import { tellOffer, tellOrder } from './event-log.js';
import type { GatewayContext } from './gateway-context.js';
import { standingOffers } from './operators.js';
import type { AttemptRow, ChunkRow, OrderRow } from './order-rows.js';

/** @returns milliseconds since 1970 at which there is something to do again, without an event */
export async function offerChunks(
  g: GatewayContext,
  order: OrderRow,
  chunks: readonly ChunkRow[],
  attempts: readonly AttemptRow[],
): Promise<number> {
  const now = g.nowMs();
  let next = now + g.settings.tickMs;
  const overdue = chunks.filter((c) => c.state === 'offered' && (c.offerUntilMs as number) <= now);
  for (const chunk of overdue) await takeBack(g, chunk);
  for (const c of chunks)
    if (c.state === 'offered' && !overdue.includes(c)) next = Math.min(next, c.offerUntilMs as number);
  const waiting = chunks.filter(
    (c) => (c.state === 'waiting' || overdue.includes(c)) && c.boundaryDigest !== undefined,
  );
  if (waiting.length === 0 || order.cancelled) return next;
  const [provers, policy, passed, { restSeconds }] = await Promise.all([
    standingOffers(g),
    g.policy(),
    passes(g, order),
    g.provers(),
  ]);
  const standing = provers.map((p) => ({ ...p, workOfOrder: workOfOrder(p.address, chunks, attempts) }));
  const { message: terms } = order.signed;
  const startedAt = order.startedAt as number;
  const seconds = Math.floor(now / 1000);
  let committed = moneyHeld(chunks, attempts);
  const affordable = provers.filter((p) => p.ask <= terms.priceMax);
  const failedBy = (chunk: number): Address[] => {
    const barred = barredProvers(chunk, attempts);
    const isAnyLeft = affordable.some((p) => !barred.includes(p.address));
    return isAnyLeft ? barred : barredForGood(chunk, attempts, now, restSeconds);
  };
  const demands = waiting.map((chunk) => ({
    order: order.id,
    chunk: chunk.index,
    attempt: chunk.attempt,
    workUnits: chunk.workUnits,
    orderWorkUnits: chunks.reduce((n, c) => n + c.workUnits, 0),
    curve: terms,
    startedAt,
    orderDeadline: order.deadline,
    failedBy: failedBy(chunk.index),
  }));
  const declined = ({ chunk, attempt }: { chunk: number; attempt: number }, address: Address) =>
    passed.has(passKey(chunk, attempt, address));
  // Whoever let a chunk pass is asked again once all others have.
  const cleared = new Map(
    clearBatch(demands, standing, policy, seconds, declined).map(({ demand, candidate }) => [demand.chunk, candidate]),
  );
  for (const chunk of waiting) {
    const chosen = cleared.get(chunk.index);
    if (!chosen) {
      next = Math.min(next, nextAsk(standing, terms, startedAt, seconds) ?? next);
      continue;
    }
    if (declined({ chunk: chunk.index, attempt: chunk.attempt }, chosen.address)) {
      await g.sql.execute('delete from passes where order_id = $1 and idx = $2', [order.id, chunk.index]);
    }
    if (committed + chosen.price > order.budget) continue;
    const offer: Offer = {
      order: order.id,
      chunk: chunk.index,
      attempt: chunk.attempt,
      fingerprint: order.fingerprint,
      slices: [...chunk.slices],
      workUnits: chunk.workUnits,
      price: chosen.price,
      collateral: chosen.collateral,
      deadline: chosen.deadline,
      standsUntilMs: now + g.settings.offerMs,
    };
    if (!(await makeOffer(g, offer, chosen.address.toLowerCase() as Address, order.budget))) continue;
    committed += chosen.price;
    next = Math.min(next, offer.standsUntilMs);
  }
  return next;
}

/** Prices of what is accepted, locked or offered. */
function moneyHeld(chunks: readonly ChunkRow[], attempts: readonly AttemptRow[]): bigint {
  return chunks.reduce((sum, c) => {
    if (c.state === 'waiting') return sum;
    if (c.state === 'offered') return sum + (c.offer?.price ?? 0n);
    return sum + (attempts.find((a) => a.index === c.index && a.attempt === c.attempt)?.price ?? 0n);
  }, 0n);
}

function workOfOrder(prover: Address, chunks: readonly ChunkRow[], attempts: readonly AttemptRow[]): number {
  return chunks.reduce((sum, c) => {
    const holder =
      c.state === 'offered'
        ? c.offeredTo
        : attempts.find((a) => a.index === c.index && a.attempt === c.attempt && c.state !== 'waiting')?.prover;
    return holder === prover ? sum + c.workUnits : sum;
  }, 0);
}

/** When the curve reaches the lowest ask above it, in milliseconds. */
function nextAsk(
  provers: readonly Pick<ProverOffer, 'ask'>[],
  curve: Parameters<typeof earliestTimeFor>[0],
  startedAt: number,
  now: number,
): number | undefined {
  const times = provers.map((p) => earliestTimeFor(curve, startedAt, p.ask)).filter((t) => t !== undefined && t > now);
  return times.length === 0 ? undefined : Math.min(...(times as number[])) * 1000;
}

const passKey = (chunk: number, attempt: number, prover: Address) => `${chunk} ${attempt} ${prover.toLowerCase()}`;

async function passes(g: GatewayContext, order: OrderRow): Promise<Set<string>> {
  const rows = await g.sql.query<{ idx: number; attempt: number; prover: Address }>(
    'select idx, attempt, prover from passes where order_id = $1',
    [order.id],
  );
  return new Set(rows.map((r) => passKey(r.idx, r.attempt, r.prover)));
}

/** Only where the chunk still waits: another gateway may have been faster. */
async function makeOffer(g: GatewayContext, offer: Offer, prover: Address, budget: bigint): Promise<boolean> {
  const now = g.nowMs();
  return g.sql.transaction(async (tx) => {
    // Counted again here: two gateways may look at the order at the same time.
    const [held] = await tx.query<{ sum: string }>(
      `select coalesce(sum(case when c.state = 'offered' then (c.offer->>'price')::numeric else a.price end), 0)::text as sum
       from chunks c left join attempts a on a.order_id = c.order_id and a.idx = c.idx and a.attempt = c.attempt
       where c.order_id = $1 and c.state <> 'waiting'`,
      [offer.order],
    );
    if (BigInt(held.sum) + offer.price > budget) return false;
    const changed = await tx.execute(
      `update chunks set state = 'offered', offered_to = $4, offer = $5, offer_until_ms = $6
       where order_id = $1 and idx = $2 and attempt = $3 and state = 'waiting'`,
      [offer.order, offer.chunk, offer.attempt, prover, json(toJson(offer)), offer.standsUntilMs],
    );
    if (changed === 0) return false;
    await tellOffer(tx, prover, offer, now);
    const { chunk, attempt, price } = offer;
    await tellOrder(tx, 'offered', offer.order, now, { chunk, attempt, prover, price });
    return true;
  });
}

async function takeBack(g: GatewayContext, chunk: ChunkRow): Promise<void> {
  await g.sql.transaction((tx) => passOffer(tx, chunk));
}

/** The offer of a chunk goes to somebody else. */
export async function passOffer(
  tx: Sql,
  chunk: Pick<ChunkRow, 'order' | 'index' | 'attempt' | 'offeredTo'>,
): Promise<void> {
  const changed = await tx.execute(
    `update chunks set state = 'waiting', offered_to = null, offer = null, offer_until_ms = null
     where order_id = $1 and idx = $2 and attempt = $3 and state = 'offered'`,
    [chunk.order, chunk.index, chunk.attempt],
  );
  if (changed === 0 || !chunk.offeredTo) return;
  await tx.execute(
    'insert into passes (order_id, idx, attempt, prover) values ($1, $2, $3, $4) on conflict do nothing',
    [chunk.order, chunk.index, chunk.attempt, chunk.offeredTo],
  );
}
