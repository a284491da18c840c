/**
 * Every parameter of the network: the single source for the deployment of the contract `Parameters` and for
 * docs/parameters.md. A change stays within `min` and `max` and within `maxStepBps` of the value that it replaces.
 */
export type ParameterUnit = 'seconds' | 'basis points' | 'token units' | 'epochs' | 'orders' | 'answers' | 'seats';

export interface ParameterDefinition {
  /** At most 31 ASCII characters. */
  readonly name: string;
  readonly meaning: string;
  readonly unit: ParameterUnit;
  readonly default: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly maxStepBps: bigint;
}

const MINUTE = 60n;
const HOUR = 3_600n;
const DAY = 86_400n;
const TOKEN = 10n ** 18n;

function group<U extends ParameterUnit>(unit: U) {
  return <N extends string>(
    name: N,
    meaning: string,
    values: { of: bigint; min: bigint; max: bigint; step?: bigint },
  ) => ({
    name,
    meaning,
    unit,
    default: values.of,
    min: values.min,
    max: values.max,
    maxStepBps: values.step ?? 5_000n,
  });
}
const seconds = group('seconds');
const bps = group('basis points');
const tokens = group('token units');
const epochs = group('epochs');
const orders = group('orders');
const answers = group('answers');
const seats = group('seats');

