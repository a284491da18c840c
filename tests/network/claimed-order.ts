/** Chunks of an order that its gateway abandoned, with every signature in order where nothing else is asked for. */
import {
  type Appeal,
  canonicalBytes,
  commitmentOf,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  type Lock,
  type Order,
  signMessage,
  type Testimony,
  type VerdictMessage,
} from '@dsperse/network/messages';
import { type Address, type Hex, zeroHash } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { accountOf, network, prover, requester, word } from './small-order.js';

export const lower = <H extends Hex>(hex: H) => hex.toLowerCase() as H;
export const addressOf = (account: PrivateKeyAccount): Address => lower(account.address);

/** An order to a gateway that is gone. @param fingerprint of its program: 64 hexadecimal digits */
export function abandonedOrder(fingerprint: string, salt = word(12)): { readonly id: Hex; readonly order: Order } {
  const order: Order = {
    requester: addressOf(requester),
    gateway: addressOf(accountOf(9)),
    fingerprint: `0x${fingerprint}`,
    inputCommitment: word(11),
    priceMin: 100n,
    priceMax: 10n ** 9n,
    rampSeconds: 100,
    budget: 10n ** 12n,
    deadline: 2_000,
    salt,
  };
  return { order, id: lower(hashMessage(network, 'Order', order)) };
}

export interface ClaimParts {
  readonly by?: PrivateKeyAccount;
  readonly lock?: Partial<Lock>;
  /** Another lock than the one that is shown. */
  readonly provenFor?: Partial<Lock>;
  readonly statement?: Partial<Appeal['delivery']['proof']['statement']>;
  /** Of the proof: other bytes are another proof. */
  readonly proof?: string;
}

/** By default of the first slice, which is chunk 0, at the first attempt. */
export async function claimOf(
  { order, id }: ReturnType<typeof abandonedOrder>,
  parts: ClaimParts = {},
): Promise<Appeal> {
  const { by = prover } = parts;
  const terms = { price: 450n, collateral: 1_000n, deadline: 1_200 };
  const lock: Lock = { order: id, chunk: 0, attempt: 0, prover: addressOf(by), ...terms, ...parts.lock };
  const proof = {
    lock: hashMessage(network, 'Lock', { ...lock, ...parts.provenFor }),
    statement: {
      ...{ fingerprint: order.fingerprint.slice(2), index: lock.chunk, nonce: id.slice(2), prover: addressOf(by) },
      ...{ commitments: {}, ...parts.statement },
    },
    proof: `sha256:${(parts.proof ?? zeroHash.slice(2)).padStart(64, '0')}`,
    proofBytes: 1,
  };
  const { chunk, attempt } = lock;
  const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const receipt = { order: lock.order, chunk, attempt, prover: addressOf(by), proofDigest };
  return {
    order: await signMessage(requester, network, 'Order', order),
    lock: await signMessage(by, network, 'Lock', lock),
    delivery: { receipt: await signMessage(by, network, 'Receipt', receipt), proof },
  };
}

/** The verdict that a validator gave on the proof of a claim. */
export async function testimonyOn(
  claim: Appeal,
  validator: PrivateKeyAccount,
  change: Partial<VerdictMessage> = {},
): Promise<Testimony> {
  const { order, chunk, attempt, proofDigest } = claim.delivery.receipt.message;
  const at = { order, chunk, attempt };
  const verdict = { ...at, proofDigest, accepted: true, validator: addressOf(validator), salt: word(30), ...change };
  const commit = { order: verdict.order, chunk: verdict.chunk, attempt: verdict.attempt, validator: verdict.validator };
  return {
    commit: await signMessage(validator, network, 'VerdictCommit', { ...commit, commitment: commitmentOf(verdict) }),
    verdict: await signMessage(validator, network, 'Verdict', verdict),
  };
}
