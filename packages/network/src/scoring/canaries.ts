/**
 * Proofs that were broken on purpose, slipped in among the others: whoever accepts one has not verified it. A prover makes
 * one where its gateway asks for it, from a valid proof. Every delivery carries a mark, which its receipt and all verdicts
 * sign for; that of a canary opens with a salt, and nobody can open another one afterwards.
 */
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem';
import { judgeQuorum } from './quorum.js';
import type { CanaryTrace, JudgeStake, ValidatorRecall } from './types.js';

/** One verdict that validators are to give. */
export interface Duty {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
}

const DUTY = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }] as const;
const dutyWords = (first: Hex, { order, chunk, attempt }: Duty) =>
  [first, order, BigInt(chunk), BigInt(attempt)] as const;

/** Whether this attempt is to be a canary. @param seed a secret of whoever issues it: the same draw, asked again */
export function isCanary(seed: Hex, duty: Duty, rateBps: number): boolean {
  return BigInt(keccak256(encodeAbiParameters(DUTY, dutyWords(seed, duty)))) % 10_000n < BigInt(rateBps);
}

/** The mark of a canary: of this attempt of this prover, and of nothing else. */
export function canaryMark({ order, chunk, attempt, prover }: Duty & { readonly prover: Address }, salt: Hex): Hex {
  const words = [...DUTY, { type: 'address' }] as const;
  const lower = prover.toLowerCase() as Address;
  return keccak256(encodeAbiParameters(words, [...dutyWords(salt, { order, chunk, attempt }), lower]));
}

/**
 * Canaries that an epoch may have among so many proofs that were judged: their mean, five standard deviations and a few.
 * Beyond it they would be an excuse for forgeries.
 */
export function canaryAllowance(judged: number, rateBps: number): number {
  const mean = (judged * rateBps) / 10_000;
  return Math.ceil(mean + 5 * Math.sqrt(mean)) + 3;
}

/** The answers to one canary; who answered both ways was wrong. What is not answered lowers coverage, not recall. */
export function answersTo(canary: CanaryTrace): Map<string, boolean> {
  const answers = new Map<string, boolean>();
  for (const { message } of canary.verdicts) {
    if (message.proofDigest.toLowerCase() !== canary.receipt.message.proofDigest.toLowerCase()) continue;
    const key = message.validator.toLowerCase();
    answers.set(key, (answers.get(key) ?? true) && !message.accepted);
  }
  return answers;
}

/**
 * Whether its answers count: only where more than a third of the stake rejects it. Where its prover did not break the proof
 * after all, or a committee accepted it unseen, it stands in the trace and nobody is held to it.
 */
export function isSeenThrough(canary: CanaryTrace, validators: readonly JudgeStake[]): boolean {
  const verdicts = [...answersTo(canary)].map(([validator, isRight]) => {
    return { validator: validator as Address, accepted: !isRight };
  });
  return judgeQuorum(verdicts, validators).decision === 'rejected';
}

const keyOf = ({ lock: { message } }: CanaryTrace) =>
  `${message.order.toLowerCase()} ${String(message.chunk).padStart(10, '0')} ${String(message.attempt).padStart(10, '0')}`;

/** What is known of each validator after the epoch: its latest answers, `memory` of them. Sorted by validator. */
export function rememberAnswers(
  before: readonly ValidatorRecall[],
  canaries: readonly CanaryTrace[],
  memory: number,
): ValidatorRecall[] {
  const after = new Map(before.map((recall) => [recall.validator.toLowerCase(), recall]));
  for (const canary of [...canaries].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
    for (const [key, isRight] of answersTo(canary)) {
      const { answered, answers } = after.get(key) ?? { answered: 0, answers: '' };
      const validator = key as Address;
      after.set(key, { validator, answered: answered + 1, answers: `${answers}${isRight ? 1 : 0}` });
    }
  }
  return [...after]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, recall]) => ({ ...recall, answers: recall.answers.slice(-memory) }));
}

/**
 * Score of 10,000: full where nothing was answered wrongly, nothing at `floorBps` of right answers or less, linear in
 * between. All canaries are to be rejected, so whoever accepts all has no right answer.
 */
export function recallScoreBps(answers: string | undefined, floorBps: number): bigint {
  const all = BigInt(answers?.length ?? 0);
  if (answers === undefined || all === 0n) return 10_000n;
  const right = BigInt(answers.replaceAll('0', '').length);
  const floor = BigInt(floorBps);
  const above = right * 10_000n - floor * all;
  if (above <= 0n) return 0n;
  return (above * 10_000n) / ((10_000n - floor) * all);
}
