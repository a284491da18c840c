import { BPS, type Model, need } from './state.js';

const YEAR = 31_536_000n;
const least = (a: bigint, b: bigint) => (a < b ? a : b);

/** The most that an epoch which was closed then, with orders that paid `spent`, may mint. */
export function mintable(m: Model, closedAt: bigint, spent: bigint): bigint {
  const at = (name: string) => m.parameterAt(name, closedAt);
  const left = m.emission.cap - m.emission.scheduled;
  const emission = least(left, (left * at('emissionYearBps') * (closedAt - m.emission.until)) / (BPS * YEAR));
  const lost = (spent * at('feeBps') * (BPS - at('feeValidatorBps'))) / (BPS * BPS);
  const parts = [at('emissionProverBps'), at('emissionValidatorBps')];
  const share = (bps: bigint) => (emission * bps) / BPS;
  const provers = least(share(parts[0]), (lost * at('emissionFeeMultipleBps')) / BPS);
  return provers + share(parts[1]) + share(BPS - parts[0] - parts[1]);
}

/** Checks first; what it returns changes the model. */
export function schedule(m: Model, now: bigint, closedAt: bigint, amount: bigint, spent: bigint): () => void {
  const { emission } = m;
  need(closedAt >= emission.until, 'closed before the last');
  need(closedAt <= now + m.parameter('clockSkewSeconds'), 'closed in the future');
  need(amount === 0n || amount <= mintable(m, closedAt, spent), 'above the schedule');
  return () => {
    emission.untilBefore = emission.until;
    emission.last = amount;
    emission.until = closedAt;
    emission.scheduled += amount;
  };
}

export function unschedule({ emission }: Model): void {
  emission.scheduled -= emission.last;
  emission.until = emission.untilBefore;
  emission.last = 0n;
}

export function mint(m: Model, amount: bigint): void {
  m.emission.minted += amount;
  m.supply += amount;
  m.balances.set(m.at.market, m.balance(m.at.market) + amount);
  m.pool += amount;
  m.pooled += amount;
}
