/** The authorization header: `DSperse <base64url(JSON {sender, audience, nonce, issuedAt, expiresAt, signature})>`. */

import type { Address, Hex } from 'viem';
import { base64urlnopad } from './base64url.js';

export interface RequestToken {
  readonly sender: Address;
  readonly audience: Address;
  readonly nonce: Hex;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly signature: Hex;
}

const SCHEME = 'DSperse ';
const MAX_CHARACTERS = 1024;
const FIELDS = 'audience,expiresAt,issuedAt,nonce,sender,signature';
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const BYTES32 = /^0x[0-9a-f]{64}$/;
const SIGNATURE = /^0x[0-9a-f]{130}$/;

const isTime = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
const matches = (pattern: RegExp, x: unknown) => typeof x === 'string' && pattern.test(x);

export function encodeToken(token: RequestToken): string {
  const { sender, audience, nonce, issuedAt, expiresAt, signature } = token;
  const json = JSON.stringify({ sender, audience, nonce, issuedAt, expiresAt, signature });
  return SCHEME + base64urlnopad.encode(new TextEncoder().encode(json));
}

/** Undefined where the header is anything else than one token, written in full and with nothing more. */
export function decodeToken(header: string): RequestToken | undefined {
  if (!header.startsWith(SCHEME) || header.length > MAX_CHARACTERS) return undefined;
  const bytes = base64urlnopad.decode(header.slice(SCHEME.length));
  if (!bytes) return undefined;
  let token: unknown;
  try {
    token = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof token !== 'object' || token === null || Object.keys(token).sort().join() !== FIELDS) return undefined;
  const t = token as Record<keyof RequestToken, unknown>;
  const isWhole =
    matches(ADDRESS, t.sender) &&
    matches(ADDRESS, t.audience) &&
    matches(BYTES32, t.nonce) &&
    matches(SIGNATURE, t.signature) &&
    isTime(t.issuedAt) &&
    isTime(t.expiresAt);
  return isWhole ? (token as RequestToken) : undefined;
}
