/**
 * Epochs that another gateway proposed, with another database. Settling builds on the last of them: where this database does
 * not have it, the validators that signed it say what it was, and the root on the chain shows that they are right. One that was
 * signed and never posted, as its gateway is gone, is posted from here.
 */
import type { Address } from 'viem';
import type { SettlementHead } from '../../chain/ledger.js';
import { settlementParameters } from '../../chain/network-parameters.js';
import { canonicalBytes, digestOfBytes } from '../../messages/canonical.js';
import { type Duty, toJson } from '../../messages/index.js';
import { type Settlement, settleEpoch } from '../../scoring/index.js';
import { json } from '../../store/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { EpochDocument } from '../peer/epoch-document.js';
import { rootOf } from '../peer/epoch-document.js';
import { tellValidators } from './event-log.js';
import { recordBlob } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';

/** Validators keep the documents of about so many. */
const WANTED = 8;
/** Documents that too few validators have sent yet. */
const HELD = 8;
const KNOWN_MS = 60_000;

interface Said {
  readonly document: EpochDocument;
  readonly by: Set<Address>;
}

export class EpochAdoption {
  #wanted: readonly number[] = [];
  /** Numbers that the chain has no epoch under that stands, and since when that is known. */
  readonly #void = new Map<number, number>();
  /** By the document's digest, the oldest first. */
  readonly #said = new Map<string, Said>();

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
    const { epoch, trace, previous } = document;
    const [row] = await g.sql.query(`select 1 from epochs where epoch = $1 and state <> 'abandoned'`, [epoch]);
    if (row) return;
    if (trace.epoch !== epoch) throw new Refusal(400, 'wrong-epoch', 'the trace is of another epoch', '');
    const settlement = settleEpoch(trace, await settlementParameters(g.ledger, trace.closedAt), previous);
    const isPosted = await this.#isPosted(document, settlement);
    const digest = digestOfBytes(canonicalBytes(document));
    const said = this.#said.get(digest) ?? { document, by: new Set<Address>() };
    said.by.add(sender);
    this.#said.delete(digest);
    this.#said.set(digest, said);
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= HELD) break;
      this.#said.delete(oldest);
    }
    const validators = await g.ledger.validators();
    const total = validators.reduce((sum, v) => sum + v.stake, 0n);
    const stake = validators.reduce((sum, v) => (said.by.has(v.operator) ? sum + v.stake : sum), 0n);
    if (3n * stake <= total) return;
    await this.#adopt(document, settlement, isPosted);
    this.#said.delete(digest);
  }

  /** @throws Refusal where the chain shows that it is not, and cannot become, an epoch of the network */
  async #isPosted({ epoch, previous }: EpochDocument, { root }: Settlement): Promise<boolean> {
    const { ledger } = this.g;
    const [posted, head, { skippedEpochsMax }] = await Promise.all([
      ledger.epoch(epoch),
      ledger.settlementHead(),
      ledger.parameters(['skippedEpochsMax']),
    ]);
    if (posted && !posted.cancelled) {
      if (posted.root.toLowerCase() === root) return true;
      throw new Refusal(409, 'other-root', 'the chain has another root for this epoch', 'send the one that it has');
    }
    const isNext = epoch >= head.next && epoch <= head.next + Number(skippedEpochsMax);
    if (isNext && head.root.toLowerCase() === previous.root) return false;
    throw new Refusal(409, 'void-epoch', 'the chain has gone on without this epoch', 'nothing can be done with it');
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
      await tx.execute('update orders set epoch = $2 where id = any($1) and epoch is null and ended_ms is not null', [
        trace.orders.map((o) => o.id),
        epoch,
      ]);
      if (!isPosted) await tellValidators(tx, 'epoch', { epoch }, now);
    });
    g.log.info({ epoch, orders: trace.orders.length, posted: isPosted }, 'an epoch of another gateway was taken over');
  }
}
