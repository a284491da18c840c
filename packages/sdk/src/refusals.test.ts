import {
  dsperseGovernorAbi,
  dsperseTimelockAbi,
  dsperseTokenAbi,
  marketAbi,
  parametersAbi,
  settlementAbi,
  stakeManagerAbi,
} from '@dsperse/contracts';
import type { Abi, AbiParameter } from 'viem';
import { expect, it } from 'vitest';
import { REFUSALS } from './refusals.js';

const abis: readonly Abi[] = [
  dsperseGovernorAbi,
  dsperseTimelockAbi,
  dsperseTokenAbi,
  marketAbi,
  parametersAbi,
  settlementAbi,
  stakeManagerAbi,
];
const errors = abis.flatMap((abi) => abi.filter((entry) => entry.type === 'error'));

const example = ({ type }: AbiParameter): unknown => {
  if (type === 'address') return `0x${'12'.repeat(20)}`;
  if (type.startsWith('bytes')) return `0x${'34'.repeat(32)}`;
  // As viem decodes them: small integers are numbers.
  const bits = Number(/^uint(\d*)$/.exec(type)?.[1] ?? 8);
  return bits > 48 ? 1_500n : 1_500;
};

it.each(Object.entries(REFUSALS))('%s is an error of the contracts, told in words', (name, words) => {
  const found = errors.filter((error) => error.name === name);
  expect(found.length).toBeGreaterThan(0);
  for (const { inputs } of found) {
    const { message = '', hint } = words(inputs.map(example));
    expect(hint).not.toBe('');
    expect(`${message} ${hint}`).not.toMatch(/undefined|NaN|Invalid|\[object/);
  }
});
