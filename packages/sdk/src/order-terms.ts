/** Making an order: its terms, the commitment to its input, and what is sealed to the gateway. */
import { InputError, type PublicValues, toHex } from '@dsperse/core/verify';
import { checkCurve, chunkPrice } from '@dsperse/network/market';
import {
  commitInput,
  encodeBundle,
  hashMessage,
  type NetworkId,
  type Order,
  type ProgramDocument,
  type Signed,
  type Signer,
  type SubmitDocument,
  sealingContext,
  signMessage,
} from '@dsperse/network/messages';
import { seal, sealingKeys } from '@dsperse/network/transport';
import { type Address, bytesToHex, type Hex, hexToBytes } from 'viem';
import { toBase64 } from './base64.js';
import { random32 } from './random.js';

/** In token units per million work units; the price rises from `min` to `max` in `rampSeconds`. */
export interface PriceTerms {
  readonly min: bigint;
  readonly max: bigint;
  readonly rampSeconds: number;
}

export interface OrderTerms {
  readonly price: PriceTerms;
  /** Token units; what the whole order costs at the highest price where it is not given. */
  readonly budget?: bigint;
  readonly deadlineSeconds: number;
  /** Of orders under one salt the chain reserves one at most; drawn where it is not given. */
  readonly salt?: Hex;
}

/** What only the requester knows of an order. */
export interface OrderSecrets {
  /** 64 hexadecimal digits. */
  readonly inputSalt: string;
  /** X25519: opens what the gateway seals to the requester. */
  readonly replySecretKey: Hex;
}

export interface DraftedOrder {
  readonly id: Hex;
  readonly order: Signed<Order>;
  readonly secrets: OrderSecrets;
}

/** What a program costs at a price, at most: prices are rounded down, chunk by chunk. */
export const programPrice = (program: ProgramDocument, unitPrice: bigint): bigint =>
  chunkPrice(
    unitPrice,
    program.slices.reduce((sum, s) => sum + s.workUnits, 0),
  );

/**
 * A signed order over an input, under a fresh salt and with a fresh reply key.
 * @param gateway the operator of the one that may run and settle it
 * @param nowSeconds by the gateway's clock
 * @throws InputError `bad-price-curve`, `bad-deadline`, `small-budget`
 */
export async function draftOrder(
  signer: Signer,
  network: NetworkId,
  gateway: Address,
  program: ProgramDocument,
  inputs: PublicValues,
  terms: OrderTerms,
  nowSeconds: number,
): Promise<DraftedOrder> {
  const { price, deadlineSeconds } = terms;
  checkCurve({ priceMin: price.min, priceMax: price.max, rampSeconds: price.rampSeconds });
  if (!Number.isSafeInteger(deadlineSeconds) || deadlineSeconds < 1) {
    throw new InputError('bad-deadline', `a deadline in ${deadlineSeconds} s`, 'give whole seconds, at least 1');
  }
  const budget = terms.budget ?? programPrice(program, price.max);
  if (budget <= 0n) {
    throw new InputError('small-budget', `the budget is ${budget}`, 'give a budget or a higher price');
  }
  const inputSalt = random32();
  const order: Order = {
    requester: signer.address.toLowerCase() as Address,
    gateway: gateway.toLowerCase() as Address,
    fingerprint: `0x${program.fingerprint}`,
    inputCommitment: commitInput(inputSalt, inputs),
    priceMin: price.min,
    priceMax: price.max,
    rampSeconds: price.rampSeconds,
    budget,
    deadline: nowSeconds + deadlineSeconds,
    salt: terms.salt ?? bytesToHex(random32()),
  };
  return {
    id: hashMessage(network, 'Order', order),
    order: await signMessage(signer, network, 'Order', order),
    secrets: { inputSalt: toHex(inputSalt), replySecretKey: bytesToHex(sealingKeys().secretKey) },
  };
}

/**
 * The document that submits an order.
 * @param gatewayKey X25519 key of the gateway
 * @param activations a bundle of all boundary tensors, where the requester ran the model itself
 */
export function sealOrder(
  drafted: DraftedOrder,
  inputs: PublicValues,
  gatewayKey: Uint8Array,
  activations?: Uint8Array,
): SubmitDocument {
  const { order, secrets } = drafted;
  const { inputCommitment } = order.message;
  const bundle = encodeBundle(new Map([...inputs].map(([n, values]) => [n, { values, salt: secrets.inputSalt }])));
  const sealed = (bytes: Uint8Array, context: string) => toBase64(seal(gatewayKey, bytes, context));
  return {
    order,
    input: sealed(bundle, sealingContext.input(inputCommitment)),
    replyKey: bytesToHex(sealingKeys(hexToBytes(secrets.replySecretKey)).publicKey),
    ...(activations ? { activations: sealed(activations, sealingContext.activations(inputCommitment)) } : {}),
  };
}
