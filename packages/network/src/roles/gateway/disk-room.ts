import { statfs } from 'node:fs/promises';
import { Refusal } from '../../transport/server/refusal.js';

const REMEMBER_MS = 2_000;

/** How much room the disk of a directory has, asked for every now and then. */
export class DiskRoom {
  #checked: { readonly atMs: number; readonly free: number } | undefined;

  constructor(
    private readonly directory: string,
    private readonly minFreeBytes: number,
  ) {}

  async free(): Promise<number> {
    const now = Date.now();
    if (!this.#checked || now - this.#checked.atMs > REMEMBER_MS) {
      const { bavail, bsize } = await statfs(this.directory);
      this.#checked = { atMs: now, free: bavail * bsize };
    }
    return this.#checked.free;
  }

  /** @throws Refusal `disk-full` */
  async require(): Promise<void> {
    if ((await this.free()) >= this.minFreeBytes) return;
    throw new Refusal(
      507,
      'disk-full',
      'the disk of this gateway is nearly full',
      'try again later, or another gateway',
      {
        retryAfterSeconds: 60,
      },
    );
  }
}
