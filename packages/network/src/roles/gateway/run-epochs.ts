/**
 * Settling orders that ended: one gateway at a time (a lease) proposes an epoch, collects the validators' signatures,
 * posts the root, and applies the leaves once the challenge window is over. Every step looks at the chain first.
 */
import type { Address, Hex } from 'viem';
import type { LeafProof, LedgerError, SettlementHead } from '../../chain/ledger.js';
import { type NetworkTiming, settlementParameters } from '../../chain/network-parameters.js';
import { canonicalBytes } from '../../messages/canonical.js';
import {
  type EpochRefusal,
  type EpochRoot,
  isSignedBy,
  messageSchema,
  type Signed,
  toJson,
} from '../../messages/index.js';
import {
  checkTrace,
  type EpochTrace,
  emptyState,
  leafProofs,
  type Settlement,
  type SettlementState,
  settleEpoch,
  sortLeaves,
  type ValidatorStake,
} from '../../scoring/index.js';
import { json } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import { type EpochDocument, epochDocumentSchema, rootOf, settlementSchema } from '../peer/epoch-document.js';
import { lookUpEach } from '../peer/look-up-each.js';
import { orderAt, traceContext } from '../validator/check-epoch.js';
import { EpochAdoption } from './adopt-epoch.js';
import { buildTrace } from './build-trace.js';
import { claimCommon } from './claim-common.js';
import { longestAsideMs, placesForAbandoned } from './claims.js';
import { actsFor } from './delegations.js';
import { tellOrder, tellValidators } from './event-log.js';
import { recordBlob } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { type OrderRow, orderRow } from './order-rows.js';
import { findProgram } from './programs.js';

const LEASE_MS = 30_000;
const LEAVES_PER_CALL = 100;
const SET_ASIDE_MS = 600_000;
const SET_ASIDE_MAX_MS = 24 * 3_600_000;
const SET_ASIDE_KEPT = 10_000;
/** After this long, what the chain confirmed of an epoch's settlement is looked up again: it may have lost it. */
const LOOK_AGAIN_MS = [5_000, 60_000];
const EPOCHS_AT_START = 5;
/** Epochs for which weights are kept: of those that may be proposed anew. */
const WEIGHTS_KEPT = 1_000;
const rootSchema = messageSchema('EpochRoot');

type EpochState = 'collecting' | 'posted' | 'settled' | 'abandoned';

/** Whether they have a third of the stake or more. */
function isThird(by: ReadonlySet<Address>, active: readonly ValidatorStake[]): boolean {
  const total = active.reduce((n, v) => n + v.stake, 0n);
  const stake = active.reduce((n, v) => (by.has(v.operator.toLowerCase() as Address) ? n + v.stake : n), 0n);
  return 3n * stake >= total;
}

/**
 * Validators that saw another chain than the proposer do not sign: then it is proposed anew, under the next number. Later
 * each time, as the chain takes no number far beyond its last: validators that were away sign the one that is open.
 */
function patienceSeconds(timing: NetworkTiming, skipped: number): number {
  return Math.min(timing.collectSeconds * (Math.max(skipped, 0) + 1), timing.collectSecondsMax);
}

const orderIds = (leaves: readonly Pick<LeafProof, 'leaf'>[]): Hex[] =>
  leaves.flatMap(({ leaf }) => (leaf.kind === 1 ? [leaf.order] : []));

/** Without the settlement: it holds all that anybody has earned, and the ids of many orders. */
interface EpochRow {
  readonly epoch: number;
  readonly state: EpochState;
  readonly root: Hex;
  readonly message: unknown;
  readonly created_ms: number;
}
const ROW = 'epoch, state, root, message, created_ms';

export class EpochRunner {
  /** Epochs that were settled lately: since when, and how often they were looked up since. */
  #settled: Map<number, { readonly atMs: number; looks: number }> | undefined;

  readonly adoption: EpochAdoption;

  /** Orders whose trace does not hold, and until when they are left out: each time for longer. */
  readonly #setAside = new Map<Hex, { untilMs: number; times: number }>();

  constructor(
    private readonly g: GatewayContext,
    private readonly onSettled: (settlement: Settlement) => void = () => {},
  ) {
    this.adoption = new EpochAdoption(g);
  }

