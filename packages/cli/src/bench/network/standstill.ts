/** A load that stands still: noticed soon, and said what its orders wait for. */
import { readFile } from 'node:fs/promises';
import type { OrderView } from '@dsperse/network/messages';
import { median } from '../spread.js';

/** An order of a load ends within seconds: none within the longer of these is a standstill. */
const STILL_MS = 60_000;
const STILL_MEDIANS = 20;
const LOG_LINES = 3;
const LOG_BYTES = 64 << 10;

/** How long no order may end, by how long those took that did. */
export const stillAfterMs = (orderMs: readonly number[]): number =>
  Math.max(STILL_MS, orderMs.length === 0 ? 0 : STILL_MEDIANS * median(orderMs));

/** No order has ended for long: there is no measurement, and something is broken. */
export class Standstill extends Error {
  override readonly name = 'Standstill';
}

const counted = (names: readonly string[]): string =>
  [...new Set(names)].map((name) => `${names.filter((n) => n === name).length} ${name}`).join(', ');

/** What orders wait for, by what their gateway says of them. @param silent orders of which it says nothing */
export function describeWaiting(views: readonly OrderView[], silent: number): string {
  const chunks = views.flatMap((v) => v.chunks);
  const attempts = chunks.flatMap((c) =>
    c.attempts.map((a) => [a.outcome ?? 'open', a.reason].filter(Boolean).join(': ')),
  );
  const parts = [
    ['orders', views.map((v) => v.state)],
    ['chunks', chunks.map((c) => c.state)],
    ['attempts', attempts],
  ] as const;
  const said = parts.flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${counted(names)}`] : []));
  return [...said, ...(silent > 0 ? [`${silent} of which the gateway does not answer`] : [])].join('; ');
}

/** The last warnings and errors in a log of JSON lines, each once; nothing where there is no log. */
export async function lastFaults(file: string): Promise<readonly string[]> {
  const text = (await readFile(file, 'utf8').catch(() => '')).slice(-LOG_BYTES);
  const messages = text.split('\n').flatMap((line) => {
    try {
      const { level, msg, error, why } = JSON.parse(line) as Record<string, unknown>;
      if (!['warn', 'error', 'fatal', 40, 50, 60].includes(level as never)) return [];
      return [[msg, error ?? why].filter((x) => typeof x === 'string').join(': ')];
    } catch {
      // The first may be cut.
      return [];
    }
  });
  return [...new Set(messages.reverse())].slice(0, LOG_LINES).reverse();
}
