/** Which of several gateways gets an order: that which is expected to be cheapest, within what the requester allows. */
import { InputError } from '@dsperse/core/verify';
import type { QuoteDocument } from '@dsperse/network/messages';
import { TransportError } from '@dsperse/network/transport';
import { type Address, bytesToHex, type Hex } from 'viem';
import { type Client, type ClientOptions, createClient, type QuoteRequest } from './client.js';
import type { OrderTerms, PriceTerms } from './order-terms.js';
import { random32 } from './random.js';

/** What an order in the past cost at a gateway: remembered by the requester, as no gateway's word. */
export interface PaidPrice {
  /** Operator of the gateway. */
  readonly gateway: Address;
  /** Token units per million work units. */
  readonly unitPrice: bigint;
}

export interface GatewayLimits {
  /** Most for the whole order, in token units. */
  readonly budget?: bigint;
  /** Least chance of being filled. */
  readonly minChanceBps?: number;
}

export interface GatewayOffer {
  readonly gatewayUrl: string;
  readonly client: Client;
  readonly quote: QuoteDocument;
  /** What its quote says, or what its orders cost before where that was more; per million work units. */
  readonly expected: bigint;
}

export interface SkippedGateway {
  readonly gatewayUrl: string;
  readonly code: string;
  readonly message: string;
}

export interface ComparedGateways {
  /** The best first; those within the limits. */
  readonly offers: readonly GatewayOffer[];
  readonly skipped: readonly SkippedGateway[];
}

const BPS = 10_000n;

/** Rounded up, of the latest orders at a gateway; 0 where there was none. */
function paidBefore(history: readonly PaidPrice[], gateway: Address): bigint {
  const paid = history.filter((p) => p.gateway.toLowerCase() === gateway.toLowerCase()).slice(-5);
  const sum = paid.reduce((all, { unitPrice }) => all + unitPrice, 0n);
  return paid.length === 0 ? 0n : (sum + BigInt(paid.length) - 1n) / BigInt(paid.length);
}

const compareBigInts = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** The cheapest first; of those that cost the same, the faster one, then the surer one. */
export const byPrice = (a: GatewayOffer, b: GatewayOffer): number =>
  compareBigInts(a.expected, b.expected) || a.quote.seconds - b.quote.seconds || b.quote.chanceBps - a.quote.chanceBps;

/**
 * Asks each gateway who it is and for a quote, all at once. One that does not answer, is of another network or has the same
 * operator as an earlier one is skipped.
 * @param prepare what the gateway needs before it can quote, as the program
 * @param history the oldest first
 */
export async function compareGateways(
  options: Omit<ClientOptions, 'gatewayUrl'>,
  gatewayUrls: readonly string[],
  request: QuoteRequest & GatewayLimits,
  history: readonly PaidPrice[] = [],
  prepare: (client: Client) => Promise<void> = async () => {},
): Promise<ComparedGateways> {
  const asked = await Promise.all(
    [...new Set(gatewayUrls)].map(async (gatewayUrl): Promise<GatewayOffer | SkippedGateway> => {
      try {
        const client = await createClient({ ...options, gatewayUrl });
        await prepare(client);
        const quote = await client.quote(request);
        const before = paidBefore(history, client.gateway.address);
        return { gatewayUrl, client, quote, expected: before > quote.unitPrice ? before : quote.unitPrice };
      } catch (error) {
        return { gatewayUrl, ...faultOf(error) };
      }
    }),
  );
  const offers: GatewayOffer[] = [];
  const skipped: SkippedGateway[] = [];
  const seen = new Set<Address>();
  for (const one of asked) {
    if (!('client' in one)) {
      skipped.push(one);
      continue;
    }
    const { gatewayUrl, client, quote } = one;
    const fault = seen.has(client.gateway.address)
      ? { code: 'same-gateway', message: 'it has the operator of another one' }
      : limitFault(quote, request);
    seen.add(client.gateway.address);
    if (fault) skipped.push({ gatewayUrl, ...fault });
    else offers.push(one);
  }
  return { offers: offers.sort(byPrice), skipped };
}

