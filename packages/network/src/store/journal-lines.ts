/**
 * The lines of a journal: a header `{"journal":1,"id":"…"}`, then `["<sum>",[record, …]]`, one line for all records that
 * were made durable together. The sum covers the line and the sum before, so that no line can be changed, left out or
 * moved; and an unfinished write can only spoil the last line.
 */
import { createHash } from 'node:crypto';
import { InputError } from '@dsperse/core/verify';
import { StoreError } from './store-error.js';

const LINE = /^\["([0-9a-f]{16})",(\[.*\])\]$/s;
const HEADER = /^\{"journal":1,"id":"([0-9a-f]{16})"\}$/;
const NEWLINE = 10;

export function encodeHeader(id: string): { line: Buffer; chain: string } {
  return { line: Buffer.from(`{"journal":1,"id":"${id}"}\n`), chain: id };
}

/** One line of records that are JSON already. */
export function encodeLine(before: string, records: readonly string[]): { line: Buffer; chain: string } {
  const text = `[${records.join(',')}]`;
  const chain = sumOf(before, text);
  return { line: Buffer.from(`["${chain}",${text}]\n`), chain };
}

/** The records of a journal, the last sum, and the length of what is whole. */
export function replay<T>(bytes: Buffer, path: string): { records: T[]; chain: string; length: number } {
  const end = bytes.indexOf(NEWLINE);
  const header = end < 0 ? null : HEADER.exec(bytes.toString('utf8', 0, end));
  if (!header) throw new InputError('not-a-journal', `${path} is not a journal.`, 'Choose another file.');
  let chain = header[1];
  let length = end + 1;
  const records: T[] = [];
  while (length < bytes.length) {
    const stop = bytes.indexOf(NEWLINE, length);
    const line = stop < 0 ? undefined : bytes.toString('utf8', length, stop);
    const parts = line === undefined ? null : LINE.exec(line);
    if (!parts || sumOf(chain, parts[2]) !== parts[1]) {
      if (isTorn(bytes, length, stop)) break;
      const message = `The journal ${path} is damaged at byte ${length}.`;
      throw new StoreError('journal-damaged', message, false, 'Restore it from a backup; do not go on without it.');
    }
    for (const record of JSON.parse(parts[2]) as T[]) records.push(record);
    chain = parts[1];
    length = stop + 1;
  }
  return { records, chain, length };
}

/**
 * A write that was cut off has no end of line, or, where pages reached the disk out of order, has zeros in it; and nothing
 * comes after it.
 */
function isTorn(bytes: Buffer, start: number, stop: number): boolean {
  if (stop < 0) return true;
  return stop === bytes.length - 1 && bytes.subarray(start, stop).includes(0);
}

function sumOf(before: string, text: string): string {
  return createHash('sha256').update(before).update(text).digest('hex').slice(0, 16);
}
