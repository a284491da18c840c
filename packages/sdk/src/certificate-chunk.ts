/** The checks on one chunk of a certificate: its lock, its receipt, its statement and proof, its verdicts. */
import { finalOutputs, type SliceProof, type VerifierKey } from '@dsperse/core/verify';
import { chunkPrice } from '@dsperse/network/market';
import {
  type Certificate,
  canonicalBytes,
  digestAsBytes32,
  digestOfBytes,
  hashMessage,
  isSignedBy,
  type NetworkId,
} from '@dsperse/network/messages';
import { type CommitteeResult, committeeOf, type JudgeStake, judgeByCommittee } from '@dsperse/network/scoring';
import type { Address, Hex } from 'viem';
import { demand, Found, same } from './certificate-check.js';

export interface CertifiedChunk {
  readonly index: number;
  readonly slices: readonly number[];
  readonly prover: Address;
  readonly attempt: number;
  /** Token units, for the whole chunk. */
  readonly price: bigint;
  /** Validators whose signed verdicts accept and reject it. */
  readonly accepting: readonly Address[];
  readonly rejecting: readonly Address[];
  /** Where stakes were given. */
  readonly quorum?: CommitteeResult;
}

export interface ChunkContext {
  readonly network: NetworkId;
  /** Of the order. */
  readonly id: Hex;
  readonly certificate: Certificate;
  /** Of the program. */
  readonly key: VerifierKey;
  /** As the manifest has it. */
  readonly planned: Certificate['manifest']['chunks'][number];
  readonly delivered: Certificate['chunks'][number];
}

const receiptDigest = ({ delivered }: ChunkContext): Hex =>
  digestAsBytes32(digestOfBytes(canonicalBytes(delivered.delivery.proof)));

/** @returns the proof of the chunk's slices */
export async function checkDelivery(
  context: ChunkContext,
  proofs: ReadonlyMap<string, Uint8Array>,
): Promise<SliceProof> {
  const { network, id, certificate, planned, delivered } = context;
  const path = `chunks/${planned.index}`;
  const { lock, delivery } = delivered;
  const { message: terms } = lock;
  const order = certificate.order.message;
  demand(same(terms.order, id), 'order', `${path}/lock/message/order`);
  demand(isSignedBy(network, 'Lock', lock, terms.prover), 'lock-signature', `${path}/lock/signature`);
  const most = chunkPrice(order.priceMax, planned.workUnits);
  demand(terms.price <= most, 'price', `${path}/lock/message/price`);
  demand(terms.deadline <= order.deadline, 'deadline', `${path}/lock/message/deadline`);
  const { receipt } = delivery;
  for (const field of ['order', 'chunk', 'attempt', 'prover'] as const) {
    demand(same(String(receipt.message[field]), String(terms[field])), 'receipt', `${path}/receipt/message/${field}`);
  }
  demand(same(receipt.message.proofDigest, receiptDigest(context)), 'proof-digest', `${path}/receipt/message`);
  const signed = isSignedBy(network, 'Receipt', receipt, terms.prover);
  demand(signed, 'receipt-signature', `${path}/receipt/signature`);
  // Verdicts are about this price.
  demand(same(delivery.proof.lock, hashMessage(network, 'Lock', terms)), 'lock', `${path}/proof/lock`);
  const { statement, proof, proofBytes } = delivery.proof;
  const { slices } = planned;
  const at = `slices/${slices[0]}`;
  demand(statement.index === slices[0], 'slice-index', `${at}/statement/index`);
  demand((statement.count ?? 1) === slices.length, 'slice-count', `${at}/statement/count`);
  demand(statement.fingerprint === certificate.manifest.fingerprint, 'fingerprint', `${at}/statement/fingerprint`);
  demand(statement.nonce === id.slice(2), 'nonce', `${at}/statement/nonce`);
  demand(statement.prover === terms.prover.toLowerCase(), 'prover', `${at}/statement/prover`);
  // Final outputs are compared with the values themselves, by the verdict on the proof.
  const final = finalOutputs(context.key, slices[0], slices.length);
  for (const [name, commitment] of Object.entries(statement.commitments)) {
    if (final.includes(name)) continue;
    const told = certificate.manifest.commitments;
    demand(Object.hasOwn(told, name) && told[name] === commitment, 'commitment', `${at}/statement/commitments`);
  }
  const bytes = proofs.get(proof);
  if (!bytes) throw new Found('undecided', 'missing-artifact', `${at}/proof`);
  demand(bytes.length === proofBytes && digestOfBytes(bytes) === proof, 'proof-digest', `${at}/proof`);
  return { statement, proof: bytes };
}

/** Whose verdicts on the order count, and how. */
export interface Electorate {
  /** What validators had staked just before the chain reserved the order. */
  readonly stakes: readonly JudgeStake[];
  /** Where there are more validators, a committee judges first. */
  readonly committeeSeats: number;
}

/** Every verdict is signed, is on this proof, and is its validator's only one. */
export async function weighVerdicts(
  context: ChunkContext,
  electorate: Electorate | undefined,
): Promise<CertifiedChunk> {
  const { network, id, planned, delivered } = context;
  const lock = delivered.lock.message;
  const seen = new Set<string>();
  const [accepting, rejecting]: [Address[], Address[]] = [[], []];
  for (const [i, verdict] of delivered.verdicts.entries()) {
    const path = `chunks/${planned.index}/verdicts/${i}`;
    const { message } = verdict;
    const aboutThis =
      same(message.order, id) &&
      message.chunk === lock.chunk &&
      message.attempt === lock.attempt &&
      same(message.proofDigest, receiptDigest(context));
    demand(aboutThis, 'verdict', `${path}/message`);
    demand(isSignedBy(network, 'Verdict', verdict, message.validator), 'verdict-signature', `${path}/signature`);
    demand(!seen.has(message.validator.toLowerCase()), 'second-verdict', path);
    seen.add(message.validator.toLowerCase());
    (message.accepted ? accepting : rejecting).push(message.validator);
  }
  const votes = delivered.verdicts.map(({ message }) => message);
  const quorum = ({ stakes, committeeSeats }: Electorate) =>
    judgeByCommittee(votes, stakes, committeeOf(lock, stakes, committeeSeats));
  return {
    index: planned.index,
    slices: planned.slices,
    prover: lock.prover,
    attempt: lock.attempt,
    price: lock.price,
    accepting,
    rejecting,
    ...(electorate ? { quorum: quorum(electorate) } : {}),
  };
}