  /** Moves the open epoch on, or opens one where orders wait to be settled. */
  async advance(): Promise<void> {
    const { g } = this;
    const now = g.nowMs();
    const leased = await g.sql.execute(
      `insert into leases (name, holder, until_ms) values ('epochs', $1, $2)
       on conflict (name) do update set holder = excluded.holder, until_ms = excluded.until_ms
       where leases.holder = $1 or leases.until_ms < $3`,
      [g.holder, now + LEASE_MS, now],
    );
    if (leased === 0) return;
    const head = await g.ledger.settlementHead();
    // The chain lost what it had confirmed: the same roots are posted again, the oldest first.
    await g.sql.execute(`update epochs set state = 'collecting' where state in ('posted', 'settled') and epoch > $1`, [
      head.last,
    ]);
    await this.adoption.look(head);
    await this.#lookAgain();
    const [open] = await g.sql.query<EpochRow>(
      `select ${ROW} from epochs where state in ('collecting', 'posted') order by epoch limit 1`,
    );
    if (open) return this.#continue(open, head);
    const [last] = await g.sql.query<EpochRow>(
      `select ${ROW} from epochs where state = 'settled' order by epoch desc limit 1`,
    );
    if (last && last.created_ms + (await g.timing()).epochSeconds * 1000 > now) return;
    await this.#open(last, head);
  }

  async #open(last: EpochRow | undefined, head: SettlementHead): Promise<void> {
    const { g } = this;
    const previous = last
      ? (await this.#settlementOf(last.epoch)).state
      : emptyState((await g.ledger.emission()).closedAt);
    if (head.root.toLowerCase() !== previous.root) {
      g.log.debug({ chain: head.last, here: previous.epoch }, 'the chain has another last epoch: settling waits');
      return;
    }
    const aside = this.#aside();
    const [claimed] = await g.sql.query('select 1 from claims where epoch is null limit 1');
    const { epochOrdersMax } = await g.ledger.parameters(['epochOrdersMax']);
    const most = Number(epochOrdersMax);
    const mostAbandoned = claimed ? placesForAbandoned(most) : 0;
    const ids = await this.#settleable(aside, most - mostAbandoned);
    if (ids.length === 0 && !claimed) return;
    const [tried] = await g.sql.query<{ epoch: number | null }>('select max(epoch) as epoch from epochs');
    const epoch = Math.max(head.next, previous.epoch + 1, (tried?.epoch ?? 0) + 1);
    const trace = await buildTrace(g, epoch, ids, previous, { aside, mostAbandoned });
    if (trace.orders.length + trace.abandoned.length === 0) return;
    const { clockSkewSeconds } = await g.timing();
    // The chain's clock is behind: its contract would refuse the epoch.
    if (trace.closedAt > (await g.ledger.now()) + clockSkewSeconds) return;
    if (await this.#holds(trace, previous)) await this.#propose({ epoch, trace, previous });
  }

  /**
   * Checks what validators will check. One order that they would refuse must not hold up all others: it is set aside, and
   * tried again later.
   */
  async #holds(trace: EpochTrace, previous: SettlementState): Promise<boolean> {
    const { g } = this;
    const keyOf = async (fingerprint: string): Promise<Uint8Array> => {
      const program = await findProgram(g, fingerprint);
      const bytes = program && (await g.blobs.get(program.key));
      if (!bytes) throw new Error(`the verifier key of ${fingerprint} is not here`);
      return bytes;
    };
    const { ledger } = g;
    const context = await traceContext(trace, previous, {
      ledger,
      keyOf,
      preset: 'standard',
    });
    const faults = await checkTrace(trace, context);
    for (const { code, path, message } of faults) {
      const order = orderAt(trace, path);
      g.log.error({ order, code, path }, `an epoch would not be signed: ${message}`);
      if (order) await this.#leaveOut(order);
    }
    return faults.length === 0;
  }

