/**
 * Moves one order on as far as it goes: the one place where its state changes by itself. It may be called at any time, by any
 * gateway on the database (a lease keeps them apart), and again after a crash at any line.
 */
import { unitBoundary } from '@dsperse/core/verify';
import type { Address, Hex } from 'viem';
import { LedgerError } from '../../chain/ledger.js';
import { canonicalBytes, digestAsBytes32, digestOfBytes } from '../../messages/canonical.js';
import { decodeBundle, signMessage, toJson } from '../../messages/index.js';
import { json } from '../../store/index.js';
import { ActivationError, type ActivationPool } from './activation-pool.js';
import { tellJudges, tellOrder, tellProver } from './event-log.js';
import { getPrivate, putPrivate } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { judgeChunk } from './judge-chunk.js';
import { offerChunks } from './offer-chunks.js';
import { type AttemptRow, loadAttempts, loadChunks, loadOrder, type OrderRow, orderRow } from './order-rows.js';
import { wasAway } from './outages.js';
import { chunksOf } from './plan-chunks.js';
import { findProgram } from './programs.js';
import { type ActivationListener, hasInnerTensors, runActivations } from './run-activations.js';
import { noteTraceBytes } from './settlement-room.js';
import { endAttempt } from './take-work.js';

const LEASE_MS = 15_000;
/** How often the reserve of an order that runs is looked up: a chain may lose its last blocks. */
const RESERVE_CHECK_MS = 5_000;

/** The order was not begun, or by another gateway: what was computed of it is not needed here. */
class NotBegun extends Error {
  override readonly name = 'NotBegun';
}

/** What an inference that started before the order is told of it. */
interface Beginning {
  /** @param at in seconds */
  begun(at: number): void;
  /** Changes nothing where it has begun. */
  failed(): void;
}

/** Requesters that are remembered of those whose orders were not begun. */
const UNBEGUN = 1_024;

export class OrderRunner {
  /** Orders whose inference runs in this process. */
  readonly #inferring = new Set<Hex>();
  /** Requesters with an order whose inference started before it was begun: no second one starts so early. */
  readonly #early = new Set<Address>();
  /** When the chain was last seen to hold the reserve. */
  readonly #reserveSeenMs = new Map<Hex, number>();
  /** Leases of this gateway: one that is far from its end need not be written again. */
  readonly #leasedUntilMs = new Map<Hex, number>();

  constructor(
    private readonly g: GatewayContext,
    private readonly pool: ActivationPool,
  ) {}

  /** @returns milliseconds since 1970 at which to look again without an event; undefined where the order has ended */
  async advance(id: Hex): Promise<number | undefined> {
    const { g } = this;
    const now = g.nowMs();
    const leased = await this.#leased(id, now);
    if (!leased) {
      const order = await loadOrder(g.sql, id);
      if (order && ['received', 'reserved', 'running'].includes(order.state)) return now + LEASE_MS / 3;
      this.#reserveSeenMs.delete(id);
      return undefined;
    }
    const order = orderRow(leased);
    switch (order.state) {
      case 'received':
        return this.#reserve(order);
      case 'reserved':
        return this.#begin(order);
      default:
        return this.#run(order);
    }
  }

  /** The order, where this gateway holds its lease or takes it, and it has not ended. */
  async #leased(id: Hex, now: number): Promise<Record<string, unknown> | undefined> {
    const { sql, holder } = this.g;
    if ((this.#leasedUntilMs.get(id) ?? 0) > now + LEASE_MS / 2) {
      const [held] = await sql.query(
        `select * from orders where id = $1 and lease = $2 and state in ('received', 'reserved', 'running')`,
        [id, holder],
      );
      if (held) return held;
    }
    const [taken] = await sql.query(
      `update orders set lease = $2, lease_until_ms = $3
       where id = $1 and (lease = $2 or lease_until_ms < $4) and state in ('received', 'reserved', 'running') returning *`,
      [id, holder, now + LEASE_MS, now],
    );
    if (taken) this.#leasedUntilMs.set(id, now + LEASE_MS);
    else this.#leasedUntilMs.delete(id);
    return taken;
  }

