/** What provers tell a gateway: locks, releases, deliveries. */
import { finalOutputs } from '@dsperse/core/verify';
import type { Address, Hex } from 'viem';
import { canonicalBytes, digestAsBytes32, digestOfBytes } from '../../messages/canonical.js';
import {
  type Acknowledgement,
  type ChunkProof,
  type Delivery,
  hashMessage,
  isSignedBy,
  type Lock,
  type LockAnswer,
  type Signed,
  sealingContext,
  signMessage,
  toJson,
} from '../../messages/index.js';
import { canaryMark, isCanary } from '../../scoring/index.js';
import { json, type Sql } from '../../store/index.js';
import { seal } from '../../transport/seal/seal.js';
import { Refusal } from '../../transport/server/refusal.js';
import { tellJudges, tellOrder } from './event-log.js';
import { getPrivate } from './gateway-blobs.js';
import type { GatewayContext } from './gateway-context.js';
import { passOffer } from './offer-chunks.js';
import { learnRate, seeOperator } from './operators.js';
import { canarySalt, hasTimeForCanary } from './order-canaries.js';
import { type AttemptRow, loadAttempt, loadChunk, loadOrder } from './order-rows.js';
import { findProgram } from './programs.js';
import { heldAttempt, requireOutputs } from './take-outputs.js';

const notYours = () =>
  new Refusal(409, 'no-offer', 'this chunk is not offered to you now', 'GET /v1/work lists what is');