  async #leaveOut(order: Hex): Promise<void> {
    const mostMs = await longestAsideMs(this.g, order);
    const now = this.g.nowMs();
    const times = (this.#setAside.get(order)?.times ?? 0) + 1;
    const untilMs = now + Math.min(SET_ASIDE_MS * 2 ** (times - 1), SET_ASIDE_MAX_MS, mostMs);
    this.#setAside.delete(order);
    this.#setAside.set(order, { untilMs, times });
    for (const [oldest, { untilMs: until }] of this.#setAside) {
      if (this.#setAside.size <= SET_ASIDE_KEPT || until > now) break;
      this.#setAside.delete(oldest);
    }
  }

  #aside(): Hex[] {
    const now = this.g.nowMs();
    return [...this.#setAside].filter(([, { untilMs }]) => untilMs > now).map(([id]) => id);
  }

  /** Orders that ended, are in no epoch, and whose reserve stands on the chain: as many as the network lets into an epoch. */
  async #settleable(aside: readonly Hex[], most: number): Promise<Hex[]> {
    const { g } = this;
    const ended = await g.sql.query(
      'select * from orders where epoch is null and reserved and ended_ms is not null and not id = any($2) ' +
        'order by ended_ms, id limit $1',
      [most, aside],
    );
    const own: OrderRow[] = [];
    for (const order of ended.map(orderRow)) {
      if (await actsFor(g, order.signed.message.gateway)) {
        own.push(order);
        continue;
      }
      g.log.warn({ order: order.id }, 'an order is left to the gateway that it names');
      await this.#leaveOut(order.id);
    }
    const ids: Hex[] = [];
    const chainNow = own.length > 0 ? await g.ledger.now() : 0;
    const { exitMarginSeconds } = await g.timing();
    const onChain = await lookUpEach(own, (order) => g.ledger.order(order.id));
    for (const [k, order] of own.entries()) {
      const { state, exitAt } = onChain[k];
      // Credits for a reserve that is taken back meanwhile would be paid by others' orders.
      if (state === 'reserved' && exitAt < chainNow + exitMarginSeconds) {
        await this.#giveUp(order.id, 'its reserve can be taken back');
      } else if (state === 'reserved') ids.push(order.id);
      else if (state === 'none') {
        // Lost with the chain's last blocks; refused where it is too late now.
        await g.ledger.reserve(order.signed).then(
          () => ids.push(order.id),
          (error: LedgerError) => (error.retryable ? undefined : this.#giveUp(order.id, error.message)),
        );
      } else await this.#giveUp(order.id, `the order is ${state} on the chain`);
    }
    return ids;
  }

  async #giveUp(order: Hex, why: string): Promise<void> {
    this.g.log.error({ order, why }, 'an order cannot be settled');
    await this.g.sql.execute('update orders set reserved = false where id = $1', [order]);
  }

