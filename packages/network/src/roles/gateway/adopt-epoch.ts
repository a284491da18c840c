/**
 * Epochs that another gateway proposed, with another database. Settling builds on the last of them: where this database does
 * not have it, the validators that signed it say what it was, and the root on the chain shows that they are right. One that was
 * signed and never posted, as its gateway is gone, is posted from here.
 */
import type { Address } from 'viem';
import type { OnChainEpoch, SettlementHead } from '../../chain/ledger.js';
import { settlementParameters } from '../../chain/network-parameters.js';
import { canonicalBytes, digestOfBytes } from '../../messages/canonical.js';
import { type Duty, toJson } from '../../messages/index.js';
import { type Settlement, settledOrders, settleEpoch } from '../../scoring/index.js';
import { json } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { EpochDocument } from '../peer/epoch-document.js';
import { rootOf } from '../peer/epoch-document.js';
import { tellValidators } from './event-log.js';
import { recordBlob } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';

/** Validators keep the documents of about so many. */
const WANTED = 8;
const KNOWN_MS = 60_000;

export class EpochAdoption {
  #wanted: readonly number[] = [];
  /** Numbers that the chain has no epoch under that stands, and since when that is known. */
  readonly #void = new Map<number, number>();
  /**
   * Digests of what validators said that an epoch was, the latest of each: the document itself is not held, as the validator
   * that makes them enough sends it.
   */
  readonly #said = new Map<number, Map<Address, string>>();

  constructor(private readonly g: GatewayContext) {}

  /** What validators are asked for. */
  duties(): Duty[] {
    return this.#wanted.map((epoch) => ({ kind: 'document', epoch }));
  }

