/**
 * Orders that this prover delivered proofs of, until the chain has settled them: one that its gateway leaves out of all epochs
 * is said to be. There is no way to make it pay; the acknowledgement is what shows it.
 */
import type { Hex } from 'viem';
import type { Ledger } from '../../chain/ledger.js';
import type { Logger, Metrics } from '../../node/index.js';
import { epochsSettledSince, LEFT_OUT_EPOCHS } from '../../scoring/index.js';
import { lookUpEach } from '../peer/look-up-each.js';

/** Looked up in one pass; the others in the next ones. */
const AT_ONCE = 1_000;
const REMEMBERED = 50_000;

export class UnsettledOrders {
  /** With the gateway that acknowledged; the oldest look first. */
  readonly #orders = new Map<Hex, { readonly gateway: string; isTold: boolean }>();
  readonly #counter;

  constructor(
    private readonly ledger: Ledger,
    private readonly log: Logger,
    metrics: Metrics,
    private readonly onSettled: (order: Hex) => void = () => {},
  ) {
    const about = 'orders with delivered proofs that were not settled, by what became of them';
    this.#counter = metrics.counter('dsperse_prover_unpaid_orders_total', about, ['outcome']);
  }

  add(order: Hex, gateway: string): void {
    if (this.#orders.has(order)) return;
    this.#orders.set(order, { gateway, isTold: false });
    for (const oldest of this.#orders.keys()) {
      if (this.#orders.size <= REMEMBERED) break;
      this.#orders.delete(oldest);
    }
  }

  get size(): number {
    return this.#orders.size;
  }

  /** @throws LedgerError where the chain is away */
  async look(): Promise<void> {
    const { ledger } = this;
    const oldest = [...this.#orders].slice(0, AT_ONCE);
    const onChain = await lookUpEach(oldest, ([order]) => ledger.order(order));
    for (const [k, [order, known]] of oldest.entries()) {
      const { state, deadline } = onChain[k];
      this.#orders.delete(order);
      if (state === 'exited') this.#tell('exited', order, known.gateway, 'an order that was proven was never settled');
      if (state === 'settled') this.onSettled(order);
      if (state === 'settled' || state === 'exited') continue;
      this.#orders.set(order, known);
      if (known.isTold || state !== 'reserved' || (await this.#epochsSince(deadline)) < LEFT_OUT_EPOCHS) continue;
      known.isTold = true;
      this.#tell('left-out', order, known.gateway, `${LEFT_OUT_EPOCHS} epochs since its deadline leave out an order`);
    }
  }

  async #epochsSince(deadline: number): Promise<number> {
    const { ledger } = this;
    const now = await ledger.now();
    if (now <= deadline) return 0;
    const [{ last }, { settleGraceSeconds }] = await Promise.all([
      ledger.settlementHead(),
      ledger.parameters(['settleGraceSeconds']),
    ]);
    const graceSeconds = Number(settleGraceSeconds);
    return epochsSettledSince(deadline, { now, last, graceSeconds, epoch: (n) => ledger.epoch(n) });
  }

  #tell(outcome: 'exited' | 'left-out', order: Hex, gateway: string, message: string): void {
    this.#counter.inc({ outcome });
    this.log.warn({ order, gateway, outcome }, `${message}: its proofs are not paid`);
  }
}
