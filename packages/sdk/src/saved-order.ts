/** An order as JSON, with its secrets: from it an interrupted client goes on. To be kept as one keeps a key. */
import { InputError, type PublicValues } from '@dsperse/core/verify';
import {
  decodeBundle,
  encodeBundle,
  hashMessage,
  type NetworkId,
  signedSchema,
  toJson,
} from '@dsperse/network/messages';
import { fromBase64, toBase64 } from './base64.js';
import type { DraftedOrder } from './order-terms.js';

export type ActivationSource = 'gateway' | 'own';

export interface SavedOrder {
  readonly format: 'dsperse-order/1';
  readonly id: `0x${string}`;
  readonly gatewayUrl: string;
  readonly network: NetworkId;
  readonly activations: ActivationSource;
  /** The signed order, as JSON. */
  readonly order: unknown;
  readonly inputSalt: string;
  readonly replySecretKey: `0x${string}`;
  /** The input's integers as a tensor bundle: base64. */
  readonly inputs: string;
}

export interface OrderInHand extends DraftedOrder {
  readonly inputs: PublicValues;
  readonly activations: ActivationSource;
}

export function saveOrder(order: OrderInHand, gatewayUrl: string, network: NetworkId): SavedOrder {
  const salt = order.secrets.inputSalt;
  const bundle = encodeBundle(new Map([...order.inputs].map(([name, values]) => [name, { values, salt }])));
  return {
    format: 'dsperse-order/1',
    id: order.id,
    gatewayUrl,
    network: { chainId: network.chainId, market: network.market, settlement: network.settlement },
    activations: order.activations,
    order: toJson(order.order),
    inputSalt: salt,
    replySecretKey: order.secrets.replySecretKey,
    inputs: toBase64(bundle),
  };
}

const signedOrder = signedSchema('Order');
const isHex = (value: unknown, pattern: RegExp): value is string => typeof value === 'string' && pattern.test(value);

/** @throws InputError `bad-saved-order`, `other-network` */
export function openSavedOrder(saved: unknown, network: NetworkId): OrderInHand {
  const bad = (what: string, cause?: unknown) =>
    new InputError(
      'bad-saved-order',
      `this is no saved order: ${what}`,
      'take the file that the client wrote',
      undefined,
      {
        cause,
      },
    );
  if (typeof saved !== 'object' || saved === null) throw bad('it is no object');
  const s = saved as Partial<SavedOrder>;
  if (s.format !== 'dsperse-order/1') throw bad(`its format is ${String(s.format)}`);
  const order = signedOrder.safeParse(s.order);
  if (!order.success) throw bad('its order is malformed', order.error);
  const id = hashMessage(network, 'Order', order.data.message);
  if (id !== s.id) {
    throw new InputError('other-network', 'the order was signed for another network', 'take a gateway of its network');
  }
  if (!isHex(s.inputSalt, /^[0-9a-f]{64}$/) || !isHex(s.replySecretKey, /^0x[0-9a-f]{64}$/)) throw bad('its secrets');
  if (typeof s.inputs !== 'string') throw bad('its input is missing');
  const inputs = new Map<string, Int32Array>();
  for (const [name, { values }] of decodeBundle(fromBase64(s.inputs))) {
    if (!values) throw bad(`the values of ${name} are missing`);
    inputs.set(name, values);
  }
  return {
    id,
    order: order.data,
    secrets: { inputSalt: s.inputSalt, replySecretKey: s.replySecretKey as `0x${string}` },
    inputs,
    activations: s.activations === 'own' ? 'own' : 'gateway',
  };
}
