/**
 * What a prover shows of its work where a gateway does not settle it: order, lock, receipt and statement of each delivery, on the disk until
 * the chain has settled the order. One folder for each order, one file for each attempt. Losing one loses nothing but the claim.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hex } from 'viem';
import { type Appeal, appealSchema, toJson } from '../../messages/index.js';
import { writePrivateFile } from '../../node/index.js';

/** Longer than the reserve of any order stands. */
const KEEP_MS = 90 * 24 * 3_600_000;
const FOLDER = /^0x[0-9a-f]{64}$/;

export class DeliveredWork {
  private constructor(private readonly directory: string) {}

  /** Forgets what is older than any reserve. */
  static async open(directory: string, nowMs = Date.now()): Promise<DeliveredWork> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      if ((await stat(path)).mtimeMs < nowMs - KEEP_MS) await rm(path, { recursive: true, force: true });
    }
    return new DeliveredWork(directory);
  }

  async keep(work: Appeal): Promise<void> {
    const { order, chunk, attempt } = work.lock.message;
    const folder = this.#folder(order);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writePrivateFile(join(folder, `${chunk}-${attempt}.json`), JSON.stringify(toJson(work)));
  }

  /** What was delivered of an order; nothing of what is damaged. */
  async of(order: Hex): Promise<Appeal[]> {
    const folder = this.#folder(order);
    const names = await readdir(folder).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => {
        try {
          return appealSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
        } catch {
          return undefined;
        }
      }),
    );
    return found.flatMap((work) => work ?? []);
  }

  async forget(order: Hex): Promise<void> {
    await rm(this.#folder(order), { recursive: true, force: true });
  }

  #folder(order: Hex): string {
    const name = order.toLowerCase();
    if (!FOLDER.test(name)) throw new Error(`${order} is no order`);
    return join(this.directory, name);
  }
}
