/** One chunk from the signed lock to the gateway's acknowledgement. */
import { randomBytes } from 'node:crypto';
import type { SliceProof } from '@dsperse/core/verify';
import { bytesToHex, type Hex } from 'viem';
import { z } from 'zod';
import type { Ledger } from '../../chain/ledger.js';
import {
  type Acknowledgement,
  type Appeal,
  type ChunkProof,
  canonicalBytes,
  type Delivery,
  decodeBundle,
  digestAsBytes32,
  digestOfBytes,
  encodeBundle,
  hashMessage,
  isSignedBy,
  type Lock,
  type LockAnswer,
  lockAnswerSchema,
  type NetworkId,
  type Signed,
  sealingContext,
  signedSchema,
  signMessage,
  toJson,
} from '../../messages/index.js';
import type { Identity, Logger } from '../../node/index.js';
import { canaryMark } from '../../scoring/index.js';
import { StoreError } from '../../store/index.js';
import { backOffMs, pause } from '../../transport/client/back-off.js';
import { open, seal, TransportError } from '../../transport/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import type { ProgramCache } from '../peer/program-cache.js';
import { breakProof } from './break-proof.js';
import type { DeliveredWork } from './delivered-work.js';
import { ChunkError, type ChunkErrorCode, chunkErrorOf, type ProveChunk, type ProvenChunk } from './prove-chunk.js';
import type { ProverJournal } from './prover-journal.js';

export interface ChunkWork {
  readonly identity: Identity;
  readonly network: NetworkId;
  /** To all gateways. */
  readonly links: readonly GatewayLink[];
  readonly ledger: Ledger;
  readonly programs: ProgramCache;
  readonly journal: ProverJournal;
  readonly delivered: DeliveredWork;
  readonly prove: ProveChunk;
  /** Proofs that are valid and were not delivered yet, as a canary was asked for in their place. */
  readonly kept: KeptProofs;
  readonly log: Logger;
  /** Seconds that proving took. */
  readonly onProven: (lock: Lock, workUnits: number, seconds: number) => void;
}

export type KeptProofs = Map<string, ProvenChunk>;
/** By order and chunk: every attempt proves the same. */
export const keptKey = ({ order, chunk }: Pick<Lock, 'order' | 'chunk'>): string => `${order} ${chunk}`;
const KEPT = 16;

export interface HeldChunk {
  readonly link: GatewayLink;
  readonly lock: Signed<Lock>;
  /** As offered; undefined where the lock was found after a crash without a journal. */
  readonly fingerprint: string | undefined;
  readonly slices: readonly number[] | undefined;
  readonly signal: AbortSignal;
  /** `locking`: the gateway may not have it yet; `delivering`: the receipt is signed. */
  stage: 'locking' | 'locked' | 'delivering';
  workUnits: number;
}

/** The lock was not taken: the offer has passed. */
export class NotLocked extends Error {
  override readonly name = 'NotLocked';
}

/** The gateway says that nothing is to be had any more for this lock. */
export class LockEnded extends Error {
  override readonly name = 'LockEnded';
}

const BOUNDARY_BYTES = 1 << 30;
const UPLOAD_TIMEOUT_MS = 10 * 60_000;
/** Public values need none. */
const NO_SALT = '0'.repeat(64);
const RETRY = { firstMs: 300, maxMs: 5_000 };
const acknowledgementSchema = signedSchema('Acknowledgement') as z.ZodType<Signed<Acknowledgement>>;

/** Again after failures that may pass; the signal is that of the deadline. */
async function persist<T>(signal: AbortSignal, work: () => Promise<T>, onFailure: () => void = () => {}): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      const passes = (error instanceof TransportError || error instanceof StoreError) && error.retryable;
      if (!passes || signal.aborted) throw error;
      onFailure();
      await pause(backOffMs(failures, RETRY), signal);
      if (signal.aborted) throw error;
    }
  }
}

const chunkPath = ({ order, chunk }: Lock) => `/v1/chunks/${order}/${chunk}`;