export const PARAMETERS = [
  // Of the parameter store itself.
  seconds('parameterStepSeconds', 'least time between two changes of one parameter', {
    of: DAY,
    min: HOUR,
    max: 30n * DAY,
  }),
  seconds('parameterFreezeSeconds', 'how long one freeze keeps all parameters from changing', {
    of: HOUR,
    min: 1n,
    max: 7n * DAY,
  }),

  // Governance.
  seconds('votingDelaySeconds', 'from a proposal to the start of the vote', { of: DAY, min: HOUR, max: 14n * DAY }),
  seconds('votingPeriodSeconds', 'length of a vote', { of: 4n * DAY, min: DAY, max: 30n * DAY }),
  seconds('lateQuorumSeconds', 'a vote stays open at least this long after its quorum is reached', {
    of: DAY,
    min: HOUR,
    max: 7n * DAY,
  }),
  seconds('timelockSeconds', 'from the queueing of an accepted proposal to its execution', {
    of: 2n * DAY,
    min: HOUR,
    max: 30n * DAY,
  }),
  tokens('proposalThreshold', 'votes that a proposer needs', {
    of: 100_000n * TOKEN,
    min: TOKEN,
    max: 10_000_000n * TOKEN,
  }),
  bps('quorumBps', 'share of the supply that must vote for or abstain', { of: 400n, min: 100n, max: 3_000n }),
  seconds('pauseSeconds', 'longest pause by the guardian', { of: 10n * DAY, min: HOUR, max: 14n * DAY }),
  seconds('pauseCooldownSeconds', 'least time from the end of a pause to the next', {
    of: 30n * DAY,
    min: DAY,
    max: 180n * DAY,
  }),

  // Stake.
  seconds('unbondingSeconds', 'how long stake thaws, slashable, before it can be withdrawn', {
    of: 14n * DAY,
    min: 2n * DAY,
    max: 60n * DAY,
  }),
  tokens('validatorStakeMin', 'least stake of a pool that counts as validator', {
    of: 10_000n * TOKEN,
    min: TOKEN,
    max: 1_000_000n * TOKEN,
  }),
  tokens('proverStakeMin', 'least stake of a pool that counts as prover', {
    of: 100n * TOKEN,
    min: TOKEN,
    max: 100_000n * TOKEN,
  }),
  tokens('delegationMin', 'least amount of one staking', { of: TOKEN, min: 10n ** 15n, max: 1_000n * TOKEN }),
  bps('commissionMaxBps', 'highest commission of a pool', { of: 5_000n, min: 500n, max: 10_000n }),
  seconds('commissionDelaySeconds', 'from the announcement of a higher commission to its start', {
    of: 14n * DAY,
    min: DAY,
    max: 60n * DAY,
  }),

  // Slashing.
  bps('wrongAttestationBps', "slashed of each signer's stake for an epoch root that cannot be true", {
    of: 5_000n,
    min: 500n,
    max: 10_000n,
  }),
  bps('equivocationBps', "slashed of a validator's stake for two contradicting signatures", {
    of: 3_000n,
    min: 500n,
    max: 10_000n,
  }),
  bps('bountyBps', 'share of a slash on evidence that goes to whoever brought it', {
    of: 1_000n,
    min: 100n,
    max: 5_000n,
  }),
  bps('penaltyMaxBps', "most of an operator's stake that one epoch's penalties take", {
    of: 2_000n,
    min: 100n,
    max: 5_000n,
  }),
  bps('missedLockBps', 'penalty of a missed lock, of its collateral', { of: 5_000n, min: 100n, max: 10_000n }),
  bps('rejectedProofBps', 'penalty of a proof that more than two thirds reject, of the collateral of its lock', {
    of: 10_000n,
    min: 1_000n,
    max: 30_000n,
  }),
  bps('releaseBps', 'penalty of a lock given back in its last second, of its collateral; less when earlier', {
    of: 2_500n,
    min: 100n,
    max: 10_000n,
  }),

  // Orders and their ends.
  seconds('orderSecondsMax', 'furthest deadline of an order', { of: 7n * DAY, min: HOUR, max: 30n * DAY }),
  seconds('exitSeconds', 'from the deadline of an order to the return of a reserve that nobody settled', {
    of: 9n * DAY,
    min: HOUR,
    max: 30n * DAY,
  }),
  seconds('cancelSeconds', 'from the request to cancel to the return of a reserve that nobody settled', {
    of: 4n * DAY,
    min: HOUR,
    max: 30n * DAY,
  }),
  seconds('exitHoldMaxSeconds', 'longest that an epoch which was posted in time holds up an exit', {
    of: 14n * DAY,
    min: HOUR,
    max: 45n * DAY,
  }),
  seconds('settleGraceSeconds', 'time for settling the orders of a final epoch before they can exit', {
    of: 6n * HOUR,
    min: 5n * MINUTE,
    max: 2n * DAY,
  }),

  // Epochs.
  seconds('epochSeconds', 'length of an epoch', { of: DAY, min: 10n * MINUTE, max: 7n * DAY }),
  seconds('challengeSeconds', 'from the posting of an epoch until it is final', { of: DAY, min: HOUR, max: 7n * DAY }),
  seconds('clockSkewSeconds', 'how far the clocks of nodes and chain may be apart', { of: 300n, min: 5n, max: HOUR }),
  seconds(
    'collectSeconds',
    'how long a proposed epoch waits for signatures before it is proposed anew; longer each time',
    {
      of: 30n,
      min: 5n,
      max: HOUR,
    },
  ),
  seconds('collectSecondsMax', 'longest that a proposed epoch waits for signatures', {
    of: HOUR,
    min: MINUTE,
    max: DAY,
  }),
  epochs('skippedEpochsMax', 'numbers of epochs without a root that the next root may pass over', {
    of: 1_000n,
    min: 100n,
    max: 100_000n,
  }),
  seconds('exitMarginSeconds', 'an order is settled only while its reserve cannot be taken back for this long', {
    of: 30n,
    min: 5n,
    max: HOUR,
  }),
  epochs('rememberEpochs', 'epochs for which the ids of settled orders are remembered', {
    of: 64n,
    min: 8n,
    max: 4_096n,
  }),

  // The market between nodes.
  bps('shareCapBps', "most of one order's work that one owner gets while others would take it", {
    of: 5_000n,
    min: 500n,
    max: 10_000n,
  }),
  seconds('lockFloorSeconds', 'shortest time that a lock gives', { of: 60n, min: 5n, max: HOUR }),
  bps('lockMultipleBps', 'time of a lock as a multiple of work by measured rate', {
    of: 30_000n,
    min: 10_000n,
    max: 200_000n,
  }),
  seconds('verifySeconds', "kept free for the validators before an order's deadline", { of: 120n, min: 5n, max: DAY }),
  seconds('commitSeconds', 'how long validators may commit to a verdict before it is revealed', {
    of: 60n,
    min: 2n,
    max: HOUR,
  }),
  seconds('lockGraceSeconds', "a lock's deadline is not missed by the time that a message takes", {
    of: 1n,
    min: 0n,
    max: MINUTE,
  }),
  seconds('releaseSkewSeconds', 'how far the time in a release may be from its arrival', {
    of: MINUTE,
    min: 5n,
    max: 10n * MINUTE,
  }),
  seconds('judgingGraceSeconds', 'how long an order waits after its deadline for verdicts on what came in time', {
    of: 15n,
    min: 1n,
    max: HOUR,
  }),
  seconds(
    'failureWindowSeconds',
    'missed and rejected locks this recent put a prover behind others that ask the same',
    {
      of: HOUR,
      min: MINUTE,
      max: 7n * DAY,
    },
  ),
  seconds(
    'restSeconds',
    'rest before a prover that gave a chunk up gets it again where nobody else can; times attempts',
    {
      of: 5n,
      min: 1n,
      max: HOUR,
    },
  ),
  bps('rateWeightBps', "weight of a new receipt in a prover's measured rate", {
    of: 2_000n,
    min: 100n,
    max: 10_000n,
  }),
  bps('rateStepBps', "most that one receipt moves a prover's measured rate", { of: 2_500n, min: 100n, max: 10_000n }),
  seconds('endpointSecondsMax', 'longest life of the record that an operator signs about itself', {
    of: 30n * DAY,
    min: HOUR,
    max: 365n * DAY,
  }),
  bps('collateralBps', "collateral of a lock, of the chunk's price", { of: 20_000n, min: 1_000n, max: 100_000n }),
  tokens('collateralMin', 'least collateral of a lock', { of: TOKEN / 100n, min: 10n ** 12n, max: 1_000n * TOKEN }),
  bps('canaryBps', 'share of the attempts at chunks whose proof is broken on purpose, to test validators', {
    of: 500n,
    min: 10n,
    max: 3_000n,
  }),
  answers('canaryMemory', "a validator's latest answers to canaries that its income depends on", {
    of: 20n,
    min: 4n,
    max: 200n,
  }),
  seats('committeeSeats', 'where there are more validators, about so many seats judge a proof first', {
    of: 64n,
    min: 16n,
    max: 1_024n,
  }),

  // Fees. The most of validators and burn together is the whole fee.
  bps('feeBps', "the network's fee, of each chunk's price", { of: 1_000n, min: 100n, max: 3_000n }),
  bps('feeValidatorBps', 'share of the fee that goes to the validators', { of: 7_000n, min: 1_000n, max: 7_500n }),
  bps('feeBurnBps', 'share of the fee that is burned; what is left goes to the treasury', {
    of: 1_000n,
    min: 0n,
    max: 2_500n,
  }),
  bps('stakeCapBps', "share of all stake up to which a validator's counts for rewards", {
    of: 3_334n,
    min: 500n,
    max: 10_000n,
  }),
  bps('recallFloorBps', 'a validator with this share of right answers to canaries, or less, earns nothing', {
    of: 9_000n,
    min: 1_000n,
    max: 9_900n,
  }),

  // Emission. The most of provers and validators together is all of it.
  bps('emissionYearBps', 'share of what is left to be minted that can be minted in a year', {
    of: 1_500n,
    min: 0n,
    max: 3_000n,
  }),
  bps('emissionProverBps', 'share of an emission for provers, by accepted work', {
    of: 6_000n,
    min: 1_000n,
    max: 6_000n,
  }),
  bps('emissionValidatorBps', 'share of an emission for validators; what is left goes to the treasury', {
    of: 3_000n,
    min: 1_000n,
    max: 4_000n,
  }),
  bps(
    'emissionFeeMultipleBps',
    'most of an emission that a prover gets, of what its work paid to burn and treasury; below the whole, so that ordering from oneself loses',
    { of: 8_000n, min: 0n, max: 9_999n },
  ),

  // Consensus of validators' weights, on what no proof decides.
  bps('consensusShareBps', "share of the provers' and of the validators' emission that follows validators' weights", {
    of: 1_000n,
    min: 0n,
    max: 2_500n,
  }),
  epochs('weightEpochs', 'length of the past that validators weigh provers by', { of: 2n, min: 1n, max: 64n }),
  bps('consensusKappaBps', 'share of the stake that must give a prover a weight or more, for it to count', {
    of: 5_000n,
    min: 5_000n,
    max: 8_000n,
  }),
  bps('bondPenaltyBps', 'how far bonds follow the weights that the stake agrees on, instead of what a validator said', {
    of: 10_000n,
    min: 0n,
    max: 10_000n,
  }),
  bps('bondAlphaBps', "weight of an epoch's bonds in their moving average", { of: 1_000n, min: 100n, max: 10_000n }),

  // Bounds on load.
  orders('epochOrdersMax', 'orders that one epoch settles at most', { of: 10_000n, min: 100n, max: 1_000_000n }),
] as const;

