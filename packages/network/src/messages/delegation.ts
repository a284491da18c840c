/** Gateways on one database act for each other: each says so of the others, and validators can see it. */
import type { Address } from 'viem';
import { isSignedBy } from './sign.js';
import type { Delegation, NetworkId, Signed } from './typed-data.js';

/** @param at in seconds: when what is signed in the other's place happened */
export function isDelegatedTo(
  network: NetworkId,
  gateway: Address,
  to: Address,
  delegation: Signed<Delegation> | undefined,
  at: number,
): boolean {
  if (!delegation) return false;
  const { message } = delegation;
  return (
    message.gateway.toLowerCase() === gateway.toLowerCase() &&
    message.to.toLowerCase() === to.toLowerCase() &&
    message.until >= at &&
    isSignedBy(network, 'Delegation', delegation, gateway)
  );
}
