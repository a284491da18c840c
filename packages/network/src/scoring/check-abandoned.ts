/**
 * Whether an order may be settled that its own gateway has not settled. No gateway's word counts: slices, price and prover are
 * those of the statement and the lock that validators accepted with the proof.
 */
import { chunkPrice } from '../market/index.js';
import { canonicalBytes, digestAsBytes32, digestOfBytes, hashMessage } from '../messages/index.js';
import { claimableAt, claimedSlices } from './abandoned.js';
import type { Checker } from './check-trace.js';
import { electorateOf, judgeAttempt } from './judge-attempt.js';
import type { AbandonedTrace, ClaimedChunk } from './types.js';

const lower = <H extends string>(text: H) => text.toLowerCase() as H;

export async function checkAbandoned(checker: Checker, order: AbandonedTrace, path: string): Promise<void> {
  const { trace, context } = checker;
  await checker.checkReserved(order, path);
  const exitAt = context.reserves.get(lower(order.id))?.exitAt ?? Number.POSITIVE_INFINITY;
  const isAbandoned = trace.closedAt >= claimableAt(exitAt, context.claimWindowSeconds);
  checker.require(isAbandoned, 'not-abandoned', path, 'its gateway may still settle it');
  checker.require(order.claims.length > 0, 'not-accepted', `${path}.claims`, 'nothing is claimed of it');
  const chunks = new Set<number>();
  const covered: number[] = [];
  let spent = 0n;
  for (const [k, claim] of order.claims.entries()) {
    const { chunk, price } = claim.lock.message;
    checker.require(!chunks.has(chunk), 'duplicate', `${path}.claims[${k}]`, 'the chunk is claimed twice');
    chunks.add(chunk);
    covered.push(...claimedSlices(claim));
    spent += price;
    await checkClaim(checker, order, claim, `${path}.claims[${k}]`);
  }
  const isOnce = new Set(covered).size === covered.length;
  checker.require(isOnce, 'wrong-work', `${path}.claims`, 'a slice is claimed twice');
  checker.require(spent <= order.order.message.budget, 'over-budget', path, `its claims cost ${spent}`);
}

async function checkClaim(checker: Checker, order: AbandonedTrace, claim: ClaimedChunk, path: string): Promise<void> {
  const { context, trace } = checker;
  const { lock, receipt, proof, workUnits, commits, verdicts } = claim;
  const { chunk, attempt, prover, price } = lock.message;
  const isOf = (message: { order: string; chunk: number; attempt: number }) =>
    lower(message.order) === lower(order.id) && message.chunk === chunk && message.attempt === attempt;
  checker.require(isOf(lock.message), 'wrong-subject', `${path}.lock`, 'the lock is of another order');
  await checker.signed('Lock', lock, prover, `${path}.lock`);
  const isSame = isOf(receipt.message) && lower(receipt.message.prover) === lower(prover);
  checker.require(isSame, 'wrong-subject', `${path}.receipt`, 'the receipt is of another lock');
  await checker.signed('Receipt', receipt, prover, `${path}.receipt`);
  const isProof = lower(receipt.message.proofDigest) === digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  checker.require(isProof, 'wrong-subject', `${path}.proof`, 'the receipt is for another proof');
  checker.require(isLockOf(checker, claim), 'wrong-subject', `${path}.proof.lock`, 'it was delivered for another lock');
  const { statement } = proof;
  const isAbout =
    `0x${statement.fingerprint}` === lower(order.order.message.fingerprint) &&
    `0x${statement.nonce}` === lower(order.id) &&
    statement.prover === lower(prover);
  checker.require(isAbout, 'wrong-subject', `${path}.proof.statement`, 'it is of another program, order or prover');
  const sizes = context.programs.get(lower(order.order.message.fingerprint));
  const work = claimedSlices(claim).reduce((sum, slice) => sum + (sizes?.[slice] ?? Number.NaN), 0);
  checker.require(work === workUnits, 'wrong-work', `${path}.workUnits`, 'not the work of its slices');
  checker.require(price <= priceOf(order, workUnits), 'price-above-curve', path, `${price} is above the curve`);
  checker.checkListed(prover, path);
  const judges = electorateOf(trace, order);
  await checker.checkVerdicts({ commits, verdicts }, isOf, judges, path);
  const { result } = judgeAttempt({ lock, lockedAt: 0, receipt, commits, verdicts }, { ...order, endedAt: 0 }, judges);
  checker.require(result === 'accepted', 'not-accepted', path, 'validators have not accepted it');
}

function isLockOf({ context }: Checker, { lock, proof }: ClaimedChunk): boolean {
  try {
    return proof.lock === hashMessage(context.network, 'Lock', lock.message);
  } catch {
    // Malformed: its signature is not valid either.
    return false;
  }
}

/** At the end of the curve: how far it had come the validators checked who accepted the proof for this lock. */
function priceOf({ order: { message } }: AbandonedTrace, workUnits: number): bigint {
  try {
    return chunkPrice(message.priceMax, workUnits);
  } catch {
    return -1n;
  }
}