export async function takeLock(g: GatewayContext, sender: Address, signed: Signed<Lock>): Promise<LockAnswer> {
  const lock = signed.message;
  if (lock.prover !== sender || !isSignedBy(g.network, 'Lock', signed, sender)) {
    throw new Refusal(403, 'bad-signature', 'the lock is not signed by its prover', 'sign it with the operator key');
  }
  const now = g.nowMs();
  const [{ canaryBps }, { commitSeconds, lockGraceSeconds }, { verifySeconds }] = await Promise.all([
    g.judging(),
    g.timing(),
    g.policy(),
  ]);
  const { order, chunk, canary } = await g.sql.transaction(async (tx) => {
    const held = await loadAttempt(tx, lock.order, lock.chunk, lock.attempt);
    const [order, chunk] = [await loadOrder(tx, lock.order), await loadChunk(tx, lock.order, lock.chunk)];
    if (held && held.prover === sender && held.lock.signature === signed.signature) {
      return { order, chunk, canary: held.canary };
    }
    if (chunk?.state !== 'offered' || chunk.offeredTo !== sender || chunk.attempt !== lock.attempt) throw notYours();
    const { offer } = chunk;
    if (!offer || offer.standsUntilMs + lockGraceSeconds * 1000 < now) throw notYours();
    const same = offer.price === lock.price && offer.collateral === lock.collateral && offer.deadline === lock.deadline;
    if (!same)
      throw new Refusal(409, 'other-terms', 'the lock has other terms than the offer', 'sign the offer as it is');
    // The clock may have been set back since, or be another gateway's: no lock is before its offer or its order.
    const startedAt = order?.startedAt ?? 0;
    const seconds = verifySeconds + 2 * commitSeconds;
    const isOne = order && isCanary(`0x${order.secret}`, lock, canaryBps) && hasTimeForCanary(order, lock, seconds);
    const canary = isOne ? canarySalt(order.secret, lock) : undefined;
    const lockedMs = Math.max(now, offer.standsUntilMs - g.settings.offerMs, startedAt * 1000);
    await tx.execute(
      `insert into attempts (order_id, idx, attempt, prover, lock, locked_ms, price, collateral, deadline, work_units, canary)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        lock.order,
        lock.chunk,
        lock.attempt,
        sender,
        json(toJson(signed)),
        lockedMs,
        lock.price,
        lock.collateral,
        lock.deadline,
        chunk.workUnits,
        canary ?? null,
      ],
    );
    await tx.execute(`update chunks set state = 'locked', offer_until_ms = null where order_id = $1 and idx = $2`, [
      lock.order,
      lock.chunk,
    ]);
    const { attempt, price } = lock;
    await tellOrder(tx, 'locked', lock.order, now, { chunk: lock.chunk, attempt, prover: sender, price });
    return { order, chunk, canary };
  });
  const program = order && (await findProgram(g, order.fingerprint));
  if (!order || !chunk || !program) throw notYours();
  const slices = chunk.slices.map((i) => program.slices[i]);
  const outputs = finalOutputs(program, chunk.slices[0], chunk.slices.length);
  return {
    order: order.signed,
    slices,
    ...(outputs.length > 0 ? { outputs: [...outputs] } : {}),
    ...(canary ? { canary } : {}),
  };
}

/** The boundary values of a chunk, sealed to the prover that holds it. */
export async function boundaryFor(g: GatewayContext, prover: Address, order: Hex, index: number): Promise<Uint8Array> {
  const { record } = await seeOperator(g, prover, 'prover');
  const chunk = await loadChunk(g.sql, order, index);
  if (chunk?.state !== 'locked' || chunk.offeredTo !== prover || !chunk.boundaryDigest) {
    throw new Refusal(409, 'no-lock', 'you hold no lock on this chunk', 'GET /v1/work lists your locks');
  }
  const bytes = await getPrivate(g, chunk.boundaryDigest);
  const key = new Uint8Array(Buffer.from(record.message.encryptionKey.slice(2), 'hex'));
  return seal(key, bytes, sealingContext.boundary(order, index, prover));
}

/** Reasons that are nobody's fault, where they hold: what this gateway computed itself it can tell. */
const NO_FAULT = ['boundary-mismatch', 'out-of-range'];

export async function takeRelease(
  g: GatewayContext,
  prover: Address,
  order: Hex,
  index: number,
  release: { attempt: number; reason: string; at: number; signature: Hex; detail?: string },
): Promise<void> {
  const now = g.nowMs();
  const { attempt, at, signature } = release;
  const said = { message: { order, chunk: index, attempt, prover, at }, signature };
  if (!isSignedBy(g.network, 'Release', said, prover)) {
    throw new Refusal(403, 'bad-signature', 'the release is not signed by its prover', 'sign it with the operator key');
  }
  if (Math.abs(at * 1000 - now) > (await g.timing()).releaseSkewSeconds * 1000) {
    throw new Refusal(400, 'clock-skew', 'the release is of another time', 'set the clock');
  }
  await g.sql.transaction(async (tx) => {
    const chunk = await loadChunk(tx, order, index);
    if (chunk?.state === 'offered' && chunk.offeredTo === prover && chunk.attempt === release.attempt) {
      await passOffer(tx, chunk);
      return;
    }
    const held = await heldAttempt(tx, order, index, release.attempt, prover);
    if (held.outcome !== undefined) return;
    if (chunk?.state !== 'locked') {
      throw new Refusal(409, 'delivered', 'the proof of this chunk is being judged', 'wait for the verdict');
    }
    const given = (await loadOrder(tx, order))?.activationsDigest !== undefined;
    // Values that this gateway computed itself are right: only a requester's own can be at fault.
    const attested = given && NO_FAULT.includes(release.reason);
    await endAttempt(tx, held, 'released', `${release.reason}${release.detail ? `: ${release.detail}` : ''}`, now, {
      at,
      signature,
      reason: NO_FAULT.includes(release.reason) ? release.reason : 'given-back',
      attested,
    });
    await tellOrder(tx, 'released', order, now, {
      chunk: index,
      attempt: held.attempt,
      prover,
      detail: release.reason,
    });
  });
  g.wake(order);
}

/** Ends an attempt that was not accepted; the chunk waits for the next. @returns whether it had not ended before */
export async function endAttempt(
  tx: Sql,
  a: Pick<AttemptRow, 'order' | 'index' | 'attempt'>,
  outcome: 'released' | 'missed' | 'rejected' | 'unlinked' | 'canary' | 'ended',
  reason: string,
  nowMs: number,
  release?: object,
): Promise<boolean> {
  // Not where it has ended otherwise meanwhile, nor as missed where its proof came in the last moment.
  const changed = await tx.execute(
    `update attempts set outcome = $4, reason = $5, ended_ms = $6, release = $7
     where order_id = $1 and idx = $2 and attempt = $3 and outcome is null and (delivery is null or $4 <> 'missed')`,
    [a.order, a.index, a.attempt, outcome, reason, nowMs, release ? json(release) : null],
  );
  if (changed === 0) return false;
  await tx.execute(
    `update chunks set state = 'waiting', attempt = $3 + 1, offered_to = null, offer = null, offer_until_ms = null
     where order_id = $1 and idx = $2 and attempt = $3`,
    [a.order, a.index, a.attempt],
  );
  return true;
}

export const proofDigest = (proof: ChunkProof): Hex => digestAsBytes32(digestOfBytes(canonicalBytes(proof)));

/** A chunk's proof: its statement must be about the chunk; whether it holds is for the validators. */
export async function takeDelivery(
  g: GatewayContext,
  prover: Address,
  order: Hex,
  index: number,
  delivery: Delivery,
): Promise<Signed<Acknowledgement>> {
  const { message: receipt } = delivery.receipt;
  const digest = proofDigest(delivery.proof);
  const fits =
    receipt.prover === prover && receipt.order === order && receipt.chunk === index && receipt.proofDigest === digest;
  if (!fits || !isSignedBy(g.network, 'Receipt', delivery.receipt, prover)) {
    throw new Refusal(
      403,
      'bad-signature',
      'the receipt is not about this proof, or not signed by you',
      'sign it again',
    );
  }
  const found = await loadOrder(g.sql, order);
  const chunk = await loadChunk(g.sql, order, index);
  const program = found && (await findProgram(g, found.fingerprint));
  if (!found || !chunk || !program)
    throw new Refusal(404, 'unknown-order', 'there is no such chunk', 'GET /v1/work lists your locks');
  checkStatement(delivery.proof, found.fingerprint, order, prover, chunk.slices);
  const { proof } = delivery.proof;
  if (!(await g.blobs.has(proof))) {
    throw new Refusal(409, 'missing-blobs', `the proof ${proof} is not here`, `PUT /v1/blobs/${proof}`);
  }
  const [{ lockGraceSeconds }, { rate }] = await Promise.all([g.timing(), g.provers()]);
  const now = g.nowMs();
  const acknowledgement = await signMessage(g.identity.account, g.network, 'Acknowledgement', {
    order,
    chunk: index,
    attempt: receipt.attempt,
    proofDigest: digest,
    gateway: g.identity.account.address,
    receivedAt: Math.floor(now / 1000),
  });
  const stored = await g.sql.transaction(async (tx) => {
    const held = await heldAttempt(tx, order, index, receipt.attempt, prover);
    if (held.acknowledgement && held.delivery?.receipt.message.proofDigest === digest) return held.acknowledgement;
    if (held.outcome !== undefined || held.delivery) {
      throw new Refusal(409, 'lock-ended', `this lock has ended: ${held.outcome ?? 'delivered'}`, 'GET /v1/work');
    }
    if (delivery.proof.lock !== hashMessage(g.network, 'Lock', held.lock.message)) {
      throw new Refusal(400, 'bad-statement', 'the proof is delivered for another lock', 'name the lock that you hold');
    }
    if ((held.deadline + lockGraceSeconds) * 1000 < now)
      throw new Refusal(409, 'late', 'the deadline of the lock is over', '');
    requireOutputs(held, delivery.proof, finalOutputs(program, chunk.slices[0], chunk.slices.length));
    // A prover may decline to break its proof: then it is judged like any other.
    const isMarked = held.canary !== undefined && delivery.proof.mark === canaryMark(held.lock.message, held.canary);
    const changed = await tx.execute(
      `update attempts set delivery = $4, acknowledgement = $5, received_ms = $6, canary = $7
       where order_id = $1 and idx = $2 and attempt = $3 and outputs->>'digest' is not distinct from $8`,
      [
        order,
        index,
        receipt.attempt,
        json(toJson(delivery)),
        json(toJson(acknowledgement)),
        now,
        isMarked ? held.canary : null,
        held.outputs?.digest ?? null,
      ],
    );
    // Others came meanwhile than those that the statement was compared with.
    if (changed === 0)
      throw new Refusal(409, 'missing-blobs', 'the outputs of the chunk were replaced', 'send them again');
    await tx.execute(`update chunks set state = 'proven' where order_id = $1 and idx = $2`, [order, index]);
    await tx.execute(
      `update blobs set kind = 'proof', order_id = $2
       where digest = $1 and kind = 'uploaded' and owner = $3`,
      [proof, order, prover],
    );
    const [again] =
      receipt.attempt === 0
        ? []
        : await tx.query(
            `select 1 from attempts where order_id = $1 and idx = $2 and attempt < $3 and prover = $4 and outcome = 'canary'`,
            [order, index, receipt.attempt, prover],
          );
    // The proof behind its canary was there already: that says nothing of its rate.
    if (!again)
      await learnRate(tx, prover, { workUnits: chunk.workUnits, seconds: (now - held.lockedMs) / 1000 }, rate);
    const key = { chunk: index, attempt: receipt.attempt };
    await tellOrder(tx, 'proven', order, now, { ...key, prover, proof, statement: delivery.proof.statement });
    if (found.manifest) await tellJudges(tx, { order, ...key, proof }, now);
    return acknowledgement;
  });
  g.metrics.deliveries.inc();
  g.wake(order);
  return stored;
}

function checkStatement(
  { statement: s }: ChunkProof,
  fingerprint: string,
  order: Hex,
  prover: Address,
  slices: readonly number[],
): void {
  const isOfChunk = s.index === slices[0] && (s.count ?? 1) === slices.length;
  if (!isOfChunk || s.fingerprint !== fingerprint || s.nonce !== order.slice(2) || s.prover !== prover) {
    throw new Refusal(
      400,
      'bad-statement',
      'the statement is of other slices, another order, program or prover',
      'prove it again',
    );
  }
}
