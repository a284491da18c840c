/**
 * What happens to orders, for whoever follows: in a table, so that a reader resumes and gateways on one database see
 * each other's. Topics: `order:<id>`, `prover:<address>`, `validators`.
 */
import type { Address, Hex } from 'viem';
import { type EventKind, type Offer, type OrderEvent, toJson } from '../../messages/index.js';
import { json, type Sql, type SqlStore } from '../../store/index.js';
import type { ServerEvent } from '../../transport/server/event-stream.js';
import type { GatewayContext } from './gateway-context.js';
import { type AttemptKey, isAsked } from './judges.js';

const CHANNEL = 'dsperse_events';
const PAGE = 200;
/** Looked at again after this long, should a notification be lost. */
const POLL_MS = 5_000;

export const topicOf = {
  order: (id: Hex) => `order:${id}`,
  prover: (address: Address) => `prover:${address.toLowerCase()}`,
  validators: 'validators',
};

async function append(tx: Sql, topic: string, kind: string, data: unknown, atMs: number): Promise<void> {
  await tx.execute(
    `insert into events (topic, kind, data, at_ms) values ($1, $2, $3, $4) returning pg_notify('${CHANNEL}', topic)`,
    [topic, kind, json(toJson(data)), atMs],
  );
}

export type EventDetails = Omit<OrderEvent, 'kind' | 'order' | 'atMs'>;

/** A step of an order's life. */
export function tellOrder(
  tx: Sql,
  kind: EventKind,
  order: Hex,
  atMs: number,
  details: EventDetails = {},
): Promise<void> {
  return append(tx, topicOf.order(order), kind, { kind, order, atMs, ...details }, atMs);
}

export const tellOffer = (tx: Sql, prover: Address, offer: Offer, atMs: number): Promise<void> =>
  append(tx, topicOf.prover(prover), 'offer', offer, atMs);

/** To a prover: what it holds has ended. */
export const tellProver = (
  tx: Sql,
  prover: Address,
  kind: 'released' | 'judged',
  data: { order: Hex; chunk: number; attempt: number; outcome: string },
  atMs: number,
): Promise<void> => append(tx, topicOf.prover(prover), kind, data, atMs);

export const tellValidators = (
  tx: Sql,
  kind: 'reveal' | 'epoch' | 'weights',
  data: object,
  atMs: number,
): Promise<void> => append(tx, topicOf.validators, kind, data, atMs);

/** A proof is to be verified: by its committee, where it has one and `everyone` is not set. */
export const tellJudges = (
  tx: Sql,
  key: AttemptKey & { readonly proof?: string },
  atMs: number,
  everyone = false,
): Promise<void> => append(tx, topicOf.validators, 'verify', { ...key, everyone }, atMs);

/** What this validator is told of an event on the validators' topic; undefined where it is others' duty. */
export async function toldTo(
  g: GatewayContext,
  validator: Address,
  event: ServerEvent,
): Promise<ServerEvent | undefined> {
  if (event.event !== 'verify') return event;
  const { everyone, ...key } = event.data as AttemptKey & { readonly everyone: boolean };
  return (await isAsked(g, validator, key, everyone)) ? { ...event, data: key } : undefined;
}

interface EventRow {
  readonly seq: number;
  readonly kind: string;
  readonly data: unknown;
}

export class EventLog {
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Of a topic what is being read: followers that were woken together read it once. */
  readonly #reading = new Map<string, { readonly after: number; readonly rows: Promise<EventRow[]> }>();
  #stopListening: (() => Promise<void>) | undefined;

  /** @param onEvent told the kind of every event that a follower is given */
  constructor(
    private readonly sql: SqlStore,
    private readonly onEvent: (kind: string) => void = () => {},
  ) {}

  async start(): Promise<void> {
    const wakeAll = () => {
      for (const topic of this.#waiting.keys()) this.#wake(topic);
    };
    this.#stopListening = await this.sql.listen(CHANNEL, (topic) => this.#wake(topic), wakeAll);
  }

  async stop(): Promise<void> {
    await this.#stopListening?.();
    for (const topic of this.#waiting.keys()) this.#wake(topic);
  }

  #wake(topic: string): void {
    // What is being read may be from before the event: whoever joins now would miss it.
    this.#reading.delete(topic);
    for (const wake of this.#waiting.get(topic) ?? []) wake();
  }

  #read(topic: string, after: number): Promise<EventRow[]> {
    const running = this.#reading.get(topic);
    if (running?.after === after) return running.rows;
    const rows = this.sql.query<EventRow>(
      'select seq, kind, data from events where topic = $1 and seq > $2 order by seq limit $3',
      [topic, after, PAGE],
    );
    const reading = { after, rows };
    this.#reading.set(topic, reading);
    const done = () => {
      if (this.#reading.get(topic) === reading) this.#reading.delete(topic);
    };
    rows.then(done, done);
    return rows;
  }

  /** The number of the last event. */
  async last(): Promise<number> {
    const [row] = await this.sql.query<{ seq: number | null }>('select max(seq) as seq from events');
    return row?.seq ?? 0;
  }

  /**
   * Events of a topic after the given number, as they come; ends with the signal.
   * @param shown what the follower is told of an event; nothing where undefined
   */
  async *follow(
    topic: string,
    after: number,
    signal: AbortSignal,
    shown: (event: ServerEvent) => Promise<ServerEvent | undefined> = async (event) => event,
  ): AsyncGenerator<ServerEvent> {
    let last = after;
    let woken = false;
    let resume: () => void = () => {};
    const wake = () => {
      woken = true;
      resume();
    };
    const waiting = this.#waiting.get(topic) ?? new Set();
    this.#waiting.set(topic, waiting.add(wake));
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        woken = false;
        const rows = await this.#read(topic, last);
        for (const { seq, kind, data } of rows) {
          last = seq;
          const event = await shown({ id: String(seq), event: kind, data });
          if (!event) continue;
          this.onEvent(kind);
          yield event;
        }
        if (rows.length === PAGE || woken || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          resume = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      signal.removeEventListener('abort', wake);
      waiting.delete(wake);
      if (waiting.size === 0) this.#waiting.delete(topic);
    }
  }
}