/** @throws NotLocked, LockEnded, ChunkError, TransportError, StoreError, LedgerError */
export async function workChunk(work: ChunkWork, held: HeldChunk): Promise<Signed<Acknowledgement>> {
  const lock = held.lock.message;
  const answer = await takeLock(held);
  held.stage = 'locked';
  held.workUnits = answer.slices.reduce((n, s) => n + s.workUnits, 0);
  const kept = work.kept.get(keptKey(lock));
  const proven = kept ?? (await proveHeld(work, held, answer));
  const given = answer.canary === undefined ? proven : breakProof(proven);
  const proof = chunkProofOf(given, markOf(lock, answer), hashMessage(work.network, 'Lock', lock));
  const digest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const { order, chunk, attempt, prover } = lock;
  const message = { order, chunk, attempt, prover, proofDigest: digest };
  const receipt = await signMessage(work.identity.account, work.network, 'Receipt', message);
  const delivery: Delivery = { receipt, proof };
  await work.journal.receipt(lock, delivery);
  work.kept.delete(keptKey(lock));
  if (answer.canary !== undefined) {
    work.log.info({ order, chunk, attempt }, 'a broken proof was asked for, to test the validators');
    work.kept.set(keptKey(lock), proven);
    for (const oldest of work.kept.keys()) {
      if (work.kept.size <= KEPT) break;
      work.kept.delete(oldest);
    }
  }
  const acknowledgement = await handIn(work, held, delivery, given, (signal) =>
    appealFor(work, held, answer, proven, signal),
  );
  const a = acknowledgement.message;
  const ours = a.order === order && a.chunk === chunk && a.attempt === attempt && a.proofDigest === digest;
  if (!ours || !isSignedBy(work.network, 'Acknowledgement', acknowledgement, a.gateway)) {
    work.log.warn({ order, chunk, attempt, gateway: held.link.url }, 'the acknowledgement is not about our receipt');
  } else {
    await work.journal.acknowledged(lock, acknowledgement);
    // Nobody is paid for a proof that was broken on purpose.
    if (answer.canary === undefined) await keepDelivered(work, { order: answer.order, lock: held.lock, delivery });
  }
  return acknowledgement;
}

/** What a full disk takes from us is the way to claim it, not the work. */
async function keepDelivered({ delivered, log }: ChunkWork, appeal: Appeal): Promise<void> {
  await delivered.keep(appeal).catch((err) => log.warn({ err }, 'what was delivered cannot be claimed later'));
}

async function takeLock(held: HeldChunk): Promise<LockAnswer> {
  const { link, lock, signal } = held;
  try {
    // Signed once: the same lock sent again is answered again.
    return await link.post(`${chunkPath(lock.message)}/lock`, lock, lockAnswerSchema, { signal, idempotent: true });
  } catch (error) {
    if (error instanceof TransportError && !error.retryable && error.code !== 'aborted') {
      throw new NotLocked(error.message, { cause: error });
    }
    throw error;
  }
}

/** Refusals that nothing can be done about, as the end of the lock. */
async function ended<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const over =
      error instanceof TransportError && ['no-lock', 'lock-ended', 'late', 'unknown-order'].includes(error.code);
    throw over ? new LockEnded(error.message, { cause: error }) : error;
  }
}

/** The answer is about the order that was offered, and the chain holds its money. @throws ChunkError */
async function checkAnswer(work: ChunkWork, held: HeldChunk, { order, slices }: LockAnswer): Promise<void> {
  const { lock, fingerprint } = held;
  const wrong = (what: string) => new ChunkError('failed', what);
  if (!isSignedBy(work.network, 'Order', order, order.message.requester)) {
    throw wrong('the order is not signed by its requester');
  }
  if (hashMessage(work.network, 'Order', order.message) !== lock.message.order) throw wrong('the order is another one');
  if (fingerprint !== undefined && order.message.fingerprint !== `0x${fingerprint}`) {
    throw wrong('the order is for another program than offered');
  }
  if (held.slices && held.slices.join() !== slices.map((s) => s.index).join()) {
    throw wrong('the slices are not those that were offered');
  }
  const onChain = await work.ledger.order(lock.message.order);
  if (onChain.state !== 'reserved' || onChain.reserved < lock.message.price) {
    throw wrong(`the chain has not reserved the price: ${onChain.state}`);
  }
}

