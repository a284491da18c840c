/** Checking of messages of those whose messages are checked often: the same few operators and requesters. */
import type { Address } from 'viem';
import { hashMessage, type Message, type MessageName, type NetworkId, type Signed } from '../../messages/index.js';
import { isSignedByAddress } from '../../transport/request/known-signers.js';

/** False where the signature or the message is malformed, and for the malleable second form of a signature. */
export function isSignedBy<N extends MessageName>(
  network: NetworkId,
  name: N,
  signed: Signed<Message<N>>,
  expected: Address,
): boolean {
  try {
    return isSignedByAddress(hashMessage(network, name, signed.message), signed.signature, expected);
  } catch {
    return false;
  }
}
