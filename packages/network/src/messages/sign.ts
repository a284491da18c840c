/** Signing and checking of the network's messages. */
import { type Address, type Hex, recoverAddress } from 'viem';
import type { LocalAccount } from 'viem/accounts';
import { hashFields } from './hash-typed-data.js';
import { isSignedByAddress } from './known-signers.js';
import { domainOf, type Message, type MessageName, type NetworkId, type Signed, TYPES } from './typed-data.js';

/** The account that signs: a local key, or a wallet that signs typed data alone. */
export type Signer = Pick<LocalAccount, 'address' | 'sign' | 'signTypedData'>;

function typedData<N extends MessageName>(network: NetworkId, name: N, message: Message<N>) {
  // viem derives a type of its own from TYPES, with bigints for 64 bits; the encoding is the same.
  return { domain: domainOf(network, name), types: { [name]: TYPES[name] }, primaryType: name, message } as never;
}

/** The EIP-712 digest; of an `Order` it is the order's id. */
export function hashMessage<N extends MessageName>(network: NetworkId, name: N, message: Message<N>): Hex {
  return hashFields(network, name, message);
}

export async function signMessage<N extends MessageName>(
  signer: Signer,
  network: NetworkId,
  name: N,
  message: Message<N>,
): Promise<Signed<Message<N>>> {
  const signature = signer.sign
    ? await signer.sign({ hash: hashMessage(network, name, message) })
    : await signer.signTypedData(typedData(network, name, message));
  return { message, signature };
}

/** Who signed; undefined where the signature or the message is malformed. */
export async function signerOf<N extends MessageName>(
  network: NetworkId,
  name: N,
  signed: Signed<Message<N>>,
): Promise<Address | undefined> {
  try {
    return await recoverAddress({ hash: hashMessage(network, name, signed.message), signature: signed.signature });
  } catch {
    return undefined;
  }
}

/** Signatures that were found valid, the oldest first: what is checked when it comes is checked again when it is settled. */
const valid = new Set<string>();
const REMEMBERED = 16_384;

/** False where the signature or the message is malformed, and for the malleable second form of a signature. */
export function isSignedBy<N extends MessageName>(
  network: NetworkId,
  name: N,
  signed: Signed<Message<N>>,
  expected: Address,
): boolean {
  try {
    const hash = hashMessage(network, name, signed.message);
    const check = `${hash} ${signed.signature} ${expected.toLowerCase()}`;
    if (valid.has(check)) return true;
    if (!isSignedByAddress(hash, signed.signature, expected)) return false;
    valid.add(check);
    if (valid.size > REMEMBERED) for (const oldest of valid.keys()) return valid.delete(oldest);
    return true;
  } catch {
    return false;
  }
}
