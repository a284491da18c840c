/** The operators that announced themselves here, and what the market knows of the provers among them. */
import type { Address } from 'viem';
import { type Offer as ProverOffer, type RatePolicy, updateRate, type WorkDone } from '../../market/index.js';
import { canonicalBytes, digestAsBytes32, digestOfBytes } from '../../messages/canonical.js';
import { type EndpointDocument, ROLE, signerOf, toJson } from '../../messages/index.js';
import { PROVER_ROLE, VALIDATOR_ROLE } from '../../scoring/index.js';
import { json, type Sql } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { GatewayContext } from './gateway-context.js';
import { judgesRunningOrder } from './judges.js';
import { readEndpoint } from './order-rows.js';

/** Takes an endpoint record: signed by its operator, fresh, and newer than the one that is known. */
export async function putEndpoint(g: GatewayContext, address: Address, document: EndpointDocument): Promise<void> {
  const { record, capability } = document;
  const { operator, expiresAt, sequence, roles } = record.message;
  if (operator !== address || (await signerOf(g.network, 'Endpoint', record))?.toLowerCase() !== operator) {
    throw new Refusal(400, 'bad-signature', 'the endpoint record is not signed by its operator', 'sign it again');
  }
  if (record.message.capability !== digestAsBytes32(digestOfBytes(canonicalBytes(capability)))) {
    throw new Refusal(
      400,
      'bad-capability',
      'the record is about another capability',
      'sign the capability that is sent',
    );
  }
  await requireStake(g, address, roles);
  if (expiresAt * 1000 <= g.nowMs())
    throw new Refusal(400, 'expired', 'the endpoint record has expired', 'sign a new one');
  const taken = await g.sql.execute(
    `insert into operators (address, endpoint, sequence, roles, ask, capacity, rate, seen_ms)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (address) do update set endpoint = excluded.endpoint, sequence = excluded.sequence,
       roles = excluded.roles, ask = excluded.ask, capacity = excluded.capacity, seen_ms = excluded.seen_ms,
       rate = case when operators.rate > 0 then operators.rate else excluded.rate end
     where excluded.sequence >= operators.sequence`,
    [
      address,
      json(toJson(document)),
      sequence,
      roles,
      capability.ask,
      capability.capacity,
      capability.workUnitsPerSecond,
      g.nowMs(),
    ],
  );
  seenLately.get(g.sql)?.delete(address);
  if (taken === 0) {
    throw new Refusal(409, 'old-sequence', 'a newer endpoint record is known', 'raise the sequence and sign again');
  }
}

/** How long it is taken as said that an operator was heard of: far below `silenceMs`. */
const SEEN_MS = 1_000;
const REMEMBERED = 1_024;

interface Seen {
  readonly endpoint: EndpointDocument;
  readonly roles: number;
  readonly atMs: number;
}

/** Of each database, the oldest first: an operator asks many times a second. */
const seenLately = new WeakMap<GatewayContext['sql'], Map<Address, Seen>>();

/** Strangers without stake get no offers and no duties: nothing is kept of them. @throws Refusal */
async function requireStake(g: GatewayContext, address: Address, roles: number): Promise<void> {
  const [prover, validator] = await Promise.all([
    g.ledger.stakeOf(PROVER_ROLE, address),
    g.ledger.stakeOf(VALIDATOR_ROLE, address),
  ]);
  const staked = (roles & ROLE.prover && prover.active > 0n) || (roles & ROLE.validator && validator.active > 0n);
  const judges = (roles & ROLE.validator) !== 0 && !staked && (await judgesRunningOrder(g, address));
  if (!staked && !judges)
    throw new Refusal(403, 'no-stake', `${address} has no stake in the roles that it says`, 'stake first');
}

/** Notes that the operator was heard of. @throws Refusal `unknown-operator` */
export async function seeOperator(
  g: GatewayContext,
  address: Address,
  role: keyof typeof ROLE,
): Promise<EndpointDocument> {
  const lately = seenLately.get(g.sql)?.get(address);
  const age = lately ? g.nowMs() - lately.atMs : Number.POSITIVE_INFINITY;
  const { endpoint, roles } = lately && age >= 0 && age < SEEN_MS ? lately : await noteSeen(g, address);
  if ((roles & ROLE[role]) === 0) {
    throw new Refusal(403, 'wrong-role', `the endpoint record of ${address} says no ${role}`, 'announce the role');
  }
  return endpoint;
}

async function noteSeen(g: GatewayContext, address: Address): Promise<Seen> {
  const atMs = g.nowMs();
  const [row] = await g.sql.query<{ endpoint: unknown; roles: number }>(
    'update operators set seen_ms = $2 where address = $1 returning endpoint, roles',
    [address, atMs],
  );
  if (!row) {
    throw new Refusal(404, 'unknown-operator', `${address} has no endpoint record here`, 'PUT /v1/endpoints/{address}');
  }
  const seen = { endpoint: readEndpoint(row.endpoint), roles: row.roles, atMs };
  const all = seenLately.get(g.sql) ?? new Map<Address, Seen>();
  seenLately.set(g.sql, all);
  all.delete(address);
  all.set(address, seen);
  for (const oldest of all.keys()) {
    if (all.size <= REMEMBERED) break;
    all.delete(oldest);
  }
  return seen;
}

interface ProverRow {
  readonly address: Address;
  readonly ask: string;
  readonly capacity: number;
  readonly rate: number;
  readonly in_flight: number;
  readonly work_in_flight: number;
  readonly held: string;
  readonly failures: number;
}

/** What provers that were heard of lately ask and can take. */
export async function standingOffers(g: GatewayContext): Promise<Omit<ProverOffer, 'workOfOrder'>[]> {
  const now = g.nowMs();
  const { failureWindowSeconds } = await g.provers();
  const rows = await g.sql.query<ProverRow>(
    `select o.address, o.ask::text as ask, o.capacity, o.rate,
       (select count(*) from chunks c where c.offered_to = o.address and c.state in ('offered', 'locked'))::int as in_flight,
       (select coalesce(sum(c.work_units), 0) from chunks c
          where c.offered_to = o.address and c.state in ('offered', 'locked'))::bigint as work_in_flight,
       (select coalesce(sum(a.collateral), 0) from attempts a join orders d on d.id = a.order_id
          where a.prover = o.address
            and (a.outcome is null or (a.outcome in ('missed', 'rejected') and d.state <> 'settled')))::text as held,
       (select count(*) from attempts a where a.prover = o.address and a.outcome in ('missed', 'rejected')
          and a.ended_ms > $2)::int as failures
     from operators o where (o.roles & $3) <> 0 and o.seen_ms > $1`,
    [now - g.settings.silenceMs, now - failureWindowSeconds * 1000, ROLE.prover],
  );
  return Promise.all(
    rows.map(async (r) => {
      const { active } = await g.ledger.stakeOf(PROVER_ROLE, r.address);
      return {
        address: r.address,
        ask: BigInt(r.ask),
        capacity: r.capacity,
        inFlight: r.in_flight,
        workInFlight: r.work_in_flight,
        measuredRate: Math.max(r.rate, 1),
        freeStake: active - BigInt(r.held),
        failures: r.failures,
      };
    }),
  );
}

/** Learns a prover's rate from a receipt. */
export async function learnRate(tx: Sql, prover: Address, done: WorkDone, policy: RatePolicy): Promise<void> {
  const [row] = await tx.query<{ rate: number }>('select rate from operators where address = $1', [prover]);
  if (!row) return;
  const rate = updateRate(row.rate || undefined, done, policy);
  await tx.execute('update operators set rate = $2 where address = $1', [prover, rate]);
}
