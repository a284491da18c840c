/** Who judges an attempt: a committee where there are more validators than seats, and everyone where it did not accept. */
import type { Address, Hex } from 'viem';
import { ROLE } from '../../messages/index.js';
import { committeeOf, type JudgeStake } from '../../scoring/index.js';
import { ABANDONED_AT_ONCE } from './claims.js';
import type { GatewayContext } from './gateway-context.js';

export interface AttemptKey {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
}

export interface Judges {
  /** All that were active when the order was reserved. */
  readonly all: readonly JudgeStake[];
  /** Seats by operator in lower case; undefined where there is no committee. */
  readonly committee: ReadonlyMap<string, bigint> | undefined;
  /** Those who are asked, with what they weigh: seats of a committee, else stake. */
  readonly asked: readonly JudgeStake[];
}

/** Of each list of validators as the ledger remembers it: every validator asks about the same attempts. */
const drawn = new WeakMap<readonly JudgeStake[], Map<string, Judges>>();
const REMEMBERED = 1_024;

/** @param everyone where a committee did not accept */
export async function judgesOf(g: GatewayContext, key: AttemptKey, everyone: boolean): Promise<Judges> {
  const { ledger } = g;
  const [all, committeeSeats] = await Promise.all([ledger.electorate(key.order), ledger.committeeSeats(key.order)]);
  if (all.length <= committeeSeats) return { all, committee: undefined, asked: all };
  const known = drawn.get(all) ?? new Map<string, Judges>();
  drawn.set(all, known);
  const name = `${key.order} ${key.chunk} ${key.attempt} ${committeeSeats}`;
  const judges = known.get(name) ?? draw(key, all, committeeSeats);
  if (known.size >= REMEMBERED) known.clear();
  known.set(name, judges);
  return everyone ? { ...judges, asked: all } : judges;
}

function draw(key: AttemptKey, all: readonly JudgeStake[], seats: number): Judges {
  const committee = committeeOf(key, all, seats);
  if (!committee) return { all, committee, asked: all };
  const asked = all.flatMap((v) => {
    const stake = committee.get(v.operator.toLowerCase());
    return stake === undefined ? [] : [{ ...v, stake }];
  });
  return { all, committee, asked };
}

/** Whether this validator is to judge the attempt. */
export async function isAsked(g: GatewayContext, validator: Address, key: AttemptKey, everyone: boolean) {
  const { asked } = await judgesOf(g, key, everyone);
  return asked.some(({ operator }) => operator.toLowerCase() === validator);
}

/** Whether an operator that announced itself as a validator was one when an order was reserved that still runs, or is claimed. */
export async function judgesRunningOrder(g: GatewayContext, sender: Address): Promise<boolean> {
  // Nothing is looked up for strangers: only who had stake has been able to announce itself.
  const orders = await g.sql.query<{ id: Hex }>(
    `select id from (select id from orders where state = 'running' and manifest is not null
         union (select distinct order_id from claims where epoch is null limit $3)) o
       where exists (select 1 from operators where address = $1 and (roles & $2) <> 0)`,
    [sender, ROLE.validator, ABANDONED_AT_ONCE],
  );
  for (const { id } of orders) {
    const judges = await g.ledger.electorate(id);
    if (judges.some(({ operator }) => operator.toLowerCase() === sender)) return true;
  }
  return false;
}

export function isMoreThanTwoThirds(voted: ReadonlySet<string>, asked: readonly JudgeStake[]): boolean {
  const total = asked.reduce((sum, v) => sum + v.stake, 0n);
  const stake = asked.reduce((sum, v) => (voted.has(v.operator.toLowerCase()) ? sum + v.stake : sum), 0n);
  return stake * 3n > total * 2n;
}

/** Whether more than two thirds of those who are asked have committed, or revealed. */
export async function isQuorum(g: GatewayContext, table: 'commits' | 'verdicts', key: AttemptKey): Promise<boolean> {
  const rows = await g.sql.query<{ validator: Address; everyone: boolean }>(
    `select v.validator, a.everyone from ${table} v
     join attempts a on (a.order_id, a.idx, a.attempt) = (v.order_id, v.idx, v.attempt)
     where v.order_id = $1 and v.idx = $2 and v.attempt = $3`,
    [key.order, key.chunk, key.attempt],
  );
  const { asked } = await judgesOf(g, key, rows[0]?.everyone ?? false);
  return isMoreThanTwoThirds(new Set(rows.map((r) => r.validator)), asked);
}
