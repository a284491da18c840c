/** An order that was placed: following it, cancelling it, and its result. */
import {
  type NetworkId,
  type OrderEvent,
  type OrderView,
  orderEventSchema,
  orderViewSchema,
  type Signer,
  signMessage,
  toJson,
} from '@dsperse/network/messages';
import { type NodeClient, TransportError } from '@dsperse/network/transport';
import type { Hex } from 'viem';
import type { Electorate } from './certificate-chunk.js';
import type { GatewayIdentity } from './gateway-identity.js';
import { openedKeys } from './opened-keys.js';
import { collectResult, EarlyMaterial, hasEnded, type OrderResult } from './order-result.js';
import { type OrderInHand, type SavedOrder, saveOrder } from './saved-order.js';

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for the order's end. */
  readonly timeoutMs?: number;
  /** Called for every step, from the first on. */
  readonly onEvent?: (event: OrderEvent) => void;
}

/** What a handle needs of its client. */
export interface HandleContext {
  readonly http: NodeClient;
  readonly gateway: GatewayIdentity;
  readonly gatewayUrl: string;
  readonly network: NetworkId;
  readonly signer: Signer;
  readonly nowSeconds: () => number;
  /** The verifier key of the order's program. */
  readonly key: () => Promise<Uint8Array>;
  /** Whose verdicts count; undefined where no chain can be asked. */
  readonly electorate: (order: Hex) => Promise<Electorate | undefined>;
}

const ENDS: readonly OrderEvent['kind'][] = ['delivered', 'failed', 'cancelled', 'expired', 'settled'];
/** The state is asked for this often besides the events. */
const POLL_MS = 3000;
const AFTER_END_MS = 200;

export class OrderHandle {
  readonly id: Hex;

  constructor(
    private readonly context: HandleContext,
    private readonly order: OrderInHand,
  ) {
    this.id = order.id;
  }

  /** In seconds since 1970. */
  get deadline(): number {
    return this.order.order.message.deadline;
  }

  /** The order with its secrets, for `client.resume`. */
  save(): SavedOrder {
    return saveOrder(this.order, this.context.gatewayUrl, this.context.network);
  }

  view(options: { readonly signal?: AbortSignal } = {}): Promise<OrderView> {
    return viewOrder(this.context.http, this.id, options.signal);
  }

  /**
   * Every step from the first on, as it happens, over broken connections; ends with the order, or with its settlement
   * where `untilSettled` is set.
   * @throws TransportError where the gateway refuses for good
   */
  async *events(
    options: { readonly signal?: AbortSignal; readonly untilSettled?: boolean } = {},
  ): AsyncGenerator<OrderEvent, void, undefined> {
    const { signal, untilSettled = false } = options;
    for await (const { data } of this.context.http.events(`/v1/orders/${this.id}/events`, { signal })) {
      const event = orderEventSchema.safeParse(data);
      // Kinds of a newer gateway are passed over.
      if (!event.success || event.data.order !== this.id) continue;
      yield event.data;
      const { kind } = event.data;
      if (kind === 'settled' || (ENDS.includes(kind) && !untilSettled)) return;
    }
  }

  /** No further work; what provers hold a lock on is still taken and paid. */
  cancel(): Promise<OrderView> {
    const { http, network, signer, nowSeconds } = this.context;
    return cancelOrder(http, signer, network, this.id, nowSeconds());
  }

  /** Waits until the order has ended. @throws TransportError `timeout`, `aborted` */
  async ended(options: WaitOptions = {}): Promise<OrderView> {
    const { signal, timeoutMs = Number.POSITIVE_INFINITY, onEvent } = options;
    const following = new AbortController();
    const stop = () => following.abort();
    signal?.addEventListener('abort', stop, { once: true });
    let hasHeardEnd = false;
    const heard = (async () => {
      for await (const event of this.events({ signal: following.signal })) {
        onEvent?.(event);
        if (ENDS.includes(event.kind)) hasHeardEnd = true;
      }
    })().catch(() => undefined);
    const until = Date.now() + timeoutMs;
    try {
      for (;;) {
        const view = await this.viewPatiently(until, signal);
        if (view && hasEnded(view.state)) {
          // The events that came with the end are told before it.
          await Promise.race([heard, pause(AFTER_END_MS)]);
          return view;
        }
        if (signal?.aborted) throw new TransportError('aborted', 'waiting was ended', { retryable: false });
        if (Date.now() >= until) {
          const hint = 'the order goes on: look again, or wait for longer';
          throw new TransportError('timeout', `the order has not ended in ${timeoutMs} ms`, { retryable: true, hint });
        }
        const wait = pause(Math.min(hasHeardEnd ? AFTER_END_MS : POLL_MS, until - Date.now()));
        await (hasHeardEnd ? wait : Promise.race([heard, wait]));
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      following.abort();
    }
  }

  /**
   * Waits for the end, fetches certificate, values and proofs, and verifies all of them here.
   * @throws TransportError where what is needed cannot be had
   */
  async result(options: WaitOptions = {}): Promise<OrderResult> {
    const { http, gateway, key, electorate } = this.context;
    const { signal } = options;
    const early = new EarlyMaterial(http, this.order, key, signal);
    // Fixed when the order was reserved: the chain is asked while others work.
    let judges: Promise<Electorate | undefined> | undefined;
    const onEvent = (event: OrderEvent) => {
      early.hear(event);
      if (event.kind === 'committed') judges ??= electorate(this.id);
      // What fails here fails again when it is needed.
      if (event.kind === 'chunked')
        key().then(
          (bytes) => openedKeys.warm(bytes),
          () => undefined,
        );
      options.onEvent?.(event);
    };
    const view = await this.ended({ ...options, onEvent });
    return collectResult(http, gateway, this.order, view, key, signal, early, async () => {
      return (await judges) ?? electorate(this.id);
    });
  }

  /** undefined while the gateway is away: it may be restarted meanwhile. */
  private async viewPatiently(until: number, signal: AbortSignal | undefined): Promise<OrderView | undefined> {
    try {
      return await this.view({ signal });
    } catch (error) {
      if (error instanceof TransportError && error.retryable && Date.now() < until) return undefined;
      throw error;
    }
  }
}

export function viewOrder(http: NodeClient, id: Hex, signal?: AbortSignal): Promise<OrderView> {
  return http.get(`/v1/orders/${id}`, orderViewSchema, { signal });
}

/** @param issuedAt seconds since 1970 */
export async function cancelOrder(
  http: NodeClient,
  signer: Signer,
  network: NetworkId,
  id: Hex,
  issuedAt: number,
): Promise<OrderView> {
  const signed = await signMessage(signer, network, 'Cancel', { order: id, issuedAt });
  return http.post(`/v1/orders/${id}/cancel`, toJson(signed), orderViewSchema, { idempotent: true });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
