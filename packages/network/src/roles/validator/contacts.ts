/**
 * When gateways were there, as this validator saw it: a gateway that says afterwards that it was away, and so excuses what a
 * prover missed, can be held to it. Kept in a file: a validator that restarts still knows what was before; what it was not there
 * to see is a pause.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import type { Address } from 'viem';
import { z } from 'zod';
import { addressSchema, canonicalBytes } from '../../messages/index.js';
import { makeDirectory, writeWhole } from '../../store/files.js';

/** Shorter than what a gateway calls an outage, longer than the pause between two polls. */
const PAUSE_MS = 8_000;
/** Locks are shorter than orders. */
const REMEMBERED_MS = 8 * 24 * 3_600_000;
const STRETCHES = 1_000;

/** What a crash loses makes the last stretch shorter, which accuses nobody. */
const SAVED_EVERY_MS = 10_000;

interface Stretch {
  readonly fromMs: number;
  untilMs: number;
}

const ms = z.number().int().min(0);
const fileSchema = z.array(
  z.strictObject({ gateway: addressSchema, stretches: z.array(z.strictObject({ fromMs: ms, untilMs: ms })) }),
);

export class Contacts {
  readonly #stretches = new Map<Address, Stretch[]>();
  #isNew = false;
  #savedMs = Number.NEGATIVE_INFINITY;

  private constructor(private readonly path: string) {}

  /** @throws InputError `damaged-artifact`; the system's errors where the file cannot be read */
  static async open(path: string): Promise<Contacts> {
    const contacts = new Contacts(path);
    await makeDirectory(dirname(path));
    let bytes: string;
    try {
      bytes = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return contacts;
      throw error;
    }
    try {
      for (const { gateway, stretches } of fileSchema.parse(JSON.parse(bytes)))
        contacts.#stretches.set(gateway, stretches);
    } catch (cause) {
      const hint = 'remove it: it is known then only what is seen from now on';
      throw new InputError('damaged-artifact', `${path} is damaged`, hint, undefined, { cause });
    }
    return contacts;
  }

  /** Writes what is new, at most every few seconds. @param isLast whatever the time */
  async save(isLast = false): Promise<void> {
    const now = performance.now();
    if (!this.#isNew || (!isLast && now - this.#savedMs < SAVED_EVERY_MS)) return;
    this.#isNew = false;
    this.#savedMs = now;
    const list = [...this.#stretches].map(([gateway, stretches]) => ({ gateway, stretches }));
    const temporary = `${this.path}.${randomBytes(6).toString('hex')}`;
    await writeWhole(temporary, [canonicalBytes(list)], () => this.path);
  }

  /** The gateway answered what it cannot answer without its database. @param atMs by the gateway's clock */
  note(gateway: Address, atMs: number): void {
    const key = gateway.toLowerCase() as Address;
    const stretches = this.#stretches.get(key) ?? [];
    const last = stretches.at(-1);
    if (last && atMs >= last.fromMs && atMs - last.untilMs <= PAUSE_MS) last.untilMs = Math.max(last.untilMs, atMs);
    else stretches.push({ fromMs: atMs, untilMs: atMs });
    const kept = stretches.filter(({ untilMs }) => untilMs > atMs - REMEMBERED_MS).slice(-STRETCHES);
    this.#stretches.set(key, kept);
    this.#isNew = true;
  }

  /** Whether it answered all the time between the two, without a pause that could have been an outage. */
  wasThere(gateway: Address, fromMs: number, untilMs: number): boolean {
    const stretches = this.#stretches.get(gateway.toLowerCase() as Address) ?? [];
    return stretches.some((s) => s.fromMs <= fromMs && s.untilMs >= untilMs);
  }
}
