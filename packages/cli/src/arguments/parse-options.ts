/** Values of options, from the command line's words. */
import { InputError } from '@dsperse/core/graph';
import type { Precision, SlicePlan } from '@dsperse/core/program';
import type { InputShapeOption } from '../artifacts/model-file.js';

const usage = (message: string, hint: string): InputError => new InputError('usage', message, hint);

/** `auto`, `layers`, a number, or `at:<tensor>,…`. */
export function parseSlicePlan(text: string): SlicePlan {
  if (text === 'auto' || text === 'layers') return text;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  if (text.startsWith('at:')) {
    const at = text
      .slice(3)
      .split(',')
      .map((t) => t.trim());
    if (at.every((t) => t !== '')) return { at };
  }
  throw usage(`--slices ${text} is not understood`, 'write auto, layers, a number of slices, or at:<tensor>,<tensor>');
}

/** `0,2-4` as indices below `count`. */
export function parseIndices(text: string, count: number): number[] {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,6})(?:-(\d{1,6}))?\s*$/.exec(part);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (!match || to < from) throw usage(`--slices ${text} is not understood`, 'write indices like 0,2-4');
    if (to >= count) {
      throw usage(
        `--slices ${text}: there is no slice ${to}`,
        count === 1 ? 'the program has one slice: 0' : `the program has the slices 0-${count - 1}`,
      );
    }
    for (let i = from; i <= to; i++) found.add(i);
  }
  return [...found].sort((a, b) => a - b);
}

/** `name=1,3,224,224` or `1,3,224,224`. */
export function parseInputShape(text: string): InputShapeOption {
  const at = text.lastIndexOf('=');
  const name = at < 0 ? undefined : text.slice(0, at);
  const words = text.slice(at + 1).split(/[,x×]/);
  const dims = words.map(Number);
  const ok = words.every((w) => /^\s*\d{1,9}\s*$/.test(w)) && dims.every((d) => d > 0);
  if (!ok || name === '') {
    throw usage(`--input-shape ${text} is not understood`, 'write --input-shape name=1,3,224,224');
  }
  return { name, dims };
}

export function parsePrecision(text: string): Precision {
  if (text === 'fast' || text === 'standard' || text === 'high') return text;
  throw usage(`--precision ${text} is not known`, 'write fast, standard or high');
}

/** 32 bytes in hexadecimal, in lower case. */
export function parseHex(option: string, text: string): string {
  const hex = text.replace(/^0x/i, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw usage(`${option} ${text} is not understood`, `${option} takes 64 hexadecimal digits`);
}

export function parseWhole(option: string, text: string, least: number, most: number): number {
  const n = Number(text);
  if (/^\d{1,15}$/.test(text) && n >= least && n <= most) return n;
  throw usage(`${option} ${text} is not understood`, `${option} takes a whole number from ${least} to ${most}`);
}

/** Gigabytes (10⁹ bytes), like 2.5, as bytes. */
export function parseGigabytes(option: string, text: string): number {
  const x = Number(text);
  if (text.trim() !== '' && x > 0 && x <= 1e6) return x * 1e9;
  throw usage(`${option} ${text} is not understood`, `${option} takes a number of gigabytes, like 2.5`);
}

export function parseShare(text: string): number {
  const x = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text.trim() !== '' && x > 0 && x <= 1) return x;
  throw usage(`--share ${text} is not understood`, 'write a share above 0 and at most 1, like 0.25');
}

export function parseTolerance(text: string): number {
  const x = Number(text);
  if (text.trim() !== '' && Number.isFinite(x) && x >= 0) return x;
  throw usage(`--tolerance ${text} is not understood`, 'write a number from 0 on, like 0.01');
}

/** At most 256 characters: what a statement holds. */
export function parseProver(text: string): string {
  if (text.length <= 256) return text;
  throw usage('the --prover id is too long', 'give at most 256 characters');
}
