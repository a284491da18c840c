/** Checking of signed requests. Nothing is remembered but nonces, and those only of requests that are truly signed. */

import { type Address, getAddress, isAddressEqual } from 'viem';
import { hashMessage, isSignedByAddress, type NetworkId } from '../../messages/index.js';
import type { NonceLedger } from './nonces.js';
import { bodyHash, type Clock, type OutgoingRequest } from './sign-request.js';
import { decodeToken, type RequestToken } from './token.js';

export type RefusalCode =
  | 'unsigned'
  | 'bad-signature'
  | 'wrong-audience'
  | 'expired'
  | 'clock-skew'
  | 'validity-too-long'
  | 'replayed';

export interface RequestRefusal {
  readonly code: RefusalCode;
  readonly message: string;
  readonly hint: string;
  /** This node's time in milliseconds, so that the sender can correct its clock. */
  readonly serverTimeMs: number;
}

export type RequestCheck =
  | { readonly sender: Address; readonly refusal?: undefined }
  | { readonly sender?: undefined; readonly refusal: RequestRefusal };

export interface CheckLimits {
  /** How far ahead of this clock a request may have been issued. */
  readonly clockToleranceSeconds: number;
  /** The longest time between issue and expiry; bounds what the nonce ledger holds. */
  readonly maxValiditySeconds: number;
}

export const CHECK_LIMITS: CheckLimits = { clockToleranceSeconds: 10, maxValiditySeconds: 120 };

const MESSAGES: Record<RefusalCode, readonly [message: string, hint: string]> = {
  unsigned: ['the request is not signed', 'send the header authorization as docs/network.md describes it'],
  'bad-signature': [
    'the signature is not the sender’s over this request',
    'sign method, path with query and body as sent',
  ],
  'wrong-audience': ['the request is signed for another node', 'sign for the address that GET /v1/node shows'],
  expired: ['the request is past its expiry', 'send it again, with a new nonce and times'],
  'clock-skew': [
    'the sender’s clock and this node’s are too far apart',
    'correct the clock by the header x-dsperse-time',
  ],
  'validity-too-long': ['the request would be valid for too long', 'let it expire a minute after its issue'],
  replayed: ['this request was seen before', 'sign every request anew, with a new nonce'],
};

/** What can be said before the body is there. The cheap part: a flood of stale or foreign tokens ends here. */
export function precheckRequest(
  header: string | undefined,
  audience: Address,
  clock: Clock = Date.now,
  limits: CheckLimits = CHECK_LIMITS,
): { token: RequestToken } | { refusal: RequestRefusal } {
  const serverTimeMs = clock();
  const now = Math.floor(serverTimeMs / 1000);
  const token = header === undefined ? undefined : decodeToken(header);
  const code = ((): RefusalCode | undefined => {
    if (!token) return 'unsigned';
    if (!isAddressEqual(token.audience, audience)) return 'wrong-audience';
    if (token.expiresAt <= token.issuedAt) return 'expired';
    if (token.expiresAt - token.issuedAt > limits.maxValiditySeconds) return 'validity-too-long';
    if (token.issuedAt > now + limits.clockToleranceSeconds) return 'clock-skew';
    // One that would have expired even a whole validity ago comes from a clock that is slow, not from a slow network.
    if (token.issuedAt < now - 2 * limits.maxValiditySeconds) return 'clock-skew';
    return token.expiresAt <= now ? 'expired' : undefined;
  })();
  return code ? { refusal: refusalOf(code, serverTimeMs) } : { token: token! };
}

export function refusalOf(code: RefusalCode, serverTimeMs: number): RequestRefusal {
  const [message, hint] = MESSAGES[code];
  return { code, message, hint, serverTimeMs };
}

export interface IncomingRequest {
  readonly network: NetworkId;
  /** This node's own address. */
  readonly audience: Address;
  /** The header `authorization`. */
  readonly header: string | undefined;
  readonly method: string;
  /** Path with query, exactly as it came. */
  readonly path: string;
  readonly body: OutgoingRequest['body'];
  readonly nonces: NonceLedger;
  readonly clock?: Clock;
  readonly limits?: CheckLimits;
}

/**
 * Who sent the request, or why it is refused. The nonce is used up only where everything else is right. Throws what the
 * nonce ledger throws.
 */
export async function checkRequest(request: IncomingRequest): Promise<RequestCheck> {
  const { network, audience, method, path, clock = Date.now } = request;
  const first = precheckRequest(request.header, audience, clock, request.limits);
  if ('refusal' in first) return first;
  const { sender, nonce, issuedAt, expiresAt, signature } = first.token;
  const refuse = (code: RefusalCode): RequestCheck => ({ refusal: refusalOf(code, clock()) });
  const message = { sender, audience, method, path, body: bodyHash(request.body), nonce, issuedAt, expiresAt };
  const hash = hashMessage(network, 'Request', lowerCased(message));
  if (!isSignedByAddress(hash, signature, sender)) return refuse('bad-signature');
  const isFresh = await request.nonces.use(sender.toLowerCase() as Address, nonce, expiresAt);
  return isFresh ? { sender: getAddress(sender) } : refuse('replayed');
}

/** Addresses without a checksum: a wrong checksum is no reason to fail, only the signature is. */
function lowerCased<M extends { sender: Address; audience: Address }>(message: M): M {
  return {
    ...message,
    sender: message.sender.toLowerCase() as Address,
    audience: message.audience.toLowerCase() as Address,
  };
}
