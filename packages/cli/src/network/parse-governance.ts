/** Words of `dsperse gov`. */
import { PARAMETERS } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/graph';
import { parseAmount } from './amounts.js';

/** @throws InputError `usage` */
export function parseProposalId(text: string): bigint {
  if (/^\d{1,78}$/.test(text) || /^0x[0-9a-fA-F]{1,64}$/.test(text)) return BigInt(text);
  throw new InputError('usage', `${text} is no proposal`, '`dsperse gov status` lists them with their ids');
}

/**
 * `name=value` as values in the parameter's unit: whole numbers, or an amount of tokens.
 * @throws InputError `usage`, `unknown-parameter`
 */
export function parseParameterChanges(words: readonly string[]): Map<string, bigint> {
  const changes = new Map<string, bigint>();
  for (const word of words) {
    const [name, value, ...rest] = word.split('=');
    if (!name || !value || rest.length > 0) {
      throw new InputError('usage', `${word} is not understood`, 'write name=value, like feeBps=1200');
    }
    const known = PARAMETERS.find((p) => p.name === name);
    if (!known) {
      throw new InputError('unknown-parameter', `there is no parameter ${name}`, '`dsperse gov params` lists them');
    }
    if (changes.has(name)) throw new InputError('usage', `${name} is given twice`, 'give it once');
    if (known.unit !== 'token units' && !/^\d{1,30}$/.test(value)) {
      throw new InputError('usage', `${word} is not understood`, `${name} is a whole number of ${known.unit}`);
    }
    changes.set(name, known.unit === 'token units' ? parseAmount(name, value) : BigInt(value));
  }
  return changes;
}
