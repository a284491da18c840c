/** Dividing a chunk's price. Every division rounds down; what is left over is named, so that nothing is lost. */
import type { SettlementParameters, ValidatorStake } from './types.js';

const BPS = 10_000n;

function share(amount: bigint, bps: number): bigint {
  return (amount * BigInt(bps)) / BPS;
}

export interface PriceParts {
  readonly prover: bigint;
  readonly validators: bigint;
  readonly burned: bigint;
  /** The rest of the fee. */
  readonly treasury: bigint;
}

/** The parts add up to the price. */
export function dividePrice(price: bigint, parameters: SettlementParameters): PriceParts {
  const fee = share(price, parameters.feeBps);
  const validators = share(fee, parameters.feeValidatorBps);
  const burned = share(fee, parameters.feeBurnBps);
  return { prover: price - fee, validators, burned, treasury: fee - validators - burned };
}

/** Stake that counts for rewards, by operator in lower case: at most `capBps` of the total. */
export function cappedStakes(validators: readonly ValidatorStake[], capBps: number): Map<string, bigint> {
  const most = share(
    validators.reduce((sum, { stake }) => sum + stake, 0n),
    capBps,
  );
  return new Map(validators.map(({ operator, stake }) => [operator.toLowerCase(), stake < most ? stake : most]));
}

/** Shares of an amount by weight, rounded down, and the dust that is left. Without any weight all of it is dust. */
export function divideByWeight<K>(
  amount: bigint,
  weights: ReadonlyMap<K, bigint>,
): { readonly shares: Map<K, bigint>; readonly dust: bigint } {
  let total = 0n;
  for (const weight of weights.values()) total += weight;
  const shares = new Map<K, bigint>();
  let dust = amount;
  if (total === 0n) return { shares, dust };
  for (const [key, weight] of weights) {
    const part = (amount * weight) / total;
    shares.set(key, part);
    dust -= part;
  }
  return { shares, dust };
}
