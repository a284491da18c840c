/**
 * Duties whose right verdict is known beforehand. The seed is the secret of whoever issues them in an epoch: its hash
 * is published before the epoch, the seed after it, so nobody can tell canaries apart in time and everybody can check
 * them later.
 */
import type { Address } from 'viem';
import { encodeAbiParameters, type Hex, keccak256 } from 'viem';

/** One verdict that validators are to give. */
export interface Duty {
  readonly order: Hex;
  readonly chunk: number;
  readonly attempt: number;
}

/** `mutated`: a valid proof with one byte changed, to be rejected. `repeated`: a good proof again, to be accepted. */
export type CanaryKind = 'mutated' | 'repeated';

function draw(seed: Hex, purpose: number, duty: Duty): bigint {
  const words = encodeAbiParameters(
    [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }],
    [seed, BigInt(purpose), duty.order, BigInt(duty.chunk), BigInt(duty.attempt)],
  );
  return BigInt(keccak256(words));
}

/** The hash that is published before the epoch. */
export function commitToSeed(seed: Hex): Hex {
  return keccak256(seed);
}

/** Whether a canary goes with this duty, and of which kind; each kind half of the time. */
export function canaryOf(seed: Hex, duty: Duty, rateBps: number): CanaryKind | undefined {
  if (draw(seed, 0, duty) % 10_000n >= BigInt(rateBps)) return undefined;
  return (draw(seed, 1, duty) & 1n) === 0n ? 'mutated' : 'repeated';
}

/** The byte that a mutated canary changes and the non-zero mask it is combined with by exclusive or. */
export function mutationOf(seed: Hex, duty: Duty, length: number): { readonly offset: number; readonly mask: number } {
  const bits = draw(seed, 2, duty);
  return { offset: Number((bits >> 8n) % BigInt(length)), mask: Number((bits & 0xffn) % 255n) + 1 };
}

/** Answers to canaries. */
export interface Recall {
  readonly right: number;
  readonly wrong: number;
}

/** How each validator (in lower case) answered; what it did not answer lowers its coverage, not its recall. */
export function recallOf(
  canaries: readonly {
    readonly accepted: boolean;
    readonly verdicts: readonly { readonly validator: Address; readonly accepted: boolean }[];
  }[],
): Map<string, Recall> {
  const recalls = new Map<string, Recall>();
  for (const canary of canaries) {
    const answers = new Map<string, boolean>();
    for (const { validator, accepted } of canary.verdicts) {
      const key = validator.toLowerCase();
      // Two different answers are a wrong one.
      const isRight = accepted === canary.accepted;
      answers.set(key, (answers.get(key) ?? true) && isRight);
    }
    for (const [key, isRight] of answers) {
      const { right, wrong } = recalls.get(key) ?? { right: 0, wrong: 0 };
      recalls.set(key, isRight ? { right: right + 1, wrong } : { right, wrong: wrong + 1 });
    }
  }
  return recalls;
}

/**
 * Score of 10,000: full where nothing was answered wrongly, nothing at `floorBps` of right answers or less, linear in
 * between. Whoever accepts all is wrong on about half of the canaries, so a floor above one half leaves nothing.
 */
export function recallScoreBps(recall: Recall | undefined, floorBps: number): bigint {
  if (recall === undefined || recall.right + recall.wrong === 0) return 10_000n;
  const right = BigInt(recall.right);
  const all = right + BigInt(recall.wrong);
  const floor = BigInt(floorBps);
  const above = right * 10_000n - floor * all;
  if (above <= 0n) return 0n;
  return (above * 10_000n) / ((10_000n - floor) * all);
}
