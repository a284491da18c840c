/**
 * Whether a prover did the work of a lock that its gateway lets seem missed: a proof that holds, of the order's program, for this
 * order and by this prover. Nothing is said of its values, which only the order's gateways know: so it excuses, and is not paid.
 */
import { verifySlice } from '@dsperse/core/verify';
import type { Hex } from 'viem';
import type { OnChainOrder } from '../../chain/ledger.js';
import {
  type Appeal,
  canonicalBytes,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  isSignedBy,
  type NetworkId,
  type TensorBundle,
} from '../../messages/index.js';
import type { CaseOutcome, CaseRequest } from './check-case.js';

export interface AppealRequest {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
  readonly appeal: Appeal;
  readonly network: NetworkId;
  /** Public inputs and outputs, as the order's gateway says them; empty where it does not. */
  readonly values: TensorBundle;
  readonly key: CaseRequest['key'];
  /** Undefined where it was not to be had. */
  readonly proof: Uint8Array | undefined;
  readonly onChain: OnChainOrder;
  readonly maxProofBytes: number;
}

const reject = (code: string, path: string): CaseOutcome => ({ accepted: false, code, path });
const abstain = (code: string, path: string): CaseOutcome => ({ abstain: code, path });

/** What its signatures say, before anything is fetched; the gateway that passes it on asks the same. */
export function appealFault(network: NetworkId, { order, lock, delivery }: Appeal): string | undefined {
  const { message } = lock;
  const { receipt, proof } = delivery;
  if (!isSignedBy(network, 'Order', order, order.message.requester)) return 'order-signature';
  if (hashMessage(network, 'Order', order.message) !== message.order) return 'order-id';
  if (!isSignedBy(network, 'Lock', lock, message.prover)) return 'lock-signature';
  if (!isSignedBy(network, 'Receipt', receipt, message.prover)) return 'receipt-signature';
  const fits =
    receipt.message.order === message.order &&
    receipt.message.chunk === message.chunk &&
    receipt.message.attempt === message.attempt &&
    receipt.message.prover === message.prover &&
    receipt.message.proofDigest === digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  if (!fits) return 'receipt';
  if (proof.lock !== hashMessage(network, 'Lock', message)) return 'proof-lock';
  const { statement } = proof;
  if (`0x${statement.fingerprint}` !== order.message.fingerprint) return 'fingerprint';
  if (statement.nonce !== message.order.slice(2)) return 'nonce';
  return statement.prover === message.prover.toLowerCase() ? undefined : 'prover';
}

/** Total: any document gives an outcome. */
export function checkAppeal(request: AppealRequest): CaseOutcome {
  const { appeal, key: known, proof, onChain, network } = request;
  const fault = appealFault(network, appeal);
  if (fault) return reject(fault, 'appeal');
  const { order, chunk, attempt } = appeal.lock.message;
  if (order !== request.order || chunk !== request.chunk || attempt !== request.attempt) return reject('lock', 'lock');
  if (onChain.state !== 'reserved') return abstain('not-reserved', `chain/${onChain.state}`);
  if (known === undefined) return abstain('missing-key', 'key');
  if ('unusable' in known) return abstain('unusable-key', `key/${known.unusable}`);
  const { statement, proofBytes } = appeal.delivery.proof;
  if (proofBytes > request.maxProofBytes) return reject('proof-too-large', 'proof/proof');
  if (!proof) return abstain('missing-proof', 'proof/proof');
  if (proof.length !== proofBytes) return reject('proof-length', 'proof/proofBytes');
  const values = new Map(
    [...request.values].flatMap(([name, { values: v }]): [string, Int32Array][] => (v ? [[name, v]] : [])),
  );
  const verdict = verifySlice(known.key, known.fingerprint, statement, proof, values);
  if (verdict.verdict === 'accepted') return { accepted: true };
  const path = `proof/${verdict.path}`;
  return verdict.verdict === 'rejected' ? reject(verdict.code, path) : abstain(verdict.code, path);
}
