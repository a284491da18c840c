/** What is measured. Ratios are numbers; amounts stay bigints. */
import type { Account } from './agents.js';

/** Earned less what was lost and paid, for each unit of cost; 0 where nothing was spent. */
export function incomePerCost(account: Account): number {
  const cost = account.work + account.machines + account.verification + account.capital;
  return ratio(account.income - account.penalties - account.payments, cost);
}

/** To six digits. */
export function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 1_000_000n) / whole) / 1e6;
}

export function addAccounts(a: Account, b: Account): Account {
  return {
    income: a.income + b.income,
    work: a.work + b.work,
    machines: a.machines + b.machines,
    verification: a.verification + b.verification,
    capital: a.capital + b.capital,
    penalties: a.penalties + b.penalties,
    payments: a.payments + b.payments,
    workUnits: a.workUnits + b.workUnits,
  };
}

/** 0: all equal; near 1: one has everything. */
export function gini(amounts: readonly bigint[]): number {
  const sorted = [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const total = sorted.reduce((sum, amount) => sum + amount, 0n);
  if (total === 0n) return 0;
  const n = BigInt(sorted.length);
  const weighted = sorted.reduce((sum, amount, k) => sum + BigInt(k + 1) * amount, 0n);
  return ratio(2n * weighted - (n + 1n) * total, n * total);
}

/** Part of the whole that the largest has. */
export function topShare(amounts: readonly bigint[]): number {
  const total = amounts.reduce((sum, amount) => sum + amount, 0n);
  return ratio(
    amounts.reduce((most, amount) => (amount > most ? amount : most), 0n),
    total,
  );
}