  async #reserve(order: OrderRow): Promise<number | undefined> {
    const { g } = this;
    if (order.cancelled) return this.#end(order, 'cancelled', 'cancelled before it was reserved');
    if (order.deadline * 1000 <= g.nowMs()) return this.#end(order, 'expired', 'it could not be reserved in time');
    const early = this.#inferEarly(order);
    try {
      return await this.#reserveAndBegin(order, early);
    } finally {
      early?.failed();
    }
  }

  async #reserveAndBegin(order: OrderRow, early: Beginning | undefined): Promise<number | undefined> {
    const { g } = this;
    try {
      await g.ledger.reserve(order.signed);
    } catch (error) {
      if (error instanceof LedgerError && !error.retryable) return this.#end(order, 'failed', error.message);
      g.log.warn({ order: order.id, error: (error as Error).message }, 'reserving is tried again');
      return g.nowMs() + g.settings.tickMs;
    }
    const now = g.nowMs();
    this.#reserveSeenMs.set(order.id, now);
    await g.sql.transaction(async (tx) => {
      const changed = await tx.execute(
        `update orders set state = 'reserved', reserved = true where id = $1 and state = 'received'`,
        [order.id],
      );
      if (changed > 0) await tellOrder(tx, 'reserved', order.id, now, { price: order.budget });
    });
    return this.#begin(order, early);
  }

  async #begin(order: OrderRow, early?: Beginning): Promise<number | undefined> {
    const { g } = this;
    const program = await findProgram(g, order.fingerprint);
    if (!program) return this.#end(order, 'failed', 'the program is not published any more');
    const chunks = await chunksOf(g, program);
    const now = g.nowMs();
    const startedAt = Math.floor(now / 1000);
    const isOurs = await g.sql.transaction(async (tx) => {
      const changed = await tx.execute(
        `update orders set state = 'running', started_at = $2 where id = $1 and state = 'reserved'`,
        [order.id, startedAt],
      );
      if (changed === 0) return false;
      for (const c of chunks) {
        await tx.execute(
          `insert into chunks (order_id, idx, slices, work_units, state) values ($1, $2, $3, $4, 'waiting')`,
          [order.id, c.index, json(c.slices), c.workUnits],
        );
      }
      await tellOrder(tx, 'chunked', order.id, now, { detail: `${chunks.length} chunks` });
      return true;
    });
    this.#early.delete(order.requester);
    if (isOurs) early?.begun(startedAt);
    return now;
  }

  async #run(order: OrderRow): Promise<number | undefined> {
    const { g } = this;
    const lost = await this.#reserveLost(order);
    if (lost !== undefined) return this.#end(order, 'failed', lost);
    if (!order.manifest) this.#infer(order);
    const [chunks, attempts, { lockGraceSeconds, judgingGraceSeconds }] = await Promise.all([
      loadChunks(g.sql, order.id),
      loadAttempts(g.sql, order.id),
      g.timing(),
    ]);
    const now = g.nowMs();
    const held = chunks.filter((c) => c.state === 'locked' || c.state === 'proven');
    const judging = chunks.some((c) => c.state === 'proven');
    if (chunks.every((c) => c.state === 'accepted') && order.manifest) return this.#end(order, 'delivered');
    const deadlineMs = order.deadline * 1000;
    // After its deadline it still waits for verdicts on what was delivered in time.
    if (now >= deadlineMs + (judging ? judgingGraceSeconds * 1000 : 0)) {
      return this.#end(
        order,
        'expired',
        `${chunks.filter((c) => c.state === 'accepted').length} of ${chunks.length} chunks were accepted`,
      );
    }
    // What is locked was promised to its prover: a cancelled order waits for it.
    if (order.cancelled && held.length === 0) return this.#end(order, 'cancelled', 'cancelled by the requester');
    let next = Math.min(deadlineMs, now + g.settings.tickMs * 5);
    let changed = false;
    for (const chunk of held) {
      const attempt = attempts.find((a) => a.index === chunk.index && a.attempt === chunk.attempt);
      if (!attempt) continue;
      if (chunk.state === 'locked') {
        const missedAt = (attempt.deadline + lockGraceSeconds) * 1000;
        if (now < missedAt) {
          next = Math.min(next, missedAt);
          continue;
        }
        await this.#endMissed(attempt, missedAt, now);
        changed = true;
      } else if (order.manifest) {
        const at = await judgeChunk(g, order.manifest, chunk, attempt);
        if (at <= now) changed = true;
        next = Math.min(next, at);
      }
    }
    if (changed) return now;
    return Math.min(next, await offerChunks(g, order, chunks, attempts));
  }

  /** No proof came in time: the prover's fault only where there was a gateway for it all the time. */
  async #endMissed(attempt: AttemptRow, missedAtMs: number, now: number): Promise<void> {
    const { g } = this;
    const { order, prover } = attempt;
    const isExcused = await wasAway(g, attempt.lockedMs, missedAtMs);
    const outcome = isExcused ? 'ended' : 'missed';
    const why = isExcused
      ? 'no gateway was there for a part of its time'
      : 'no proof came before the deadline of the lock';
    await g.sql.transaction(async (tx) => {
      if (!(await endAttempt(tx, attempt, outcome, why, now))) return;
      const key = { chunk: attempt.index, attempt: attempt.attempt };
      if (isExcused) {
        await tx.execute('update attempts set excused = true where order_id = $1 and idx = $2 and attempt = $3', [
          order,
          attempt.index,
          attempt.attempt,
        ]);
      }
      await tellOrder(tx, isExcused ? 'released' : 'missed', order, now, { ...key, prover, detail: why });
      await tellProver(tx, prover, 'released', { order, ...key, outcome }, now);
    });
    g.metrics.attempts.inc({ outcome });
  }

  /**
   * A reserve that a chain lost is made again, and a cancellation there is heeded: the time in which the order can be settled runs.
   * @returns why it cannot be, where the order must end
   */
  async #reserveLost(order: OrderRow): Promise<string | undefined> {
    const { g } = this;
    const seenMs = this.#reserveSeenMs.get(order.id) ?? 0;
    if (seenMs + RESERVE_CHECK_MS > g.nowMs()) return undefined;
    try {
      const { state, cancelRequested } = await g.ledger.order(order.id);
      if (cancelRequested) await g.sql.execute('update orders set cancelled = true where id = $1', [order.id]);
      if (state === 'settled' || state === 'exited') return `the order is ${state} on the chain`;
      if (state === 'none') {
        g.log.warn({ order: order.id }, 'the chain has lost the reserve: it is made again');
        await g.ledger.reserve(order.signed);
      }
      this.#reserveSeenMs.set(order.id, g.nowMs());
    } catch (error) {
      if (error instanceof LedgerError && !error.retryable) return error.message;
      g.log.debug({ order: order.id, error: (error as Error).message }, 'the reserve could not be looked up');
    }
    return undefined;
  }

  /**
   * While the chain takes the reserve, one order of a requester is computed already. Whoever has orders that come to nothing
   * wastes one inference.
   */
  #inferEarly(order: OrderRow): Beginning | undefined {
    if (this.#inferring.has(order.id) || this.#early.has(order.requester)) return undefined;
    if (this.#early.size >= UNBEGUN) this.#early.clear();
    this.#early.add(order.requester);
    let begun!: Beginning['begun'];
    let failed!: Beginning['failed'];
    const startedAt = new Promise<number>((resolve, reject) => {
      begun = resolve;
      failed = () => reject(new NotBegun('the order was not begun'));
    });
    startedAt.catch(() => undefined);
    this.#infer(order, startedAt);
    return { begun, failed };
  }

  /** Starts the inference of an order unless it runs already. */
  #infer(order: OrderRow, startedAt = Promise.resolve(order.startedAt as number)): void {
    const { g } = this;
    if (this.#inferring.has(order.id)) return;
    this.#inferring.add(order.id);
    this.#inferOnce(order, startedAt)
      .catch(async (error: unknown) => {
        // What is wrong with an order that was not begun here is found again by whoever begins it.
        if (
          await startedAt.then(
            () => false,
            () => true,
          )
        )
          return;
        if (error instanceof ActivationError && error.code !== 'worker-died') {
          await this.#end(order, 'failed', `${error.code}: ${error.message}`);
        } else {
          g.log.warn({ order: order.id, error: (error as Error).message }, 'the inference is tried again');
          await new Promise((resolve) => setTimeout(resolve, g.settings.tickMs));
        }
      })
      .catch((error) =>
        g.log.error({ order: order.id, error: (error as Error).message }, 'an order could not be ended'),
      )
      .finally(() => {
        this.#inferring.delete(order.id);
        g.wake(order.id);
      });
  }

  /** @param startedAt in seconds, once the order has begun: nothing is told of it before */
  async #inferOnce(order: OrderRow, startedAt: Promise<number>): Promise<void> {
    const { g, pool } = this;
    const program = await findProgram(g, order.fingerprint);
    if (!program) throw new ActivationError('unknown-program', 'the program is not published any more');
    const chunks = await (order.startedAt === undefined ? chunksOf(g, program) : loadChunks(g.sql, order.id));
    const given = order.activationsDigest && decodeBundle(await getPrivate(g, order.activationsDigest));
    const job = {
      secret: order.secret,
      input: decodeBundle(await getPrivate(g, order.inputDigest)),
      ...(given ? { given } : {}),
      outputs: program.outputs,
      chunks: chunks.map(({ slices }) => {
        return { slices, ...unitBoundary(program, slices[0], slices.length) };
      }),
    };
    const packages = program.slices.map((s) => s.package);
    const listener: ActivationListener = {
      chunk: async (index, bundle) => {
        await startedAt;
        const digest = await putPrivate(g, order.id, bundle);
        await g.sql.execute('update chunks set boundary_digest = $3 where order_id = $1 and idx = $2', [
          order.id,
          index,
          digest,
        ]);
        g.wake(order.id);
      },
    };
    // Where all is known with the input, there is nothing for a thread to do.
    const running = hasInnerTensors(job.chunks)
      ? pool.run(job, packages, listener)
      : runActivations(job, undefined, listener);
    // What it says of an order that was not begun is nothing.
    running.catch(() => undefined);
    const began = await startedAt;
    const { commitments, values } = await running;
    const manifest = {
      order: order.id,
      fingerprint: order.fingerprint,
      startedAt: began,
      chunks: chunks.map(({ index, slices, workUnits }) => ({ index, slices: [...slices], workUnits })),
      commitments,
    };
    const seal = await signMessage(g.identity.account, g.network, 'Manifest', {
      order: order.id,
      digest: digestAsBytes32(digestOfBytes(canonicalBytes(manifest))),
      gateway: g.identity.account.address,
    });
    const valuesDigest = await putPrivate(g, order.id, values);
    const now = g.nowMs();
    await g.sql.transaction(async (tx) => {
      const changed = await tx.execute(
        'update orders set manifest = $2, seal = $3, values_digest = $4 where id = $1 and manifest is null',
        [order.id, json(toJson(manifest)), json(toJson(seal)), valuesDigest],
      );
      if (changed === 0) return;
      const delivered = await tx.query<{ idx: number; attempt: number }>(
        `select idx, attempt from chunks where order_id = $1 and state = 'proven'`,
        [order.id],
      );
      for (const d of delivered) {
        await tellJudges(tx, { order: order.id, chunk: d.idx, attempt: d.attempt }, now);
      }
    });
  }

  /** Nothing follows but the settlement. Locks that are still held end with the order, at no cost. */
  async #end(
    order: OrderRow,
    state: 'delivered' | 'failed' | 'cancelled' | 'expired',
    reason?: string,
  ): Promise<undefined> {
    const { g } = this;
    this.#reserveSeenMs.delete(order.id);
    this.#leasedUntilMs.delete(order.id);
    // What this process reserved before it crashed is settled too.
    const reserved = order.state !== 'received' || (await g.ledger.order(order.id)).state === 'reserved';
    const now = g.nowMs();
    const ended = await g.sql.transaction(async (tx) => {
      const changed = await tx.execute(
        `update orders set state = $2, reason = $3, ended_ms = $4, reserved = $5
         where id = $1 and state in ('received', 'reserved', 'running')`,
        [order.id, state, reason ?? null, now, reserved],
      );
      if (changed === 0) return false;
      const held = await tx.query<{ idx: number; attempt: number; prover: `0x${string}` }>(
        `update attempts set outcome = 'ended', reason = 'the order ended', ended_ms = $2
         where order_id = $1 and outcome is null returning idx, attempt, prover`,
        [order.id, now],
      );
      for (const h of held) {
        const key = { order: order.id, chunk: h.idx, attempt: h.attempt };
        await tellProver(tx, h.prover, 'released', { ...key, outcome: 'ended' }, now);
      }
      await tx.execute(
        `update chunks set state = 'waiting', offered_to = null, offer = null where order_id = $1 and state <> 'accepted'`,
        [order.id],
      );
      await tx.execute(
        `insert into fills (order_id, idx, unit_price, seconds, filled, at_ms)
         select c.order_id, c.idx, coalesce(a.price * 1000000 / c.work_units, 0),
           coalesce((a.locked_ms / 1000.0) - o.started_at, $3), a.price is not null, $2
         from chunks c join orders o on o.id = c.order_id
         left join attempts a on a.order_id = c.order_id and a.idx = c.idx and a.outcome = 'accepted'
         where c.order_id = $1 and o.started_at is not null on conflict do nothing`,
        [order.id, now, Math.max(order.deadline - (order.startedAt ?? order.deadline), 0)],
      );
      await noteTraceBytes(tx, order.id);
      await tellOrder(tx, state, order.id, now, reason ? { detail: reason } : {});
      return true;
    });
    if (ended) {
      g.metrics.orders.inc({ state });
      g.log.info({ order: order.id, state, reason }, 'order ended');
    }
    return undefined;
  }
}