async function proveHeld(work: ChunkWork, held: HeldChunk, answer: LockAnswer): Promise<ProvenChunk> {
  const { link, signal } = held;
  const lock = held.lock.message;
  const { order, chunk } = lock;
  const context = sealingContext.boundary(order, chunk, lock.prover);
  const boundaryOf = async () => {
    const path = `${chunkPath(lock)}/boundary`;
    const sealed = await persist(signal, () => ended(() => link.getBytes(path, BOUNDARY_BYTES, { signal })));
    try {
      return decodeBundle(open(work.identity.encryptionKey.secretKey, sealed, context));
    } catch (cause) {
      throw new ChunkError('boundary-mismatch', 'the boundary values do not open', { cause });
    }
  };
  const fingerprint = answer.order.message.fingerprint.slice(2);
  const [boundary, key] = await Promise.all([
    boundaryOf(),
    // Of one slice its package tells all.
    answer.slices.length > 1 ? keyOf(work, fingerprint, signal) : undefined,
    checkAnswer(work, held, answer),
  ]);
  const { outputs } = answer;
  const job = { fingerprint, nonce: order.slice(2), prover: lock.prover.toLowerCase(), key, boundary, outputs };
  return withPackages(
    work,
    answer.slices.map((s) => s.package),
    signal,
    async (paths) => {
      const slices = answer.slices.map((s, i) => ({ index: s.index, digest: s.package, path: paths[i] }));
      const began = performance.now();
      const proven = await proveTwice(work, { ...job, slices }, signal);
      work.onProven(lock, held.workUnits, (performance.now() - began) / 1000);
      return proven;
    },
  );
}

/** What was given up is not waited for, whatever it does. */
function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new ChunkError('aborted', 'the chunk was given up'));
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp);
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** The verifier key of the program. @throws ChunkError `missing-package` */
async function keyOf({ programs }: ChunkWork, fingerprint: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await persist(signal, () => programs.key(fingerprint));
  } catch (cause) {
    if (signal.aborted) throw new ChunkError('aborted', 'the chunk was given up');
    throw new ChunkError('missing-package', `the key of ${fingerprint} was not to be had`, { cause });
  }
}

/** A thread that died is started again, once. */
async function proveTwice(work: ChunkWork, job: Parameters<ProveChunk>[0], signal: AbortSignal) {
  try {
    return await unlessAborted(signal, () => work.prove(job, signal));
  } catch (error) {
    if (!(error instanceof ChunkError) || error.code !== 'worker-died' || signal.aborted) throw error;
    work.log.warn({ err: error }, 'the proving thread died; once more');
    return unlessAborted(signal, () => work.prove(job, signal));
  }
}

/** The packages on the disk, kept there while the work runs. @throws ChunkError `missing-package` */
async function withPackages<T>(
  { programs }: ChunkWork,
  digests: readonly string[],
  signal: AbortSignal,
  work: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const nested = async (paths: readonly string[]): Promise<T> => {
    if (paths.length === digests.length) return work(paths);
    return programs.blobs.use(digests[paths.length], ({ path }) => nested([...paths, path]));
  };
  const fetched = async (digest: string) => {
    try {
      await persist(signal, () => programs.blobs.use(digest, () => {}));
    } catch (error) {
      if (signal.aborted) throw new ChunkError('aborted', 'the chunk was given up');
      const code: ChunkErrorCode =
        error instanceof StoreError && error.code === 'cache-full' ? 'out-of-memory' : 'missing-package';
      throw new ChunkError(code, `the package ${digest} was not to be had`, { cause: error });
    }
  };
  for (const digest of digests) await fetched(digest);
  return nested([]);
}