  /** Looks which of the last epochs on the chain this database does not have. */
  async look({ last }: SettlementHead): Promise<void> {
    const { g } = this;
    const first = Math.max(1, last - WANTED + 1);
    const rows = await g.sql.query<{ epoch: number }>(
      `select epoch from epochs where epoch >= $1 and state <> 'abandoned'`,
      [first],
    );
    const here = new Set(rows.map((r) => r.epoch));
    const wanted: number[] = [];
    for (let epoch = first; epoch <= last; epoch++) {
      if (here.has(epoch) || (this.#void.get(epoch) ?? 0) > g.nowMs()) continue;
      const posted = await g.ledger.epoch(epoch);
      if (posted && !posted.cancelled) wanted.push(epoch);
      else this.#void.set(epoch, g.nowMs() + KNOWN_MS);
    }
    for (const [epoch, untilMs] of this.#void) if (untilMs < g.nowMs()) this.#void.delete(epoch);
    const fresh = wanted.filter((epoch) => !this.#wanted.includes(epoch));
    if (fresh.length > 0) g.log.warn({ epochs: fresh }, 'epochs of another gateway: validators are asked for them');
    this.#wanted = wanted;
  }

  /**
   * An epoch that a validator signed. It is taken once validators with more than a third of the stake have sent the same: at
   * least one of them is honest.
   */
  async offer(sender: Address, document: EpochDocument): Promise<void> {
    const { g } = this;
    const { epoch, trace } = document;
    const [row] = await g.sql.query(`select 1 from epochs where epoch = $1 and state <> 'abandoned'`, [epoch]);
    if (row) return;
    if (trace.epoch !== epoch) throw new Refusal(400, 'wrong-epoch', 'the trace is of another epoch', '');
    // Cheap first: what is computed from a document is only of an epoch that can be one, and not larger than one can be.
    const posted = await this.#mayBe(document);
    const { epochOrdersMax } = await g.ledger.parameters(['epochOrdersMax'], trace.closedAt);
    const orders = trace.orders.length + trace.abandoned.length;
    if (orders > epochOrdersMax) {
      throw new Refusal(413, 'too-many-orders', `${orders} orders in one epoch`, 'no validator signs it');
    }
    const validators = await g.ledger.validators();
    if (!validators.some((v) => v.operator.toLowerCase() === sender)) {
      throw new Refusal(403, 'not-a-validator', `${sender} has no active stake as a validator`, 'stake first');
    }
    const said = this.#said.get(epoch) ?? new Map<Address, string>();
    this.#said.set(epoch, said);
    const digest = digestOfBytes(canonicalBytes(document));
    if (said.get(sender) !== digest) {
      said.delete(sender);
      this.#requireRoot(await this.#settled(document), posted);
      said.set(sender, digest);
    }
    const total = validators.reduce((sum, v) => sum + v.stake, 0n);
    const stake = validators.reduce((sum, v) => {
      return said.get(v.operator.toLowerCase() as Address) === digest ? sum + v.stake : sum;
    }, 0n);
    if (3n * stake <= total) return;
    await this.#adopt(document, await this.#settled(document), posted !== undefined);
    this.#said.delete(epoch);
  }

  async #settled({ trace, previous }: EpochDocument): Promise<Settlement> {
    return settleEpoch(trace, await settlementParameters(this.g.ledger, trace.closedAt), previous);
  }

  /**
   * @returns what the chain has under its number; undefined where that is still open
   * @throws Refusal where it is none of the last epochs of the chain, and cannot become the next one
   */
  async #mayBe({ epoch, previous }: EpochDocument): Promise<OnChainEpoch | undefined> {
    const { ledger } = this.g;
    const [head, { skippedEpochsMax }] = await Promise.all([
      ledger.settlementHead(),
      ledger.parameters(['skippedEpochsMax']),
    ]);
    for (const old of this.#said.keys()) if (old <= head.last - WANTED) this.#said.delete(old);
    const isNext = epoch >= head.next && epoch <= head.next + Number(skippedEpochsMax);
    if (isNext && head.root.toLowerCase() === previous.root) return undefined;
    const posted = epoch > head.last - WANTED && epoch <= head.last ? await ledger.epoch(epoch) : undefined;
    if (posted && !posted.cancelled) return posted;
    throw new Refusal(409, 'void-epoch', 'the chain has gone on without this epoch', 'nothing can be done with it');
  }

  #requireRoot({ root }: Settlement, posted: OnChainEpoch | undefined): void {
    if (posted === undefined || posted.root.toLowerCase() === root) return;
    throw new Refusal(409, 'other-root', 'the chain has another root for this epoch', 'send the one that it has');
  }

  async #adopt(document: EpochDocument, settlement: Settlement, isPosted: boolean): Promise<void> {
    const { g } = this;
    const { epoch, trace } = document;
    const bytes = canonicalBytes(document);
    const digest = await g.blobs.put(bytes);
    await recordBlob(g, digest, 'private', bytes.length, g.identity.account.address.toLowerCase());
    const now = g.nowMs();
    const message = json(toJson(rootOf(document, settlement)));
    await g.sql.transaction(async (tx) => {
      // Also over a proposal of ours that came to nothing.
      const taken = await tx.execute(
        `insert into epochs (epoch, state, document_digest, root, message, settlement, created_ms)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (epoch) do update set state = excluded.state, document_digest = excluded.document_digest,
           root = excluded.root, message = excluded.message, settlement = excluded.settlement,
           created_ms = excluded.created_ms
         where epochs.state = 'abandoned'`,
        [epoch, isPosted ? 'posted' : 'collecting', digest, settlement.root, message, json(toJson(settlement)), now],
      );
      if (taken === 0) return;
      await tx.execute('delete from epoch_signatures where epoch = $1 and root <> $2', [epoch, settlement.root]);
      // An order that still runs here ends by itself: what the chain says of it is seen then.
      const settled = settledOrders(trace).map((o) => o.id);
      await tx.execute('update orders set epoch = $2 where id = any($1) and epoch is null and ended_ms is not null', [
        settled,
        epoch,
      ]);
      await tx.execute('update claims set epoch = $2 where order_id = any($1) and epoch is null', [settled, epoch]);
      if (!isPosted) await tellValidators(tx, 'epoch', { epoch }, now);
    });
    g.log.info({ epoch, orders: trace.orders.length, posted: isPosted }, 'an epoch of another gateway was taken over');
  }
}
