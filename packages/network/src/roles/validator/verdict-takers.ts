/**
 * Which gateway is told our verdicts on an order: the one that the order names, or one that acts for it. Nobody else is told one
 * before all have committed, who could tell it to a validator that copies.
 */
import type { Hex } from 'viem';
import { type CaseDocument, hashMessage, isDelegatedTo, type NetworkId } from '../../messages/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';

/** Orders that are remembered of each gateway. */
const KEPT = 10_000;

export class VerdictTakers {
  readonly #orders = new Map<GatewayLink, Set<Hex>>();

  constructor(private readonly network: NetworkId) {}

  /** Whether it was seen to take them, since this process began. */
  has(link: GatewayLink, order: Hex): boolean {
    return this.#orders.get(link)?.has(order) === true;
  }

  /** Whether the case that it gave shows that it takes them. */
  takes(link: GatewayLink, { order, serving, lock }: CaseDocument): boolean {
    const { operator } = link;
    const named = order.message.gateway;
    if (!operator || hashMessage(this.network, 'Order', order.message) !== lock.message.order) return false;
    const now = Math.floor(link.nowMs() / 1000);
    const isItsOwn = operator.toLowerCase() === named.toLowerCase();
    if (!isItsOwn && !isDelegatedTo(this.network, named, operator, serving, now)) return false;
    this.#note(link, lock.message.order);
    return true;
  }

  #note(link: GatewayLink, order: Hex): void {
    const orders = this.#orders.get(link) ?? new Set();
    this.#orders.set(link, orders);
    orders.add(order);
    for (const oldest of orders) {
      if (orders.size <= KEPT) break;
      orders.delete(oldest);
    }
  }
}
