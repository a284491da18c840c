/** Whether an order that is taken now will be settled before its requester can take the reserve back. */
import type { Hex } from 'viem';
import type { Ledger } from '../../chain/ledger.js';
import type { Sql } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import { TRACE_BYTES } from './build-trace.js';
import { placesForAbandoned } from './claims.js';
import type { Log } from './gateway-context.js';

const REMEMBER_MS = 2_000;
const RETRY_AFTER_SECONDS = 600;
const PARAMETERS = [
  'epochOrdersMax',
  'epochSeconds',
  'challengeSeconds',
  'collectSecondsMax',
  'exitSeconds',
  'cancelSeconds',
  'exitMarginSeconds',
] as const;

type SettlementTerms = Readonly<Record<(typeof PARAMETERS)[number], bigint>>;

/** Orders that are open, and those that ended and are in no posted epoch, with the bytes of their traces. */
interface Waiting {
  readonly open: number;
  readonly ended: number;
  readonly bytes: number;
}

/**
 * Epochs that are posted while the reserve of an order that has ended is safe. It can be taken back `exitSeconds` after the
 * deadline, or `cancelSeconds` after the request to cancel, upon which an order ends: so no sooner than the shorter of both after
 * it ended. The next epoch is proposed once the one before is final, and not within `epochSeconds` of it; validators sign it
 * within `collectSecondsMax`. At least one: an order that waits behind no other is in the next.
 */
export function epochsInTime(terms: SettlementTerms): number {
  const { epochSeconds, challengeSeconds, exitSeconds, cancelSeconds } = terms;
  const safe = (exitSeconds < cancelSeconds ? exitSeconds : cancelSeconds) - terms.exitMarginSeconds;
  const cycle = (epochSeconds > challengeSeconds ? epochSeconds : challengeSeconds) + terms.collectSecondsMax;
  return Math.max(Number(safe / cycle), 1);
}

/**
 * Epochs take orders in the sequence in which they ended: while at most so many are open or wait, each of them waits behind no more
 * than these epochs take, by number and by bytes; in each, orders that another gateway abandoned may take places. Those that are open are expected to be as large as those that wait.
 */
export function hasRoom({ open, ended, bytes }: Waiting, epochs: number, epochOrdersMax: number): boolean {
  const mean = ended === 0 ? 0 : bytes / ended;
  const places = epochOrdersMax - placesForAbandoned(epochOrdersMax);
  return open + ended < epochs * places && bytes + open * mean < epochs * TRACE_BYTES;
}

/** What waits in a database, for all gateways on it. */
export async function readWaiting(sql: Sql): Promise<Waiting> {
  const [waiting] = await sql.query<Waiting>(
    `select (select count(*) from orders where state in ('received', 'reserved', 'running'))::int as open,
       count(*)::int as ended, coalesce(sum(trace_bytes), 0)::bigint as bytes from (
       select trace_bytes from orders where epoch is null and reserved and ended_ms is not null
       union all
       select trace_bytes from orders where epoch in (select epoch from epochs where state = 'collecting')
     ) waiting`,
  );
  return waiting;
}

/** Keeps how large the trace of an order that ended is: as JSON, of what is signed in it. */
export async function noteTraceBytes(sql: Sql, id: Hex): Promise<void> {
  const size = (x: string) => `coalesce(octet_length((${x})::text), 0)`;
  const attempt = ['lock', 'release', `delivery->'receipt'`, `delivery->'proof'`, 'acknowledgement']
    .map(size)
    .join(' + ');
  const sum = (table: string, bytes: string) => `(select coalesce(sum(${bytes}), 0) from ${table} where order_id = $1)`;
  await sql.execute(
    `update orders set trace_bytes = ${size('signed')} + ${sum('attempts', attempt)} + ${sum('commits', size('signed'))} +
       ${sum('verdicts', size('signed'))} where id = $1`,
    [id],
  );
}

export interface SettlementRoomOptions {
  readonly sql: Sql;
  readonly ledger: Pick<Ledger, 'parameters'>;
  readonly log: Pick<Log, 'warn' | 'info'>;
  nowMs(): number;
}

/** Counted every now and then; what this gateway took meanwhile is added. */
export class SettlementRoom {
  #seen: { readonly atMs: number; readonly waiting: Waiting } | undefined;
  #taken = 0;
  #isBehind = false;

  constructor(private readonly options: SettlementRoomOptions) {}

  /** An order was taken. */
  noteTaken(): void {
    this.#taken++;
  }

  /** @throws Refusal `settlement-behind` */
  async require(): Promise<void> {
    const { log } = this.options;
    const terms = await this.options.ledger.parameters(PARAMETERS);
    const { open, ended, bytes } = await this.#waiting();
    const epochs = epochsInTime(terms);
    const isBehind = !hasRoom({ open: open + this.#taken, ended, bytes }, epochs, Number(terms.epochOrdersMax));
    if (isBehind !== this.#isBehind) {
      this.#isBehind = isBehind;
      const facts = { open, ended, bytes, epochs };
      if (isBehind) log.warn(facts, 'settlement is behind: orders are refused until epochs have caught up');
      else log.info(facts, 'settlement has caught up: orders are taken again');
    }
    if (!isBehind) return;
    throw new Refusal(
      429,
      'settlement-behind',
      `${ended} orders that ended here wait to be settled: another might not be settled before its reserve returns`,
      'order from another gateway, or here again once epochs have caught up: within a day or so',
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  async #waiting(): Promise<Waiting> {
    const { sql, nowMs } = this.options;
    const now = nowMs();
    if (!this.#seen || now - this.#seen.atMs > REMEMBER_MS) {
      this.#taken = 0;
      this.#seen = { atMs: now, waiting: await readWaiting(sql) };
    }
    return this.#seen.waiting;
  }
}
