/**
 * Orders that this prover delivered proofs of, until the chain has settled them. One that its gateway leaves out of all epochs is
 * said to be; shortly before its reserve returns it is claimed from other gateways, which settle it by the acknowledged proofs.
 */
import type { Hex } from 'viem';
import type { Ledger, OnChainOrder } from '../../chain/ledger.js';
import type { Logger, Metrics } from '../../node/index.js';
import { claimableAt, claimWindow, epochsSettledSince, LEFT_OUT_EPOCHS } from '../../scoring/index.js';
import { lookUpEach } from '../peer/look-up-each.js';

/** Looked up in one pass; the others in the next ones. */
const AT_ONCE = 1_000;
const REMEMBERED = 50_000;
const [LEAST_PAUSE_MS, MOST_PAUSE_MS] = [1_000, 60_000];
/** Of the time in which claims are taken, what lies between two looks at most. */
const PAUSE_PART = 16;

interface Unsettled {
  readonly gateway: string;
  isTold: boolean;
  isClaimed: boolean;
}

export interface UnsettledActions {
  readonly onSettled?: (order: Hex) => void;
  /** The reserve returned to the requester. */
  readonly onLost?: (order: Hex) => void;
  /** Claims an order; again with every look. @returns whether a gateway has the claim */
  readonly claim?: (order: Hex) => Promise<boolean>;
}

export class UnsettledOrders {
  /** With the gateway that acknowledged; the oldest look first. */
  readonly #orders = new Map<Hex, Unsettled>();
  readonly #counter;

  constructor(
    private readonly ledger: Ledger,
    private readonly log: Logger,
    metrics: Metrics,
    private readonly actions: UnsettledActions = {},
  ) {
    const about = 'orders with delivered proofs that were not settled, by what became of them';
    this.#counter = metrics.counter('dsperse_prover_unpaid_orders_total', about, ['outcome']);
  }

  add(order: Hex, gateway: string): void {
    if (this.#orders.has(order)) return;
    this.#orders.set(order, { gateway, isTold: false, isClaimed: false });
    for (const oldest of this.#orders.keys()) {
      if (this.#orders.size <= REMEMBERED) break;
      this.#orders.delete(oldest);
    }
  }

  get size(): number {
    return this.#orders.size;
  }

  /**
   * @returns after how long it is to be looked again, in milliseconds
   * @throws LedgerError where the chain is away
   */
  async look(): Promise<number> {
    const { ledger, actions } = this;
    const oldest = [...this.#orders].slice(0, AT_ONCE);
    if (oldest.length === 0) return MOST_PAUSE_MS;
    const window = claimWindow(await ledger.parameters(['exitSeconds', 'cancelSeconds']));
    const now = await ledger.now();
    const onChain = await lookUpEach(oldest, ([order]) => ledger.order(order));
    for (const [k, [order, known]] of oldest.entries()) {
      const { state, exitAt } = onChain[k];
      this.#orders.delete(order);
      if (state === 'exited') {
        this.#tell('exited', order, known, 'an order that was proven was never settled: its proofs are not paid');
        actions.onLost?.(order);
      }
      if (state === 'settled') actions.onSettled?.(order);
      if (state === 'settled' || state === 'exited') continue;
      this.#orders.set(order, known);
      if (state !== 'reserved') continue;
      await this.#tellLeftOut(order, known, onChain[k]);
      if (now >= claimableAt(exitAt, window)) await this.#claim(order, known);
    }
    return Math.min(Math.max((window * 1000) / PAUSE_PART, LEAST_PAUSE_MS), MOST_PAUSE_MS);
  }

  async #tellLeftOut(order: Hex, known: Unsettled, { deadline }: OnChainOrder): Promise<void> {
    if (known.isTold || (await this.#epochsSince(deadline)) < LEFT_OUT_EPOCHS) return;
    known.isTold = true;
    this.#tell('left-out', order, known, `${LEFT_OUT_EPOCHS} epochs since its deadline leave out an order`);
  }

  async #claim(order: Hex, known: Unsettled): Promise<void> {
    if (!(await this.actions.claim?.(order)) || known.isClaimed) return;
    known.isClaimed = true;
    this.#tell('claimed', order, known, 'an order that its gateway abandoned was claimed from others');
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

  #tell(outcome: 'exited' | 'left-out' | 'claimed', order: Hex, { gateway }: Unsettled, message: string): void {
    this.#counter.inc({ outcome });
    this.log.warn({ order, gateway, outcome }, message);
  }
}