/** Every delivery has a mark, so that those of canaries are not told apart. */
const markOf = (lock: Lock, { canary }: LockAnswer): Hex =>
  canary === undefined ? bytesToHex(randomBytes(32)) : canaryMark(lock, canary);

function chunkProofOf({ statement, proof }: SliceProof, mark: Hex, lock: Hex): ChunkProof {
  const copy = { ...statement, commitments: { ...statement.commitments } };
  return { mark, lock, statement: copy, proof: digestOfBytes(proof), proofBytes: proof.length };
}

/**
 * To the gateway that gave the lock, until it acknowledges. Where it fails, or is silent for half of what is left, also to the
 * others: those on its database take it as well. Whichever acknowledges first.
 */
async function handIn(
  work: ChunkWork,
  held: HeldChunk,
  delivery: Delivery,
  { proof, outputs }: ProvenChunk,
  appeal: (signal: AbortSignal) => Promise<void>,
): Promise<Signed<Acknowledgement>> {
  const done = new AbortController();
  const { signal } = done;
  const end = () => done.abort();
  held.signal.addEventListener('abort', end, { once: true });
  if (held.signal.aborted) end();
  const lock = held.lock.message;
  const upload = async (link: GatewayLink) => {
    const sent = outputs && sendOutputs(link, lock, outputs, signal);
    await Promise.all([uploadTo(link, proof, signal), sent]);
  };
  const give = (link: GatewayLink) =>
    link.post(`${chunkPath(lock)}/receipt`, delivery, acknowledgementSchema, { signal, idempotent: true });
  let noteFailure = () => {};
  const failed = new Promise<void>((resolve) => {
    noteFailure = resolve;
  });
  const here = async () => {
    await persist(signal, () => ended(() => upload(held.link)), noteFailure);
    held.stage = 'delivering';
    return persist(signal, () => ended(() => give(held.link)), noteFailure);
  };
  const leftMs = Math.max(0, lock.deadline * 1000 - held.link.nowMs());
  const appealLate = async () => {
    await pause((leftMs * 3) / 4, signal);
    if (!signal.aborted) await appeal(signal).catch(() => undefined);
  };
  const elsewhere = async () => {
    await Promise.race([failed.then(() => pause(RETRY.maxMs / 5, signal)), pause(leftMs / 2, signal)]);
    return firstToTake(
      work.links.filter((link) => link !== held.link),
      { upload, give },
      signal,
    );
  };
  void appealLate();
  try {
    return await Promise.race([here(), elsewhere()]);
  } catch (error) {
    // Where it says that the lock has ended it may be wrong: validators judge by what stands in the epoch.
    if (!held.signal.aborted) await appeal(held.signal).catch(() => undefined);
    throw error;
  } finally {
    held.signal.removeEventListener('abort', end);
    end();
  }
}

function uploadTo(link: GatewayLink, proof: Uint8Array, signal: AbortSignal): Promise<void> {
  const digest = digestOfBytes(proof);
  const options = { digest, signal, timeoutMs: UPLOAD_TIMEOUT_MS };
  return link.call((client) => client.putBytes(`/v1/blobs/${digest}`, proof, options), signal);
}

/** Sealed to the gateway that is asked: each has a key of its own. */
function sendOutputs(
  link: GatewayLink,
  lock: Lock,
  outputs: ReadonlyMap<string, Int32Array>,
  signal: AbortSignal,
): Promise<void> {
  const bundle = new Map([...outputs].map(([name, values]) => [name, { values, salt: NO_SALT }]));
  const context = sealingContext.outputs(lock.order, lock.chunk, lock.attempt, lock.prover);
  return link.call((client) => {
    const sealed = seal(link.encryptionKey, encodeBundle(bundle), context);
    const digest = digestOfBytes(sealed);
    const path = `${chunkPath(lock)}/${lock.attempt}/outputs/${digest}`;
    return client.putBytes(path, sealed, { digest, signal, timeoutMs: UPLOAD_TIMEOUT_MS });
  }, signal);
}