  async #propose(document: EpochDocument): Promise<void> {
    const { g } = this;
    const { epoch, trace, previous } = document;
    const settlement = settleEpoch(trace, await settlementParameters(g.ledger, trace.closedAt), previous);
    const message = rootOf(document, settlement);
    const bytes = canonicalBytes(document);
    const digest = await g.blobs.put(bytes);
    await recordBlob(g, digest, 'private', bytes.length, g.identity.account.address.toLowerCase());
    const now = g.nowMs();
    await g.sql.transaction(async (tx) => {
      await tx.execute(
        `insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
         values ($1, 'collecting', $2, $3, $4, $5, $6)`,
        [epoch, digest, settlement.root, json(toJson(message)), json(toJson(settlement)), now],
      );
      await tx.execute('update orders set epoch = $2 where id = any($1)', [trace.orders.map((o) => o.id), epoch]);
      const abandoned = trace.abandoned.map((o) => o.id);
      await tx.execute('update claims set epoch = $2 where order_id = any($1)', [abandoned, epoch]);
      await tellValidators(tx, 'epoch', { epoch }, now);
    });
    g.log.info({ epoch, orders: trace.orders.length, spent: settlement.totals.spent.toString() }, 'epoch proposed');
  }

  async #continue(row: EpochRow, head: SettlementHead): Promise<void> {
    const { g } = this;
    const message = rootSchema.parse(row.message);
    if (head.last < row.epoch) {
      // Another gateway's epoch came first: the chain takes none that builds on an earlier one.
      const isNext = message.previous.toLowerCase() === head.root.toLowerCase();
      return isNext ? this.#post(row, message, head.next) : this.#reopen(row, 'another epoch was settled meanwhile');
    }
    if (row.state === 'collecting') {
      await g.sql.execute(`update epochs set state = 'posted' where epoch = $1`, [row.epoch]);
    }
    const posted = await g.ledger.epoch(row.epoch);
    if (!posted || posted.root.toLowerCase() !== row.root) {
      return this.#reopen(row, 'the chain has another epoch under its number');
    }
    if (posted.cancelled) return this.#reopen(row, 'it was cancelled on the chain');
    if ((await g.ledger.now()) >= posted.finalAt) await this.#apply(row);
  }

  async #post(row: EpochRow, message: EpochRoot, next: number): Promise<void> {
    const { g } = this;
    const signatures = await g.sql.query<{ validator: Address; signature: Hex }>(
      'select validator, signature from epoch_signatures where epoch = $1 and root = $2',
      [row.epoch, row.root],
    );
    const active = await g.ledger.validators();
    const total = active.reduce((n, v) => n + v.stake, 0n);
    const valid = signatures
      .filter((s) => active.some((v) => v.operator.toLowerCase() === s.validator))
      .sort((a, b) => (a.validator < b.validator ? -1 : 1));
    const signed = active.reduce(
      (n, v) => (valid.some((s) => s.validator === v.operator.toLowerCase()) ? n + v.stake : n),
      0n,
    );
    if (3n * signed <= 2n * total) {
      const refused = await this.#refusedOrders(row.epoch, active);
      if (refused.length > 0) {
        const excused = await this.#excuseAppealed(row.epoch, active);
        for (const order of refused) if (!excused.has(order)) await this.#leaveOut(order);
        return this.#reopen(row, `validators do not sign for ${refused.length} of its orders`);
      }
      if (row.created_ms + 1000 * patienceSeconds(await g.timing(), row.epoch - next) < g.nowMs())
        await this.#reopen(row, 'too few validators signed it');
      return;
    }
    const leaves = (await this.#settlementOf(row.epoch)).leaves.map((leaf) => ({ leaf }));
    await this.#reserveLost(leaves);
    // A leaf of an order that the chain does not hold is a fault of all who signed the root; one that exits is unpaid.
    const orders = await lookUpEach(orderIds(leaves), (id) => g.ledger.order(id));
    const soon = (await g.ledger.now()) + (await g.timing()).exitMarginSeconds;
    if (orders.some((o) => o.state === 'none' || o.state === 'exited' || (o.state === 'reserved' && o.exitAt < soon))) {
      return this.#reopen(row, 'a reserve is gone, or can be taken back');
    }
    await g.ledger.postEpoch(message, valid);
    await g.sql.execute(`update epochs set state = 'posted' where epoch = $1`, [row.epoch]);
    g.log.info({ epoch: row.epoch, signatures: valid.length }, 'epoch posted');
  }

  /**
   * Missed locks of which validators with a third of the stake or more have seen a proof in time are excused.
   * @returns their orders, which may be signed for then
   */
  async #excuseAppealed(epoch: number, active: readonly ValidatorStake[]): Promise<Set<Hex>> {
    const { sql, log } = this.g;
    const rows = await sql.query<{ validator: Address; order_id: Hex; idx: number; attempt: number }>(
      'select * from epoch_appeals where epoch = $1',
      [epoch],
    );
    const excused = new Set<Hex>();
    for (const { order_id: order, idx, attempt } of rows) {
      const isSame = (r: (typeof rows)[number]) => r.order_id === order && r.idx === idx && r.attempt === attempt;
      if (!isThird(new Set(rows.filter(isSame).map((r) => r.validator)), active)) continue;
      const changed = await sql.execute(
        `update attempts set excused = true where order_id = $1 and idx = $2 and attempt = $3 and not excused`,
        [order, idx, attempt],
      );
      if (changed === 0) continue;
      excused.add(order);
      log.warn({ order, chunk: idx, attempt }, 'a missed lock is excused: validators saw a proof in time');
    }
    return excused;
  }

  /** Orders for which a third of the stake or more does not sign: without them the rest can be settled. */
  async #refusedOrders(epoch: number, active: readonly ValidatorStake[]): Promise<Hex[]> {
    const rows = await this.g.sql.query<{ validator: Address; order_id: Hex }>(
      'select validator, order_id from epoch_refusals where epoch = $1',
      [epoch],
    );
    return [...new Set(rows.map((r) => r.order_id))].filter((order) =>
      isThird(new Set(rows.filter((r) => r.order_id === order).map((r) => r.validator)), active),
    );
  }

  /** A validator does not sign the open epoch because of these of its orders; what it said before of it is forgotten. */
  async takeRefusal(sender: Address, epoch: number, refusal: EpochRefusal): Promise<void> {
    const { code, orders, appealed = [] } = refusal;
    const { g } = this;
    await g.sql.transaction(async (tx) => {
      await tx.execute('delete from epoch_refusals where epoch = $1 and validator = $2', [epoch, sender]);
      await tx.execute(
        `insert into epoch_refusals (epoch, validator, order_id)
         select o.epoch, $2, o.id
         from (select id, epoch from orders union select order_id, epoch from claims) o join epochs e on e.epoch = o.epoch
         where o.epoch = $1 and e.state = 'collecting' and o.id = any($3)`,
        [epoch, sender, [...new Set(orders)]],
      );
      await tx.execute('delete from epoch_appeals where epoch = $1 and validator = $2', [epoch, sender]);
      for (const { order, chunk, attempt } of appealed) {
        await tx.execute(
          `insert into epoch_appeals (epoch, validator, order_id, idx, attempt)
           select $1, $2, a.order_id, a.idx, a.attempt from attempts a
           join epoch_refusals r on r.epoch = $1 and r.validator = $2 and r.order_id = a.order_id
           where a.order_id = $3 and a.idx = $4 and a.attempt = $5 on conflict do nothing`,
          [epoch, sender, order, chunk, attempt],
        );
      }
    });
    g.log.warn({ epoch, validator: sender, code, orders: orders.slice(0, 4) }, 'a validator does not sign an epoch');
  }

  /** The epoch's orders are settled anew. */
  async #reopen(row: EpochRow, why: string): Promise<void> {
    const { g } = this;
    await g.sql.transaction(async (tx) => {
      await tx.execute('update orders set epoch = null where epoch = $1', [row.epoch]);
      await tx.execute('update claims set epoch = null where epoch = $1', [row.epoch]);
      await tx.execute('delete from epoch_refusals where epoch = $1', [row.epoch]);
      await tx.execute('delete from epoch_appeals where epoch = $1', [row.epoch]);
      await tx.execute(`update epochs set state = 'abandoned' where epoch = $1`, [row.epoch]);
    });
    g.log.warn({ epoch: row.epoch, why }, 'the epoch is proposed anew');
  }

  /** What was settled lately is applied once more: that is nothing where the chain still has it. */
  async #lookAgain(): Promise<void> {
    const { g } = this;
    if (!this.#settled) {
      // Of what was settled before this process it is not known how long ago.
      const rows = await g.sql.query<EpochRow>(
        `select ${ROW} from epochs where state = 'settled' order by epoch desc limit ${EPOCHS_AT_START}`,
      );
      this.#settled = new Map(rows.map(({ epoch }) => [epoch, { atMs: g.nowMs(), looks: 0 }]));
    }
    for (const [epoch, seen] of this.#settled) {
      if (g.nowMs() < seen.atMs + LOOK_AGAIN_MS[seen.looks]) continue;
      const [row] = await g.sql.query<EpochRow>(`select ${ROW} from epochs where epoch = $1 and state = 'settled'`, [
        epoch,
      ]);
      if (row) await this.#apply(row);
      seen.looks++;
      if (!row || seen.looks >= LOOK_AGAIN_MS.length) this.#settled.delete(epoch);
    }
  }

  /** Reserves that a chain lost before they were settled are made again. */
  async #reserveLost(leaves: readonly Pick<LeafProof, 'leaf'>[]): Promise<void> {
    const { g } = this;
    const ids = orderIds(leaves);
    const states = await lookUpEach(ids, (id) => g.ledger.order(id));
    const lost = ids.filter((_, i) => states[i].state === 'none');
    if (lost.length === 0) return;
    const rows = await g.sql.query('select * from orders where id = any($1)', [lost]);
    for (const order of rows.map(orderRow)) {
      await g.ledger.reserve(order.signed).catch((error: LedgerError) => {
        if (error.retryable) throw error;
        g.log.error({ order: order.id, why: error.message }, 'the reserve that the chain lost cannot be made again');
      });
    }
  }

  async #apply(row: EpochRow): Promise<void> {
    const { g } = this;
    const settlement = await this.#settlementOf(row.epoch);
    const leaves = sortLeaves(settlement.leaves);
    const proofs = leafProofs(leaves);
    const withProof = leaves.map((leaf, i) => ({ leaf, proof: proofs[i] }));
    const orders = withProof.filter((p) => p.leaf.kind === 1);
    await this.#reserveLost(orders);
    for (let i = 0; i < orders.length; i += LEAVES_PER_CALL) {
      await g.ledger.settleOrders(row.epoch, orders.slice(i, i + LEAVES_PER_CALL));
    }
    const risen = new Set(settlement.penalties.map((p) => `${p.operator} ${p.role}`));
    const penalties = withProof.filter((p) => p.leaf.kind === 3 && risen.has(`${p.leaf.operator} ${p.leaf.role}`));
    if (penalties.length > 0) await g.ledger.penalise(row.epoch, penalties);
    await claimCommon(g.ledger, row.epoch, withProof, g.log);
    const now = g.nowMs();
    await g.sql.transaction(async (tx) => {
      const settled = await tx.query<{ id: Hex; spent: string }>(
        `update orders set state = 'settled' where epoch = $1 and state <> 'settled' returning id, spent::text as spent`,
        [row.epoch],
      );
      for (const { id, spent } of settled) {
        await tellOrder(tx, 'settled', id, now, { price: BigInt(spent), detail: `epoch ${row.epoch}` });
      }
      await tx.execute('delete from claims where epoch = $1', [row.epoch]);
      await tx.execute(`update epochs set state = 'settled' where epoch = $1`, [row.epoch]);
      if (row.state !== 'settled') await tellValidators(tx, 'weights', { epoch: row.epoch }, now);
      for (const table of ['weight_commits', 'weight_reveals']) {
        await tx.execute(`delete from ${table} where epoch < $1`, [row.epoch - WEIGHTS_KEPT]);
      }
    });
    if (row.state === 'settled') return;
    this.#settled?.set(row.epoch, { atMs: now, looks: 0 });
    g.log.info({ epoch: row.epoch, orders: orders.length, penalties: penalties.length }, 'epoch settled');
    this.onSettled(settlement);
  }

  /** A validator's signature on the open epoch. */
  async takeSignature(sender: Address, epoch: number, signed: Signed<EpochRoot>): Promise<void> {
    const { g } = this;
    if (signed.message.epoch !== epoch || !isSignedBy(g.network, 'EpochRoot', signed, sender)) {
      throw new Refusal(403, 'bad-signature', 'the root is not signed by you for this epoch', 'sign it again');
    }
    const [row] = await g.sql.query<EpochRow>(`select ${ROW} from epochs where epoch = $1`, [epoch]);
    if (!row) throw new Refusal(404, 'unknown-epoch', `epoch ${epoch} is not open`, 'GET /v1/duties');
    const ours = rootSchema.parse(row.message);
    if (JSON.stringify(toJson(ours)) !== JSON.stringify(toJson(signed.message))) {
      throw new Refusal(409, 'other-root', 'you computed another settlement', 'compare the trace of the epoch');
    }
    await g.sql.execute(
      `insert into epoch_signatures (epoch, validator, root, signature) values ($1, $2, $3, $4) on conflict do nothing`,
      [epoch, sender, row.root, signed.signature],
    );
  }

  /** The trace and what it is settled upon. */
  async document(epoch: number): Promise<EpochDocument> {
    const { g } = this;
    const [row] = await g.sql.query<{ document_digest: string }>(
      'select document_digest from epochs where epoch = $1',
      [epoch],
    );
    const bytes = row && (await g.blobs.get(row.document_digest));
    if (!bytes) throw new Refusal(404, 'unknown-epoch', `epoch ${epoch} is not known here`, 'ask another gateway');
    return epochDocumentSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  }

  /** Leaves of an epoch with what they were computed from, for claims and for explanations. */
  async settlement(epoch: number) {
    const [row] = await this.g.sql.query<{ state: Exclude<EpochState, 'abandoned'>; settlement: unknown }>(
      `select state, settlement from epochs where epoch = $1 and state <> 'abandoned'`,
      [epoch],
    );
    if (!row) throw new Refusal(404, 'unknown-epoch', `epoch ${epoch} is not known here`, 'ask another gateway');
    return { state: row.state, settlement: settlementSchema.parse(row.settlement) };
  }

  async #settlementOf(epoch: number): Promise<Settlement> {
    return (await this.settlement(epoch)).settlement;
  }
}