export type ParameterName = (typeof PARAMETERS)[number]['name'];

/** What a network starts with: for those who do not know a chain to ask. */
export function parameterDefault(name: ParameterName): bigint {
  return (PARAMETERS.find((p) => p.name === name) as ParameterDefinition).default;
}

/** A value alone keeps the bounds of the definition. */
export type ParameterOverride =
  | bigint
  | { readonly value: bigint; readonly min?: bigint; readonly max?: bigint; readonly maxStepBps?: bigint };

const local = (value: bigint): ParameterOverride => ({ value, min: 1n });

/** Times short enough to see a vote, an unbonding and an exit on a local network within a minute or two. */
export const LOCAL_PARAMETERS: Readonly<Partial<Record<ParameterName, ParameterOverride>>> = {
  parameterStepSeconds: local(1n),
  parameterFreezeSeconds: local(5n),
  votingDelaySeconds: local(1n),
  votingPeriodSeconds: local(20n),
  lateQuorumSeconds: local(5n),
  timelockSeconds: local(2n),
  pauseSeconds: local(60n),
  pauseCooldownSeconds: local(60n),
  unbondingSeconds: local(60n),
  commissionDelaySeconds: local(30n),
  exitSeconds: local(120n),
  cancelSeconds: local(60n),
  exitHoldMaxSeconds: local(120n),
  settleGraceSeconds: local(30n),
  exitMarginSeconds: local(10n),
  epochSeconds: local(10n),
  challengeSeconds: local(5n),
  lockFloorSeconds: local(20n),
  verifySeconds: local(10n),
  commitSeconds: local(5n),
};