/** What the gateway is to blame for; what the caller is, is thrown. */
function faultOf(error: unknown): Pick<SkippedGateway, 'code' | 'message'> {
  if (error instanceof TransportError) return { code: error.code, message: error.message };
  if (error instanceof InputError && ['unknown-program', 'other-program'].includes(error.code)) {
    return { code: error.code, message: error.message };
  }
  throw error;
}

function limitFault(quote: QuoteDocument, { budget, minChanceBps = 0 }: GatewayLimits) {
  if (budget !== undefined && quote.price > budget)
    return { code: 'too-dear', message: 'it quotes more than the budget' };
  if (quote.chanceBps < minChanceBps) return { code: 'too-unsure', message: 'the chance of being filled is too small' };
  return undefined;
}

/** The price that is signed: at most `overBps` above the lowest that a gateway is expected to take, of those that are left. */
export function capPrice(price: PriceTerms, lowest: bigint, overBps: number): PriceTerms {
  const cap = (lowest * (BPS + BigInt(overBps)) + BPS - 1n) / BPS;
  const max = cap < price.max ? cap : price.max;
  return { ...price, max: max < price.min ? price.min : max };
}

export interface ChosenGateway<T> {
  readonly offer: GatewayOffer;
  readonly placed: T;
  readonly skipped: readonly SkippedGateway[];
}

/**
 * Places an order at the best gateway, at the next one where that refuses it. One that falls silent in the midst may have taken
 * it: its error is thrown, as a second order would be paid too.
 * @param place with the terms to sign; what it throws tells whether the order was refused
 * @param overBps see {@link capPrice}; without it the price stays as it is
 * @throws TransportError `no-gateway` where none is within the limits, or all refuse
 */
export async function chooseGateway<T, Terms extends OrderTerms>(
  compared: ComparedGateways,
  terms: Terms,
  place: (offer: GatewayOffer, terms: Terms & { readonly salt: Hex }) => Promise<T>,
  overBps?: number,
): Promise<ChosenGateway<T>> {
  const skipped = [...compared.skipped];
  // The chain reserves one order under it: whatever a gateway says that it did, no second one is paid.
  const given = { ...terms, salt: terms.salt ?? bytesToHex(random32()) };
  for (const offer of compared.offers) {
    // Those before it refused: it is the cheapest that is left.
    const signed = overBps === undefined ? given : { ...given, price: capPrice(terms.price, offer.expected, overBps) };
    try {
      return { offer, placed: await place(offer, signed), skipped };
    } catch (error) {
      // Of a gateway alone the reason is its own.
      if (!wasRefused(error) || compared.offers.length === 1) throw error;
      skipped.push({ gatewayUrl: offer.gatewayUrl, ...faultOf(error) });
    }
  }
  const why = skipped.map((s) => `${s.gatewayUrl}: ${s.message}`).join('; ');
  throw new TransportError('no-gateway', `no gateway takes the order${why && ` (${why})`}`, {
    retryable: false,
    hint: 'give other gateways, a higher price or budget, or more time',
  });
}

/** Whether the gateway has surely not taken the order: it answered, and said no, or was gone before it was sent. */
function wasRefused(error: unknown): boolean {
  if (error instanceof InputError) return ['unknown-program', 'other-program'].includes(error.code);
  if (!(error instanceof TransportError)) return false;
  if (error.status === undefined) return isRefusedConnection(error);
  if (error.status >= 500) return error.status === 503 && BEFORE_TAKING.includes(error.code);
  return error.status >= 400 && error.status !== 408;
}

/** Codes of a gateway that refuses before it looks at an order; another fault of its own may come after it took it. */
const BEFORE_TAKING: readonly string[] = ['busy', 'stopping', 'missing-blobs'];

function isRefusedConnection(error: TransportError): boolean {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if ((cause as Error & { code?: unknown }).code === 'ECONNREFUSED') return true;
  }
  return false;
}
