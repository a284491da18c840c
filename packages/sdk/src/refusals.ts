/** The contracts' errors in words: what is wrong, and what to do. */
import { formatEther } from 'viem';

/** Of an error's arguments. */
type Words = (args: readonly unknown[]) => { readonly message?: string; readonly hint: string };

const tokens = (units: unknown): string => `${formatEther(units as bigint)} tokens`;
const time = (seconds: unknown): string => new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
const percent = (bps: unknown): string => `${Number(bps) / 100} %`;
const hint = (text: string): Words => {
  return () => ({ hint: text });
};
const later = (what: string): Words => {
  return (args) => ({ message: what, hint: `try again at ${time(args[args.length - 1])}` });
};

const STATUS = '`dsperse gov status` shows the stage that it is at';

/** By name. Where there is no message, the error's own name and arguments are it. */
export const REFUSALS: Readonly<Record<string, Words>> = {
  ERC20InsufficientBalance: ([account, has, wants]) => ({
    message: `${account} holds ${tokens(has)}, and ${tokens(wants)} are needed`,
    hint: 'take less, or send it tokens first',
  }),
  BalanceTooSmall: ([has, wants]) => ({
    message: `${tokens(has)} are free in the market, and ${tokens(wants)} are needed`,
    hint: 'deposit more, or take less',
  }),
  NotRequester: hint('only the account that placed the order may do this'),
  NotReserved: hint('the order is not reserved on the chain (any more)'),
  NotExitable: hint('the time in brackets (seconds since 1970) is the first at which it may leave'),
  Paused: hint('the guardian has paused the network for a bounded time: try again later; withdrawals are never paused'),

  GovernorInsufficientProposerVotes: ([account, has, needs]) => ({
    message: `${account} has ${tokens(has)} of votes, and a proposal needs ${tokens(needs)}`,
    hint: 'delegate votes to the account first (`dsperse gov delegate`); they count from the next block on',
  }),
  GovernorNonexistentProposal: ([id]) => ({
    message: `there is no proposal ${id}`,
    hint: '`dsperse gov status` lists them',
  }),
  GovernorUnexpectedProposalState: ([id]) => ({ message: `proposal ${id} is at another stage`, hint: STATUS }),
  GovernorAlreadyCastVote: ([account]) => ({ message: `${account} has voted already`, hint: 'a vote is final' }),
  GovernorAlreadyOverriddenVote: ([account]) => ({
    message: `${account} has voted with these tokens already`,
    hint: 'a vote is final',
  }),
  NoStakeAtSnapshot: ([account, , operator]) => ({
    message: `${account} had no stake with ${operator} when the vote began`,
    hint: 'only what was staked by then counts; `dsperse stake status` lists the operators',
  }),
  TimelockUnexpectedOperationState: hint(`its time has not come, or it is executed already: ${STATUS}`),
  ParametersFrozen: later('no parameter changes shortly after an epoch was posted'),
  ChangedTooSoon: later('this parameter was changed a short while ago'),
  StepTooLarge: ([, from, , most]) => ({
    message: 'the step is too large for what the parameter is by now',
    hint: `it is ${from} and may change by ${most} at once: propose a smaller step`,
  }),
  OutOfBounds: ([, value, min, max]) => ({
    message: `${value} is outside the parameter's bounds`,
    hint: `propose a value from ${min} to ${max}`,
  }),
  OwnableUnauthorizedAccount: hint('only a vote may do this: `dsperse gov propose`'),

  NotRegistered: ([role, operator]) => ({
    message: `${operator} is not registered as ${role === 1 ? 'prover' : 'validator'}`,
    hint: '`dsperse stake status` lists those who are; `dsperse stake register` registers one',
  }),
  AlreadyRegistered: ([, operator]) => ({
    message: `${operator} is registered already`,
    hint: '`dsperse stake add` adds to its stake',
  }),
  BadOperatorSignature: hint('the operator’s own key has to sign: give its keystore'),
  CommissionTooHigh: ([bps, most]) => ({
    message: `a commission of ${percent(bps)} is too high`,
    hint: `give at most ${percent(most)}`,
  }),
  PoolClosed: hint('its owner takes no more stake: choose another operator'),
  StakeTooSmall: ([amount, least]) => ({
    message: `${tokens(amount)} are too few`,
    hint: `stake at least ${tokens(least)} at once`,
  }),
  TooFewShares: hint('nothing, or less than that, is staked there by this account: `dsperse stake status`'),
  NothingToClaim: hint('it has been claimed already, or the epoch’s orders are not settled yet: try again later'),
};
