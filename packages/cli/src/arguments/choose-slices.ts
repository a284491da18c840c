/** Which slices are proven, where it is not all of them. */
import { randomInt } from 'node:crypto';
import { InputError } from '@dsperse/core/graph';
import { parseIndices, parseShare, parseWhole } from './parse-options.js';

export interface SliceChoice {
  readonly indices: readonly number[];
  /** Where they were drawn at random. */
  readonly drawn?: { readonly share: number; readonly seed: number };
}

const MAX_SEED = 2 ** 48 - 1;

export interface ChoiceOptions {
  readonly slices?: string;
  readonly share?: string;
  readonly seed?: string;
}

export function chooseSlices(options: ChoiceOptions, count: number): SliceChoice {
  if (options.slices !== undefined && options.share !== undefined) {
    throw new InputError('usage', '--slices and --share exclude each other', 'give one of them');
  }
  if (options.seed !== undefined && options.share === undefined) {
    throw new InputError('usage', '--seed is for --share', 'give --share too, or leave --seed out');
  }
  if (options.slices !== undefined) return { indices: parseIndices(options.slices, count) };
  if (options.share === undefined) return { indices: Array.from({ length: count }, (_, i) => i) };
  const share = parseShare(options.share);
  const seed = options.seed === undefined ? randomInt(2 ** 32) : parseWhole('--seed', options.seed, 0, MAX_SEED);
  return { indices: drawSlices(count, share, seed), drawn: { share, seed } };
}

/** ⌈share · count⌉ of the slices, by a Fisher–Yates shuffle on splitmix64: the same for a seed everywhere. */
export function drawSlices(count: number, share: number, seed: number): number[] {
  const wanted = Math.min(count, Math.max(1, Math.ceil(share * count - 1e-9)));
  const order = Array.from({ length: count }, (_, i) => i);
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  const next = (): bigint => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
  for (let i = 0; i < wanted; i++) {
    const j = i + Number(next() % BigInt(count - i));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.slice(0, wanted).sort((a, b) => a - b);
}
