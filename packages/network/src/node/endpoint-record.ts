/** The record that an operator signs about itself: roles, address on the web, key to seal to, what it can do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { type Address, bytesToHex, type Hex } from 'viem';
import {
  type Capability,
  canonicalBytes,
  digestAsBytes32,
  digestOfBytes,
  type Endpoint,
  type EndpointDocument,
  type EndpointRules,
  hashMessage,
  isSignedBy,
  type NetworkId,
  ROLE,
  type RoleName,
  type Signed,
  signMessage,
} from '../messages/index.js';
import type { Identity } from './identity.js';
import { writePrivateFile } from './write-private-file.js';

/** SHA-256 of the capability's canonical JSON. */
export const capabilityDigest = (capability: Capability): Hex =>
  digestAsBytes32(digestOfBytes(canonicalBytes(capability)));

export const roleBits = (roles: readonly RoleName[]): number => roles.reduce((bits, role) => bits | ROLE[role], 0);

export const rolesIn = (bits: number): RoleName[] =>
  (Object.keys(ROLE) as RoleName[]).filter((role) => (bits & ROLE[role]) !== 0);

export interface EndpointRequest {
  readonly network: NetworkId;
  readonly identity: Identity;
  readonly roles: readonly RoleName[];
  /** Where others may reach the node; '' where it only calls out. */
  readonly url: string;
  readonly capability: Capability;
  /** See {@link nextSequence}. */
  readonly sequence: number;
  readonly nowSeconds: number;
  /** An hour by default. */
  readonly lifetimeSeconds?: number;
}

const MAX_URL = 512;

/** @throws InputError `bad-url` */
export async function makeEndpoint(request: EndpointRequest): Promise<EndpointDocument> {
  const { network, identity, roles, url, capability, sequence, nowSeconds, lifetimeSeconds = 3600 } = request;
  if (!isEndpointUrl(url)) {
    throw new InputError('bad-url', `${url} is no URL that others can reach`, 'give http:// or https:// with a host');
  }
  const message: Endpoint = {
    operator: identity.account.address.toLowerCase() as Address,
    roles: roleBits(roles),
    url,
    encryptionKey: bytesToHex(identity.encryptionKey.publicKey),
    capability: capabilityDigest(capability),
    sequence,
    issuedAt: nowSeconds,
    expiresAt: nowSeconds + lifetimeSeconds,
  };
  return { record: await signMessage(identity.account, network, 'Endpoint', message), capability };
}

/** http or https, without user, password and fragment; or ''. Who reads a record need not fetch it, and should not unasked. */
export function isEndpointUrl(url: string): boolean {
  if (url === '') return true;
  if (url.length > MAX_URL || !URL.canParse(url)) return false;
  const { protocol, username, password, hash } = new URL(url);
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === '';
}

export type EndpointFault =
  | 'bad-signature'
  | 'bad-url'
  | 'bad-times'
  | 'not-yet'
  | 'expired'
  | 'no-role'
  | 'bad-capability'
  | 'old-sequence';

export interface EndpointContext {
  readonly network: NetworkId;
  readonly nowSeconds: number;
  readonly rules: EndpointRules;
  /** The last record known of this operator. */
  readonly known?: Signed<Endpoint>;
}

/** Whether a record counts; undefined where nothing is wrong with it. Fetches nothing. */
export async function checkEndpoint(
  context: EndpointContext,
  { record, capability }: { readonly record: Signed<Endpoint>; readonly capability?: Capability },
): Promise<EndpointFault | undefined> {
  const { network, nowSeconds, rules, known } = context;
  const { message } = record;
  if (!isSignedBy(network, 'Endpoint', record, message.operator)) return 'bad-signature';
  if (!isEndpointUrl(message.url)) return 'bad-url';
  const lifetime = message.expiresAt - message.issuedAt;
  if (lifetime <= 0 || lifetime > rules.endpointSecondsMax) return 'bad-times';
  if (message.issuedAt > nowSeconds + rules.clockSkewSeconds) return 'not-yet';
  if (message.expiresAt <= nowSeconds) return 'expired';
  if (rolesIn(message.roles).length === 0) return 'no-role';
  if (capability && message.capability !== capabilityDigest(capability)) return 'bad-capability';
  if (known && known.message.operator.toLowerCase() === message.operator.toLowerCase()) {
    const older = message.sequence < known.message.sequence;
    const other = hashMessage(network, 'Endpoint', message) !== hashMessage(network, 'Endpoint', known.message);
    if (older || (message.sequence === known.message.sequence && other)) return 'old-sequence';
  }
  return undefined;
}

const SEQUENCE_FILE = 'endpoint-sequence.json';

/**
 * A sequence above all before it, kept in the data folder before it is given out. It starts from the clock, so that a
 * folder that was lost does not make the node start below what others know.
 */
export async function nextSequence(dataDirectory: string, nowSeconds: number): Promise<number> {
  const path = join(dataDirectory, SEQUENCE_FILE);
  const sequence = Math.max(lastSequence(path) + 1, nowSeconds);
  await writePrivateFile(path, `${JSON.stringify({ sequence })}\n`);
  return sequence;
}

function lastSequence(path: string): number {
  try {
    const { sequence } = JSON.parse(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0;
  } catch {
    return 0;
  }
}
