import { type Address, encodeAbiParameters, type Hex, keccak256, toHex, zeroAddress } from 'viem';
import { worthOf } from './stake.js';
import { BPS, type Call, type Handler, type Model, type ModelProposal, type ModelWeights, need } from './state.js';

/** What everybody's vote would weigh now. */
export function weightsOf(m: Model, time: bigint): ModelWeights {
  return {
    supply: m.supply,
    quorum: (m.supply * m.parameterAt('quorumBps', time)) / BPS,
    balances: new Map(m.balances),
    delegates: new Map(m.delegates),
    pools: [...m.pools.values()].map(({ role, operator, owner, tokens, shares, shareOf }) => ({
      ...{ role, operator, owner, tokens, shares },
      shareOf: new Map(shareOf),
    })),
  };
}

export const walletVotes = (w: ModelWeights, of: Address): bigint =>
  [...w.delegates].reduce((sum, [from, to]) => (to === of ? sum + (w.balances.get(from) ?? 0n) : sum), 0n);

export const poolVotes = (w: ModelWeights, of: Address): bigint =>
  w.pools.reduce((sum, { owner, tokens }) => (owner === of ? sum + tokens : sum), 0n);

export function stakeVotes(w: ModelWeights, role: number, operator: Address, of: Address): bigint {
  const pool = w.pools.find((p) => p.role === role && p.operator === operator);
  return pool ? worthOf(pool.shareOf.get(of) ?? 0n, pool) : 0n;
}

/** Before anything happens at `now`: what votes weigh is kept for proposals whose snapshot is over. */
export function takeSnapshots(m: Model, now: bigint): void {
  for (const proposal of m.proposals.values()) {
    if (!proposal.weights && proposal.snapshot < now) proposal.weights = weightsOf(m, proposal.snapshot);
  }
}

export const deadlineOf = ({ deadline, extended }: ModelProposal): bigint =>
  extended > deadline ? extended : deadline;

function active(m: Model, now: bigint, id: bigint, support: number): ModelProposal & { weights: ModelWeights } {
  const proposal = m.proposals.get(id);
  need(proposal !== undefined, 'no proposal');
  const { weights } = proposal;
  need(weights !== undefined && now <= deadlineOf(proposal), 'not active');
  need(support <= 2, 'no such vote');
  return proposal as ModelProposal & { weights: ModelWeights };
}

/** Takes `weight` out of what `from` casts or has cast. */
function count(p: ModelProposal, kind: 'wallet' | 'stake', from: Address, support: number, weight: bigint): void {
  const before = p.voted.get(from);
  const taken = p.taken[kind];
  if (before === undefined) taken.set(from, (taken.get(from) ?? 0n) + weight);
  else p.tally[before] -= weight;
  p.tally[support] += weight;
}

function tallied(m: Model, now: bigint, p: ModelProposal & { weights: ModelWeights }): void {
  const reached = p.weights.quorum <= p.tally[1] + p.tally[2];
  if (reached && p.extended === 0n) p.extended = now + m.parameter('lateQuorumSeconds');
}

const types = ['address[]', 'uint256[]', 'bytes[]', 'bytes32'].map((type) => ({ type }));

export const governorHandlers: Record<string, Handler> = {
  propose(m, { now, sender }: Call, targets: Hex[], values: bigint[], datas: Hex[], description: string) {
    const weights = weightsOf(m, now);
    need(walletVotes(weights, sender) + poolVotes(weights, sender) >= m.parameter('proposalThreshold'), 'threshold');
    const id = BigInt(keccak256(encodeAbiParameters(types, [targets, values, datas, keccak256(toHex(description))])));
    need(!m.proposals.has(id), 'proposed before');
    const snapshot = now + m.parameter('votingDelaySeconds');
    m.proposals.set(id, {
      snapshot,
      deadline: snapshot + m.parameter('votingPeriodSeconds'),
      extended: 0n,
      tally: [0n, 0n, 0n],
      voted: new Map(),
      taken: { wallet: new Map(), stake: new Map() },
      overrides: new Set(),
    });
  },
  castVote(m, { now, sender }, id: bigint, support: number) {
    const p = active(m, now, id, support);
    need(!p.voted.has(sender), 'voted');
    const inWallets = walletVotes(p.weights, sender) - (p.taken.wallet.get(sender) ?? 0n);
    const staked = poolVotes(p.weights, sender) - (p.taken.stake.get(sender) ?? 0n);
    p.voted.set(sender, support);
    p.tally[support] += inWallets + staked;
    tallied(m, now, p);
  },
  castOverrideVote(m, { now, sender }, id: bigint, support: number) {
    const p = active(m, now, id, support);
    need(!p.overrides.has(sender), 'overridden');
    p.overrides.add(sender);
    const delegate = p.weights.delegates.get(sender) ?? zeroAddress;
    count(p, 'wallet', delegate, support, p.weights.balances.get(sender) ?? 0n);
    tallied(m, now, p);
  },
  castStakeOverrideVote(m, { now, sender }, id: bigint, support: number, role: number, operator: Address) {
    const p = active(m, now, id, support);
    const key = `${role}:${operator}:${sender}`;
    need(!p.overrides.has(key), 'overridden');
    const weight = stakeVotes(p.weights, role, operator, sender);
    need(weight > 0n, 'no stake');
    const pool = p.weights.pools.find((x) => x.role === role && x.operator === operator);
    p.overrides.add(key);
    count(p, 'stake', pool?.owner ?? zeroAddress, support, weight);
    tallied(m, now, p);
  },
};
