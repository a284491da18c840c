/** An epoch's settlement from a gateway. It counts where its leaves have the root that stands on the chain. */
import { epochSettlementSchema } from '@dsperse/network/roles';
import { type Leaf, merkleRoot, type PenaltyRise } from '@dsperse/network/scoring';
import { NodeClient, TransportError } from '@dsperse/network/transport';
import type { ChainAccess } from '@dsperse/sdk';

export interface EpochSettlement {
  readonly epoch: number;
  /** Seconds since 1970. */
  readonly postedAt: number;
  readonly leaves: readonly Leaf[];
  readonly penalties: readonly PenaltyRise[];
}

const MAX_BYTES = 1 << 28;

/** @throws TransportError `bad-response` */
export async function fetchSettlement(gatewayUrl: string, chain: ChainAccess, epoch: number): Promise<EpochSettlement> {
  const http = new NodeClient({ baseUrl: gatewayUrl });
  const options = { maxResponseBytes: MAX_BYTES };
  const { settlement } = await http.get(`/v1/epochs/${epoch}/leaves`, epochSettlementSchema, options);
  const { leaves, penalties } = settlement;
  const bad = (what: string) =>
    new TransportError('bad-response', `the settlement of epoch ${epoch} ${what}`, {
      retryable: false,
      hint: 'ask another gateway',
    });
  const posted = await chain.read('settlement', 'epochOf', [BigInt(epoch)]);
  if (merkleRoot(leaves) !== posted.root.toLowerCase()) throw bad('is not the one that stands on the chain');
  // What is blamed on an operator has to lead to its leaf.
  const isInLeaf = (p: PenaltyRise) =>
    leaves.some((l) => l.kind === 3 && l.operator === p.operator && l.role === p.role && l.evidence === p.evidence);
  if (!penalties.every(isInLeaf)) throw bad('names penalties that are none of its leaves');
  return { epoch, postedAt: Number(posted.postedAt), leaves, penalties };
}

/** The last epoch that is final; undefined before the first. */
export async function lastFinalEpoch(chain: ChainAccess): Promise<number | undefined> {
  const [exists, last] = await chain.read('settlement', 'lastEpoch', []);
  if (!exists) return undefined;
  for (let epoch = Number(last); epoch > 0; epoch--) {
    if (await chain.read('settlement', 'isFinal', [BigInt(epoch)])) return epoch;
  }
  return undefined;
}
