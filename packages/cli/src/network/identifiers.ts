/** Order ids and addresses, from the command line's words. */
import { InputError } from '@dsperse/core/graph';

export type Hex = `0x${string}`;

/** @throws InputError `usage` */
export function parseOrderId(text: string): Hex {
  const hex = text.toLowerCase().replace(/^0x/, '');
  if (/^[0-9a-f]{64}$/.test(hex)) return `0x${hex}`;
  throw new InputError('usage', `${text} is no order id`, 'an order id is 0x and 64 hexadecimal digits');
}

export const isAddress = (text: string): text is Hex => /^0x[0-9a-fA-F]{40}$/.test(text);

/** @throws InputError `usage` */
export function parseAddress(option: string, text: string): Hex {
  if (isAddress(text)) return text;
  throw new InputError('usage', `${option} ${text} is no address`, 'an address is 0x and 40 hexadecimal digits');
}

/** The beginning and the end of an address or id. */
export const shorten = (hex: string): string => `${hex.slice(0, 8)}…${hex.slice(-4)}`;

export const formatTime = (seconds: number): string =>
  seconds === 0 ? 'never' : new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
