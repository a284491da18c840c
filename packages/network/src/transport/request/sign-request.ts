/** Signing of requests: who asks whom for what, until when, once. */
import { bytesToHex, randomBytes } from '@noble/hashes/utils.js';
import { type Address, getAddress, type Hex } from 'viem';
import { type NetworkId, type Signer, sha256, signMessage } from '../../messages/index.js';
import { encodeToken } from './token.js';

/** Milliseconds since 1970. */
export type Clock = () => number;

export const REQUEST_VALIDITY_SECONDS = 60;

export interface OutgoingRequest {
  /** The address of the node that the request is for. */
  readonly audience: Address;
  readonly method: string;
  /** Path with query, exactly as it goes on the wire. */
  readonly path: string;
  /** The body, or its SHA-256 where that is known. */
  readonly body: Uint8Array | { readonly sha256: Hex };
}

export function bodyHash(body: OutgoingRequest['body']): Hex {
  return body instanceof Uint8Array ? `0x${bytesToHex(sha256(body))}` : body.sha256;
}

/**
 * The value of the header `authorization`. It is good for one request, for `validitySeconds` from now on.
 * It says who sends; it does not hide anything: that is TLS's part, and the sealed box's.
 */
export async function signRequest(
  signer: Signer,
  network: NetworkId,
  request: OutgoingRequest,
  clock: Clock = Date.now,
  validitySeconds = REQUEST_VALIDITY_SECONDS,
): Promise<string> {
  const issuedAt = Math.floor(clock() / 1000);
  const message = {
    sender: getAddress(signer.address),
    audience: getAddress(request.audience),
    method: request.method,
    path: request.path,
    body: bodyHash(request.body),
    nonce: `0x${bytesToHex(randomBytes(32))}` as Hex,
    issuedAt,
    expiresAt: issuedAt + validitySeconds,
  };
  const { signature } = await signMessage(signer, network, 'Request', message);
  const { sender, audience, nonce, expiresAt } = message;
  return encodeToken({ sender, audience, nonce, issuedAt, expiresAt, signature });
}
