/** An epoch's settlement from a gateway. It counts where its leaves have the root that stands on the chain. */
import { type Leaf, merkleRoot, type PenaltyItem, type PenaltyRise } from '@dsperse/network/scoring';
import { NodeClient, TransportError } from '@dsperse/network/transport';
import type { ChainAccess } from '@dsperse/sdk';
import type { Hex } from './identifiers.js';

export interface EpochSettlement {
  readonly epoch: number;
  /** Seconds since 1970. */
  readonly postedAt: number;
  readonly leaves: readonly Leaf[];
  readonly penalties: readonly PenaltyRise[];
}

const MAX_BYTES = 1 << 28;

/** @throws TransportError `bad-response`, `other-root` */
export async function fetchSettlement(gatewayUrl: string, chain: ChainAccess, epoch: number): Promise<EpochSettlement> {
  const http = new NodeClient({ baseUrl: gatewayUrl });
  const bytes = await http.getBytes(`/v1/epochs/${epoch}/leaves`, MAX_BYTES);
  const bad = (what: string, cause?: unknown) =>
    new TransportError('bad-response', `the settlement of epoch ${epoch} ${what}`, {
      retryable: false,
      hint: 'ask another gateway',
      cause,
    });
  let leaves: Leaf[];
  let penalties: PenaltyRise[];
  try {
    const { settlement } = JSON.parse(new TextDecoder().decode(bytes));
    leaves = settlement.leaves.map(readLeaf);
    penalties = settlement.penalties.map(readPenalty);
  } catch (cause) {
    throw bad('is malformed', cause);
  }
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

// biome-ignore lint/suspicious/noExplicitAny: JSON of a stranger; each field is converted or refused.
type Json = any;

const hexOf = (x: Json, digits: number): Hex => {
  if (typeof x !== 'string' || !new RegExp(`^0x[0-9a-fA-F]{${digits}}$`).test(x)) throw new TypeError('no hex');
  return x.toLowerCase() as Hex;
};
const address = (x: Json) => hexOf(x, 40);
const bytes32 = (x: Json) => hexOf(x, 64);
const amount = (x: Json): bigint => {
  if (typeof x !== 'string' || !/^\d{1,78}$/.test(x)) throw new TypeError('no amount');
  return BigInt(x);
};
const count = (x: Json): number => {
  if (!Number.isSafeInteger(x) || x < 0) throw new TypeError('no count');
  return x;
};
const role = (x: Json): 1 | 2 => {
  if (x !== 1 && x !== 2) throw new TypeError('no role');
  return x;
};

function readLeaf(x: Json): Leaf {
  switch (x.kind) {
    case 1:
      return { kind: 1, order: bytes32(x.order), spent: amount(x.spent), delivered: x.delivered === true };
    case 2: {
      const of = x.role === undefined ? {} : { role: role(x.role) };
      return { kind: 2, account: address(x.account), ...of, cumulative: amount(x.cumulative) };
    }
    default:
      return {
        kind: 3,
        operator: address(x.operator),
        role: role(x.role),
        cumulative: amount(x.cumulative),
        evidence: bytes32(x.evidence),
      };
  }
}

function readPenalty(x: Json): PenaltyRise {
  return {
    operator: address(x.operator),
    role: role(x.role),
    cumulative: amount(x.cumulative),
    evidence: bytes32(x.evidence),
    rise: amount(x.rise),
    items: x.items.map(readItem),
  };
}

function readItem(x: Json): PenaltyItem {
  if (!['missed-lock', 'rejected-proof', 'late-release'].includes(x.reason)) throw new TypeError('no reason');
  return {
    reason: x.reason,
    order: bytes32(x.order),
    chunk: count(x.chunk),
    attempt: count(x.attempt),
    collateral: amount(x.collateral),
    amount: amount(x.amount),
    deadline: count(x.deadline),
    at: count(x.at),
    rejecting: amount(x.rejecting),
    total: amount(x.total),
  };
}
