/** Amounts of tokens, from the command line's words and back. */
import { InputError } from '@dsperse/core/graph';

const DECIMALS = 18;

export const AMOUNT_HELP = 'in tokens, like 1.5, or in the smallest units, like 1500000wei';

/**
 * `1.5` tokens or `1500wei`, as token units of 10^-18.
 * @throws InputError `usage`
 */
export function parseAmount(option: string, text: string): bigint {
  const units = /^(\d{1,39})\s*wei$/i.exec(text.trim());
  if (units) return BigInt(units[1]);
  const tokens = /^(\d{1,21})(?:\.(\d{1,18}))?$/.exec(text.trim());
  if (tokens) return BigInt(tokens[1] + (tokens[2] ?? '').padEnd(DECIMALS, '0'));
  throw new InputError('usage', `${option} ${text} is not understood`, `write it ${AMOUNT_HELP}`);
}

/** As `parseAmount`, of what a transaction moves. @throws InputError `usage` where that is nothing */
export function parsePositiveAmount(option: string, text: string): bigint {
  const amount = parseAmount(option, text);
  if (amount > 0n) return amount;
  throw new InputError('usage', `${option} is nothing`, 'give more than 0');
}

/** Tokens with as many decimals as are needed. */
export function formatAmount(units: bigint): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(DECIMALS + 1, '0');
  const whole = digits.slice(0, -DECIMALS);
  const part = digits.slice(-DECIMALS).replace(/0+$/, '');
  return `${sign}${whole}${part === '' ? '' : `.${part}`}`;
}

export const formatTokens = (units: bigint): string => `${formatAmount(units)} tokens`;
