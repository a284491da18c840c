/** Words of the network's commands: amounts, ids, roles, parameters. */
import { describe, expect, it } from 'vitest';
import { formatAmount, formatTokens, parseAmount } from './amounts.js';
import { formatTime, isAddress, parseAddress, parseOrderId, shorten } from './identifiers.js';
import { parseParameterChanges, parseProposalId } from './parse-governance.js';
import { parseRole } from './stake-options.js';
import { parseCommission } from './stakes.js';

const TOKEN = 10n ** 18n;

describe('amounts', () => {
  it('are tokens, or the smallest units where it says so', () => {
    expect(parseAmount('--budget', '1.5')).toBe((3n * TOKEN) / 2n);
    expect(parseAmount('--budget', '0.000000000000000001')).toBe(1n);
    expect(parseAmount('--budget', '12')).toBe(12n * TOKEN);
    expect(parseAmount('--budget', '1500wei')).toBe(1500n);
    expect(parseAmount('--budget', ' 7 WEI ')).toBe(7n);
    expect(parseAmount('--budget', '0')).toBe(0n);
  });

  it('are refused where a digit would be lost or a sign stands', () => {
    for (const text of ['', '-1', '1e18', '.5', '1.', '1,5', '0x10', '1.5wei', '0.0000000000000000001', 'NaN', '1 2']) {
      expect(() => parseAmount('--budget', text), text).toThrow(/--budget/);
    }
  });

  it('come back as they were written', () => {
    for (const units of [0n, 1n, TOKEN, 15n * 10n ** 17n, 123_456_789n, 10n ** 30n + 1n]) {
      expect(parseAmount('x', formatAmount(units))).toBe(units);
    }
    expect(formatTokens(-TOKEN / 4n)).toBe('-0.25 tokens');
  });
});

describe('identifiers', () => {
  it('are ids of 32 bytes and addresses of 20', () => {
    const id = `0x${'aB'.repeat(32)}`;
    expect(parseOrderId(id)).toBe(id.toLowerCase());
    expect(parseOrderId(id.slice(2))).toBe(id.toLowerCase());
    expect(() => parseOrderId(id.slice(0, -1))).toThrow(/order id/);
    expect(() => parseOrderId('../../x')).toThrow(/order id/);
    expect(parseAddress('--to', `0x${'1'.repeat(40)}`)).toBe(`0x${'1'.repeat(40)}`);
    expect(() => parseAddress('--to', 'prover-1')).toThrow(/--to/);
    expect(isAddress('0x12')).toBe(false);
    expect(shorten(id)).toBe('0xaBaBaB…aBaB');
    expect(formatTime(1_700_000_000)).toBe('2023-11-14T22:13:20Z');
    expect(formatTime(0)).toBe('never');
  });
});

describe('stake', () => {
  it('knows a role by its name and by that of an operator', () => {
    expect(parseRole('prover')).toBe('prover');
    expect(parseRole('validator-2')).toBe('validator');
    expect(() => parseRole('gateway')).toThrow(/--role/);
  });

  it('takes a commission in percent', () => {
    expect(parseCommission('2.5')).toBe(250);
    expect(parseCommission('100%')).toBe(10_000);
    expect(parseCommission('0.05')).toBe(5);
    for (const text of ['100.01', '-1', '1.005', 'x'])
      expect(() => parseCommission(text), text).toThrow(/--commission/);
  });
});

describe('proposals', () => {
  it('set parameters in their unit', () => {
    const changes = parseParameterChanges(['feeBps=1200', 'delegationMin=1.5', 'proverStakeMin=7wei']);
    expect([...changes]).toEqual([
      ['feeBps', 1200n],
      ['delegationMin', (3n * TOKEN) / 2n],
      ['proverStakeMin', 7n],
    ]);
  });

  it('refuse what is unknown, doubled or of another unit', () => {
    expect(() => parseParameterChanges(['fee=1'])).toThrow(/no parameter fee/);
    expect(() => parseParameterChanges(['feeBps=1', 'feeBps=2'])).toThrow(/twice/);
    for (const word of ['feeBps', 'feeBps=', '=1', 'feeBps=1.5', 'feeBps=1wei', 'feeBps=1=2', 'feeBps=-1']) {
      expect(() => parseParameterChanges([word]), word).toThrow();
    }
  });

  it('are named by a number', () => {
    expect(parseProposalId('12')).toBe(12n);
    expect(parseProposalId('0xff')).toBe(255n);
    expect(() => parseProposalId('first')).toThrow(/no proposal/);
  });
});
