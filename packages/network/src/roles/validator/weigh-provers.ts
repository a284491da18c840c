/**
 * What this validator says of provers: weights by how early their proofs were here, committed to in one epoch and revealed
 * once that epoch stands on the chain. What it rests on is its own clock and the deadlines that provers signed.
 */
import { randomBytes } from 'node:crypto';
import { bytesToHex } from 'viem';
import { z } from 'zod';
import type { Ledger } from '../../chain/ledger.js';
import { canonicalJson, type NetworkId, signMessage, toJson, weightCommitmentOf } from '../../messages/index.js';
import type { Identity, Logger } from '../../node/index.js';
import { weighDeliveries } from '../../scoring/index.js';
import type { GatewayLink } from '../peer/gateway-link.js';
import type { ValidatorJournal } from './validator-journal.js';

/** Weights of an epoch are said anew, as more is seen, after this long. */
const AGAIN_MS = 30_000;
const nothing = z.unknown();

export interface WeighingOptions {
  readonly identity: Identity;
  readonly network: NetworkId;
  readonly ledger: Ledger;
  readonly journal: ValidatorJournal;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export type WeightKind = 'commit' | 'reveal';

interface Told {
  readonly epoch: number;
  readonly commitment: string;
  /** By the gateway's clock, when it took the first that was for the epoch. */
  readonly atMs: number;
}

export class ProverWeights {
  /** What each gateway has taken of what it was told. */
  readonly #told = new WeakMap<GatewayLink, Map<WeightKind, Told>>();

  constructor(private readonly options: WeighingOptions) {}

  /** @param epoch that the gateway has settled last; 0 where none */
  async say(link: GatewayLink, epoch: number): Promise<void> {
    const head = await this.options.ledger.settlementHead();
    // Weights are shown only when the chain has the epoch whose commitments they open.
    if (Math.max(0, head.last) !== epoch) return;
    await this.#reveal(link, epoch, head.root);
    await this.#commit(link, epoch);
  }

  async #reveal(link: GatewayLink, epoch: number, root: string): Promise<void> {
    const { journal, identity, signal } = this.options;
    const ours = journal.epoch(epoch);
    if (ours?.root.root.toLowerCase() !== root.toLowerCase()) return;
    const own = identity.account.address.toLowerCase();
    const commitment = ours.state?.consensus.commits.find(({ validator }) => validator === own)?.commitment;
    const weights = commitment && journal.weights(commitment)?.reveal;
    if (!weights || !this.#isNews(link, 'reveal', commitment)) return;
    await link.post('/v1/weights/reveals', toJson(weights), nothing, { idempotent: true, signal });
    this.#note(link, 'reveal', epoch, commitment);
  }

  async #commit(link: GatewayLink, epoch: number): Promise<void> {
    const { identity, network, signal } = this.options;
    const commitment = await this.#commitment(epoch);
    if (!commitment || !this.#isNews(link, 'commit', commitment)) return;
    const message = { epoch, validator: identity.account.address, commitment };
    const commit = await signMessage(identity.account, network, 'WeightCommit', message);
    await link.post('/v1/weights/commits', commit, nothing, { idempotent: true, signal });
    this.#note(link, 'commit', epoch, commitment);
  }

  /** To the weights of this epoch: those that were written before, until there is more to say. */
  async #commitment(epoch: number) {
    const { identity, ledger, journal, log } = this.options;
    const last = journal.weightsFor(epoch);
    if (last && last.atMs + AGAIN_MS > Date.now()) return weightCommitmentOf(last.reveal);
    const p = await ledger.parameters(['weightEpochs', 'epochSeconds', 'lockFloorSeconds']);
    const seen = journal.deliveriesSince(Date.now() - Number(p.weightEpochs * p.epochSeconds) * 1000);
    const weighed = weighDeliveries(seen, Number(p.lockFloorSeconds));
    const isSame = last && canonicalJson({ ...weighed }) === canonicalJson(pick(last.reveal));
    if (!weighed || isSame) return last && weightCommitmentOf(last.reveal);
    const validator = identity.account.address.toLowerCase() as typeof identity.account.address;
    const reveal = { validator, ...weighed, salt: bytesToHex(randomBytes(32)) };
    await journal.bindWeights(epoch, reveal);
    log.info({ epoch, provers: weighed.provers.length, proofs: seen.length }, 'provers weighed');
    return weightCommitmentOf(reveal);
  }

  /** When the gateway took what we said for the epoch, in milliseconds of its clock; undefined where it did not. */
  takenAt(link: GatewayLink, kind: WeightKind, epoch: number): number | undefined {
    const told = this.#told.get(link)?.get(kind);
    return told?.epoch === epoch ? told.atMs : undefined;
  }

  /** The gateway does not show it: it is said again, and was taken all the same. */
  repeat(link: GatewayLink): void {
    for (const [kind, told] of this.#told.get(link) ?? []) this.#told.get(link)?.set(kind, { ...told, commitment: '' });
  }

  #isNews(link: GatewayLink, kind: WeightKind, commitment: string): boolean {
    return this.#told.get(link)?.get(kind)?.commitment !== commitment;
  }

  #note(link: GatewayLink, kind: WeightKind, epoch: number, commitment: string): void {
    const told = this.#told.get(link) ?? new Map<WeightKind, Told>();
    const atMs = this.takenAt(link, kind, epoch) ?? link.nowMs();
    this.#told.set(link, told.set(kind, { epoch, commitment, atMs }));
  }
}

const pick = ({ provers, weights }: { provers: readonly string[]; weights: readonly number[] }) => ({
  provers,
  weights,
});
