/**
 * The documents of the epochs that this validator signed last, as files: for gateways whose database does not have them, as the
 * gateway that proposed them is gone.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalBytes } from '../../messages/canonical.js';
import { writePrivateFile } from '../../node/index.js';
import { type EpochDocument, epochDocumentSchema } from '../peer/epoch-document.js';

/** So many of those signed last are kept, whatever their age. */
const KEPT = 8;
/** What was signed lately is kept beside them: many epochs that one gateway proposes do not push out those of others. */
const RECENT_MS = 24 * 3_600_000;
const MOST = 64;
const NAME = /^(\d{1,15})\.json$/;

export class SignedEpochs {
  private constructor(
    private readonly directory: string,
    /** When each was signed first. */
    private readonly signedMs: Map<number, number>,
  ) {}

  static async open(directory: string): Promise<SignedEpochs> {
    const signedMs = new Map<number, number>();
    for (const name of await readdir(directory).catch((): string[] => [])) {
      const [, epoch] = NAME.exec(name) ?? [];
      if (epoch) signedMs.set(Number(epoch), (await stat(join(directory, name))).mtimeMs);
    }
    return new SignedEpochs(directory, signedMs);
  }

  #path(epoch: number): string {
    return join(this.directory, `${epoch}.json`);
  }

  async keep(document: EpochDocument, nowMs: number): Promise<void> {
    const { epoch } = document;
    await writePrivateFile(this.#path(epoch), new TextDecoder().decode(canonicalBytes(document)));
    this.signedMs.set(epoch, nowMs);
    const latest = [...this.signedMs].sort(([a, at], [b, bt]) => bt - at || b - a);
    for (const [k, [old, at]] of latest.entries()) {
      if (k < KEPT || (k < MOST && at > nowMs - RECENT_MS)) continue;
      this.signedMs.delete(old);
      await rm(this.#path(old), { force: true });
    }
  }

  /** undefined where it was not signed, is not kept any more, or was written by a version whose documents were others. */
  async get(epoch: number): Promise<EpochDocument | undefined> {
    if (!this.signedMs.has(epoch)) return undefined;
    return epochDocumentSchema.safeParse(JSON.parse(await readFile(this.#path(epoch), 'utf8'))).data;
  }

  /** Numbers of those that were signed before. */
  signedBefore(ms: number): number[] {
    return [...this.signedMs].filter(([, at]) => at < ms).map(([epoch]) => epoch);
  }
}