/**
 * Shows validators, by way of every gateway that passes it on, that the work was done: what was not acknowledged is not paid,
 * but is no missed lock. Of a canary the proof as it was before it was broken.
 */
async function appealFor(
  work: ChunkWork,
  held: HeldChunk,
  answer: LockAnswer,
  proven: SliceProof,
  signal: AbortSignal,
): Promise<void> {
  const { lock } = held;
  const proof = chunkProofOf(proven, bytesToHex(randomBytes(32)), hashMessage(work.network, 'Lock', held.lock.message));
  const { order, chunk, attempt, prover } = lock.message;
  const proofDigest = digestAsBytes32(digestOfBytes(canonicalBytes(proof)));
  const message = { order, chunk, attempt, prover, proofDigest };
  const receipt = await signMessage(work.identity.account, work.network, 'Receipt', message);
  const appeal = { order: answer.order, lock, delivery: { receipt, proof } };
  const shown = work.links.map(async (link) => {
    await uploadTo(link, proven.proof, signal);
    await link.post('/v1/appeals', appeal, z.unknown(), { signal, idempotent: true });
  });
  const taken = (await Promise.allSettled(shown)).filter(({ status }) => status === 'fulfilled').length;
  work.log.warn({ order, chunk, attempt, gateways: taken }, 'a proof is not acknowledged: validators are shown it');
}

/** The acknowledgement of the first that has the lock; never where none has. */
async function firstToTake(
  links: readonly GatewayLink[],
  to: {
    readonly upload: (link: GatewayLink) => Promise<void>;
    readonly give: (link: GatewayLink) => Promise<Signed<Acknowledgement>>;
  },
  signal: AbortSignal,
): Promise<Signed<Acknowledgement>> {
  const open = new Set(links);
  for (let round = 0; open.size > 0 && !signal.aborted; round++) {
    for (const link of open) {
      try {
        return await to.give(link);
      } catch (error) {
        const code = error instanceof TransportError ? error.code : undefined;
        // Nothing is uploaded to one that does not know the order.
        if (code === 'missing-blobs') await to.upload(link).catch(() => undefined);
        else if (!(error instanceof TransportError && error.retryable)) open.delete(link);
      }
    }
    await pause(backOffMs(round, RETRY), signal);
  }
  return new Promise(() => {});
}

const RELEASE_REASON = {
  'boundary-mismatch': 'boundary-mismatch',
  'out-of-range': 'out-of-range',
  'out-of-memory': 'no-capacity',
  'missing-package': 'missing-package',
  aborted: 'stopping',
  'worker-died': 'no-capacity',
  failed: 'no-capacity',
} as const;

export type ReleaseReason = (typeof RELEASE_REASON)[ChunkErrorCode];

/** Why a chunk that could not be proven is given back. */
export function releaseReason(error: unknown): { reason: ReleaseReason; detail: string } {
  const { code, message } = chunkErrorOf(error);
  return { reason: RELEASE_REASON[code], detail: message.slice(0, 500) };
}

/** Gives an offer or a lock back; that it has ended already is as good. */
export async function release(
  link: GatewayLink,
  key: { readonly order: Hex; readonly chunk: number; readonly attempt: number },
  reason: ReleaseReason,
  detail?: string,
  signal?: AbortSignal,
): Promise<void> {
  const { order, chunk, attempt } = key;
  const at = Math.floor(link.nowMs() / 1000);
  const prover = link.signer.address.toLowerCase() as Hex;
  const { signature } = await signMessage(link.signer, link.network, 'Release', { order, chunk, attempt, prover, at });
  const body = toJson({ attempt, reason, at, signature, detail });
  try {
    await link.post(`/v1/chunks/${order}/${chunk}/release`, body, z.unknown(), { idempotent: true, signal });
  } catch (error) {
    if (!(error instanceof TransportError) || error.status !== 409) throw error;
  }
}
