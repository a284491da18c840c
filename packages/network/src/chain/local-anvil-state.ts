/**
 * The state file of a local chain. anvil writes it in place, so a kill can tear it: a copy is kept of the last that was
 * whole, and put back before anvil starts.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

export const statePath = (directory: string): string => join(directory, 'state.json');
export const copyPath = (directory: string): string => join(directory, 'state.previous.json');

/** A state of anvil's that is whole: JSON with the block that it is of. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.lastIndexOf('}') < 0) return false;
  try {
    const state = JSON.parse(bytes.toString('utf8'));
    return state !== null && typeof state === 'object' && 'accounts' in state;
  } catch {
    return false;
  }
}

export interface StateRecovery {
  /** What anvil will start from. */
  readonly from: 'state' | 'copy' | 'nothing';
  /** The state was torn and is kept as `state.torn.json`. */
  readonly torn: boolean;
}

/** Called while no anvil runs on the directory: makes sure that the state file is whole, or absent. */
export function recoverState(directory: string): StateRecovery {
  const [state, copy] = [statePath(directory), copyPath(directory)];
  if (existsSync(state) && isWhole(readFileSync(state))) return { from: 'state', torn: false };
  const torn = existsSync(state);
  if (torn) renameSync(state, join(directory, 'state.torn.json'));
  if (!existsSync(copy)) return { from: 'nothing', torn };
  const bytes = readFileSync(copy);
  if (!isWhole(bytes)) return { from: 'nothing', torn };
  const partial = `${state}.partial`;
  writeFileSync(partial, bytes);
  renameSync(partial, state);
  return { from: 'copy', torn };
}

/** Keeps the copy up to date while anvil runs. */
export class StateKeeper {
  #timer: NodeJS.Timeout | undefined;
  #digest = '';
  #stopped = false;
  #busy: Promise<void> = Promise.resolve();

  /** @param everyMs time between two looks at the state; more where a look takes long */
  constructor(
    private readonly directory: string,
    private readonly everyMs: number,
  ) {}

  start(): void {
    this.#schedule(this.everyMs);
  }

  /** Takes a last copy. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#busy;
    await this.copyNow();
  }

  /** A state that is being written is left for the next time. */
  async copyNow(): Promise<void> {
    const bytes = await readFile(statePath(this.directory)).catch(() => undefined);
    if (!bytes) return;
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest === this.#digest || !isWhole(bytes)) return;
    const path = copyPath(this.directory);
    const partial = `${path}.${process.pid}.partial`;
    try {
      const file = await open(partial, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, path);
      this.#digest = digest;
    } catch {
      // A full disk or a folder that is gone: the copy before stays, and the next time may be better.
      rmSync(partial, { force: true });
    }
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const began = performance.now();
      this.#busy = this.copyNow().then(() => {
        // At most a twentieth of the time.
        if (!this.#stopped) this.#schedule(Math.max(this.everyMs, 20 * (performance.now() - began)));
      });
    }, delayMs);
    this.#timer.unref();
  }
}
