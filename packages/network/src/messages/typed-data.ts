/**
 * The signed messages of the network as EIP-712 typed data (docs/network.md). The contracts hash the same types: see
 * packages/contracts/solidity/libraries/Messages.sol.
 */
import type { Address, Hex, TypedDataDomain } from 'viem';

export interface NetworkId {
  readonly chainId: number;
  readonly market: Address;
  readonly settlement: Address;
}

export const TYPES = {
  Order: [
    { name: 'requester', type: 'address' },
    { name: 'gateway', type: 'address' },
    { name: 'fingerprint', type: 'bytes32' },
    { name: 'inputCommitment', type: 'bytes32' },
    { name: 'priceMin', type: 'uint128' },
    { name: 'priceMax', type: 'uint128' },
    { name: 'rampSeconds', type: 'uint32' },
    { name: 'budget', type: 'uint128' },
    { name: 'deadline', type: 'uint64' },
    { name: 'salt', type: 'bytes32' },
  ],
  Cancel: [
    { name: 'order', type: 'bytes32' },
    { name: 'issuedAt', type: 'uint64' },
  ],
  Endpoint: [
    { name: 'operator', type: 'address' },
    { name: 'roles', type: 'uint8' },
    { name: 'url', type: 'string' },
    { name: 'encryptionKey', type: 'bytes32' },
    { name: 'capability', type: 'bytes32' },
    { name: 'sequence', type: 'uint64' },
    { name: 'issuedAt', type: 'uint64' },
    { name: 'expiresAt', type: 'uint64' },
  ],
  Manifest: [
    { name: 'order', type: 'bytes32' },
    { name: 'digest', type: 'bytes32' },
    { name: 'gateway', type: 'address' },
  ],
  Ended: [
    { name: 'order', type: 'bytes32' },
    { name: 'digest', type: 'bytes32' },
    { name: 'gateway', type: 'address' },
  ],
  Delegation: [
    { name: 'gateway', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'until', type: 'uint64' },
  ],
  Lock: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'prover', type: 'address' },
    { name: 'price', type: 'uint128' },
    { name: 'collateral', type: 'uint128' },
    { name: 'deadline', type: 'uint64' },
  ],
  Release: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'prover', type: 'address' },
    { name: 'at', type: 'uint64' },
  ],
  Receipt: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'prover', type: 'address' },
    { name: 'proofDigest', type: 'bytes32' },
  ],
  Acknowledgement: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'proofDigest', type: 'bytes32' },
    { name: 'gateway', type: 'address' },
    { name: 'receivedAt', type: 'uint64' },
  ],
  VerdictCommit: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'validator', type: 'address' },
    { name: 'commitment', type: 'bytes32' },
  ],
  Verdict: [
    { name: 'order', type: 'bytes32' },
    { name: 'chunk', type: 'uint32' },
    { name: 'attempt', type: 'uint32' },
    { name: 'proofDigest', type: 'bytes32' },
    { name: 'accepted', type: 'bool' },
    { name: 'validator', type: 'address' },
    { name: 'salt', type: 'bytes32' },
  ],
  WeightCommit: [
    { name: 'epoch', type: 'uint64' },
    { name: 'validator', type: 'address' },
    { name: 'commitment', type: 'bytes32' },
  ],
  EpochRoot: [
    { name: 'epoch', type: 'uint64' },
    { name: 'previous', type: 'bytes32' },
    { name: 'root', type: 'bytes32' },
    { name: 'spent', type: 'uint256' },
    { name: 'minted', type: 'uint128' },
    { name: 'leaves', type: 'uint32' },
    { name: 'closedAt', type: 'uint64' },
  ],
  Request: [
    { name: 'sender', type: 'address' },
    { name: 'audience', type: 'address' },
    { name: 'method', type: 'string' },
    { name: 'path', type: 'string' },
    { name: 'body', type: 'bytes32' },
    { name: 'nonce', type: 'bytes32' },
    { name: 'issuedAt', type: 'uint64' },
    { name: 'expiresAt', type: 'uint64' },
  ],
} as const;

export type MessageName = keyof typeof TYPES;

/** Integers up to 53 bits are numbers, larger ones bigints. */
interface FieldTypes {
  address: Address;
  bytes32: Hex;
  string: string;
  bool: boolean;
  uint8: number;
  uint32: number;
  uint64: number;
  uint128: bigint;
  uint256: bigint;
}

export type Message<N extends MessageName> = {
  readonly [F in (typeof TYPES)[N][number] as F['name']]: FieldTypes[F['type']];
};

export type Order = Message<'Order'>;
export type Cancel = Message<'Cancel'>;
export type Endpoint = Message<'Endpoint'>;
export type ManifestSeal = Message<'Manifest'>;
export type Ended = Message<'Ended'>;
export type Delegation = Message<'Delegation'>;
export type Lock = Message<'Lock'>;
export type Receipt = Message<'Receipt'>;
export type Acknowledgement = Message<'Acknowledgement'>;
export type VerdictCommit = Message<'VerdictCommit'>;
export type VerdictMessage = Message<'Verdict'>;
export type WeightCommit = Message<'WeightCommit'>;
export type EpochRoot = Message<'EpochRoot'>;

/** A message with its signature (65 bytes). */
export interface Signed<M> {
  readonly message: M;
  readonly signature: Hex;
}

const ON_MARKET: readonly MessageName[] = ['Order', 'Cancel'];

/** The domain that a message is signed under. */
export function domainOf(network: NetworkId, name: MessageName): TypedDataDomain {
  const verifyingContract = ON_MARKET.includes(name) ? network.market : network.settlement;
  return { name: 'DSperse', version: '1', chainId: network.chainId, verifyingContract };
}
