/** Takes what has been earned out of final epochs, now and then. */
import { type Address, type Hex, isAddressEqual } from 'viem';
import type { Ledger } from '../../chain/ledger.js';
import type { Logger, Metrics, Service } from '../../node/index.js';
import { type Leaf, leafProof, leafProofs, merkleRoot, type SlashableRole } from '../../scoring/index.js';
import { pause } from '../../transport/client/back-off.js';
import { epochSettlementSchema } from './epoch-document.js';
import type { GatewayLink } from './gateway-link.js';

export interface ClaimOptions {
  readonly ledger: Ledger;
  readonly links: readonly GatewayLink[];
  readonly operator: Address;
  readonly roles: readonly SlashableRole[];
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly intervalMs?: number;
  /** In token units: less than this is left to grow. */
  readonly threshold?: bigint;
}

const LEAVES_BYTES = 256 << 20;
const LEAVES_PER_CALL = 100;
const SETTLED_BY_OTHERS_SECONDS = 30;

export function createClaims(options: ClaimOptions): Service {
  const { log, intervalMs = 30_000 } = options;
  const ending = new AbortController();
  let running = Promise.resolve();
  const counter = options.metrics.counter('dsperse_claims_total', 'claims of earnings that went through');
  return {
    name: 'claims',
    start() {
      running = (async () => {
        let claimedEpoch = 0;
        while (!ending.signal.aborted) {
          try {
            const { epoch, claims } = await claimOnce(options, claimedEpoch);
            claimedEpoch = epoch;
            counter.inc(claims);
          } catch (err) {
            if (!ending.signal.aborted) log.debug({ err }, 'claiming failed and is tried again');
          }
          await pause(intervalMs, ending.signal);
        }
      })();
    },
    async stop() {
      ending.abort();
      await running;
    },
  };
}

/** The last epoch that is final: its leaves hold all that was ever earned. */
async function lastFinal(
  ledger: Ledger,
  after: number,
): Promise<{ epoch: number; root: Hex; finalSeconds: number } | undefined> {
  const { last } = await ledger.settlementHead();
  // Mostly nothing is new: the next block is not asked for, which a chain has to make up each time.
  if (last <= after) return undefined;
  const now = await ledger.now();
  for (let epoch = last; epoch > after; epoch--) {
    const posted = await ledger.epoch(epoch);
    if (posted && !posted.cancelled && posted.finalAt <= now)
      return { epoch, root: posted.root, finalSeconds: now - posted.finalAt };
  }
  return undefined;
}

/** @returns the epoch that was looked at, and how many claims were made */
export async function claimOnce(options: ClaimOptions, after: number): Promise<{ epoch: number; claims: number }> {
  const { ledger, operator, threshold = 1n } = options;
  const final = await lastFinal(ledger, after);
  if (!final) return { epoch: after, claims: 0 };
  const { leaves } = await settlementOf(options.links, final.epoch, final.root);
  // Reserves pay the credits: where no gateway has settled the orders, whoever earned from them does.
  if (final.finalSeconds > SETTLED_BY_OTHERS_SECONDS) await settleAll(ledger, final.epoch, leaves);
  const owners = await Promise.all(options.roles.map(async (role) => (await ledger.stakeOf(role, operator)).owner));
  let claims = 0;
  let isPaid = true;
  for (const leaf of leaves) {
    if (leaf.kind !== 2) continue;
    const isPool = leaf.role !== undefined;
    const ours = isPool
      ? options.roles.includes(leaf.role) && isAddressEqual(leaf.account, operator)
      : owners.some((owner) => isAddressEqual(leaf.account, owner));
    if (!ours) continue;
    if (!isPool && leaf.cumulative - (await ledger.claimed(leaf.account)) < threshold) continue;
    await ledger.claim(final.epoch, { leaf, proof: leafProof(leaves, leaf) });
    options.log.info({ epoch: final.epoch, account: leaf.account, cumulative: leaf.cumulative.toString() }, 'claimed');
    claims++;
    // The pool may hold less until the orders are settled: the rest is claimed next time.
    if (!isPool && (await ledger.claimed(leaf.account)) < leaf.cumulative) isPaid = false;
  }
  return { epoch: isPaid ? final.epoch : after, claims };
}

async function settleAll(ledger: Ledger, epoch: number, leaves: readonly Leaf[]): Promise<void> {
  const proofs = leafProofs(leaves);
  const orders = leaves.flatMap((leaf, i) => (leaf.kind === 1 ? [{ leaf, proof: proofs[i] }] : []));
  for (let i = 0; i < orders.length; i += LEAVES_PER_CALL) {
    await ledger.settleOrders(epoch, orders.slice(i, i + LEAVES_PER_CALL));
  }
}

/** An epoch's settlement whose leaves have the root that the chain has. @throws Error where no gateway has such */
export async function settlementOf(links: readonly GatewayLink[], epoch: number, root: Hex) {
  let failure: unknown = new Error(`no gateway was asked for the leaves of epoch ${epoch}`);
  for (const link of links) {
    try {
      const { settlement } = await link.get(`/v1/epochs/${epoch}/leaves`, epochSettlementSchema, {
        maxResponseBytes: LEAVES_BYTES,
      });
      if (merkleRoot(settlement.leaves) === root.toLowerCase()) return settlement;
      failure = new Error(`${link.url} says other leaves of epoch ${epoch} than the chain's root holds`);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
