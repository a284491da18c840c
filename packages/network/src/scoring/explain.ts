/** Why an operator was penalised, as text that it can read and check. */
import { type Address, formatEther } from 'viem';
import type { PenaltyItem, PenaltyReason, PenaltyRise, SettlementParameters } from './types.js';

export interface Explanation {
  readonly reason: PenaltyReason;
  readonly title: string;
  /** One sentence: what happened. */
  readonly summary: string;
  /** The rule that was broken, with the parameter that sets its price. */
  readonly rule: string;
  /** The amount, step by step. */
  readonly reckoning: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** What to look at so that it does not happen again. */
  readonly advice: readonly string[];
  /** How to contest it. */
  readonly challenge: string;
}

export interface PenaltyExplanation {
  readonly operator: Address;
  readonly epoch: number;
  readonly amount: bigint;
  readonly evidence: string;
  readonly items: readonly Explanation[];
}

const dateOf = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
const percent = (bps: number) => `${Math.floor(bps / 100)}.${String(bps % 100).padStart(2, '0')} %`;

interface Text {
  readonly title: string;
  readonly summary: (item: PenaltyItem) => string;
  readonly rule: (parameters: SettlementParameters) => string;
  readonly reckoning: (item: PenaltyItem, parameters: SettlementParameters) => string;
  readonly advice: readonly string[];
  readonly challenge: string;
}

const TEXTS: Record<PenaltyReason, Text> = {
  'missed-lock': {
    title: 'A lock ran out without a receipt',
    summary: (item) => `You locked this chunk until ${dateOf(item.deadline)}, and no receipt had come in by then.`,
    rule: (p) => `A missed lock costs ${percent(p.missedLockBps)} of its collateral (parameter missedLockBps).`,
    reckoning: (item, p) => `${tokens(item.collateral)} x ${percent(p.missedLockBps)} = ${tokens(item.amount)}`,
    advice: [
      'Look for the chunk in your log: was it still proving, waiting for another chunk, or without a connection?',
      'Declare fewer chunks at once, or a rate that the machine keeps up under full load.',
      'Give a lock back as soon as you know that it cannot be done: early, that costs little.',
    ],
    challenge:
      'If you hold an acknowledgement of your receipt signed before the deadline, send it to the validators before the epoch is final.',
  },
  'rejected-proof': {
    title: 'Validators rejected your proof',
    summary: (item) =>
      `Validators with ${tokens(item.rejecting)} of ${tokens(item.total)} active stake, more than two thirds, found the proof invalid.`,
    rule: (p) =>
      `A rejected proof costs ${percent(p.rejectedProofBps)} of the collateral (parameter rejectedProofBps).`,
    reckoning: (item, p) => `${tokens(item.collateral)} x ${percent(p.rejectedProofBps)} = ${tokens(item.amount)}`,
    advice: [
      'Fetch the proof by the digest in your receipt and run `dsperse verify` on it: it names what is wrong and where.',
      'Check that program package and software version are the ones of the order.',
      'Check the machine: memory errors and overclocking give wrong proofs.',
    ],
    challenge:
      'If your own verification accepts the proof, publish it with the receipt: a verdict is a function of these bytes, so anyone can repeat it before the epoch is final.',
  },
  'late-release': {
    title: 'A lock was given back late',
    summary: (item) => `You gave the chunk back on ${dateOf(item.at)}; the lock ran until ${dateOf(item.deadline)}.`,
    rule: (p) =>
      `A lock given back costs up to ${percent(p.releaseBps)} of its collateral, in proportion to the time that has passed (parameter releaseBps).`,
    reckoning: (item, p) =>
      `${tokens(item.collateral)} x ${percent(p.releaseBps)} x time passed / time of the lock = ${tokens(item.amount)}`,
    advice: [
      'Give a chunk back at once when it does not fit in memory or other work comes first.',
      'Values that do not match their commitments, and inputs out of range, cost nothing: name that reason.',
    ],
    challenge:
      'If the reason was a mismatch of the boundary values or an input out of range, show the validators the values that you were given.',
  },
};

function tokens(amount: bigint): string {
  return `${formatEther(amount)} tokens`;
}

/** @param parameters those that the epoch was settled with */
export function explainItem(item: PenaltyItem, parameters: SettlementParameters): Explanation {
  const text = TEXTS[item.reason];
  return {
    reason: item.reason,
    title: text.title,
    summary: text.summary(item),
    rule: text.rule(parameters),
    reckoning: text.reckoning(item, parameters),
    facts: [
      { label: 'order', value: item.order },
      { label: 'chunk', value: String(item.chunk) },
      { label: 'attempt', value: String(item.attempt) },
      { label: 'collateral', value: tokens(item.collateral) },
      { label: 'deadline of the lock', value: dateOf(item.deadline) },
      { label: 'happened', value: dateOf(item.at) },
      { label: 'penalty', value: tokens(item.amount) },
    ],
    advice: text.advice,
    challenge: text.challenge,
  };
}

/** All that one epoch blames on an operator. */
export function explainPenalty(
  penalty: PenaltyRise,
  epoch: number,
  parameters: SettlementParameters,
): PenaltyExplanation {
  return {
    operator: penalty.operator,
    epoch,
    amount: penalty.rise,
    evidence: penalty.evidence,
    items: penalty.items.map((item) => explainItem(item, parameters)),
  };
}
