/**
 * The state of a local chain on the disk. anvil writes `state.json` in place when it is stopped, so a kill loses or tears it: what
 * it has in memory is kept beside it, packed, whenever there are new blocks. The later of the two is what anvil starts from.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const statePath = (directory: string): string => join(directory, 'state.json');
export const keptPath = (directory: string): string => join(directory, 'state.kept.json.gz');

/** The height of a state of anvil's; undefined where it is not whole. */
function heightOf(bytes: Buffer): bigint | undefined {
  try {
    const state = JSON.parse(bytes.toString('utf8'));
    return 'accounts' in state ? BigInt(state.block.number) : undefined;
  } catch {
    return undefined;
  }
}

/** What was kept; undefined where there is nothing, or nothing whole. */
export function readKept(directory: string): { readonly bytes: Buffer; readonly height: bigint } | undefined {
  try {
    const bytes = gunzipSync(readFileSync(keptPath(directory)));
    const height = heightOf(bytes);
    return height === undefined ? undefined : { bytes, height };
  } catch {
    return undefined;
  }
}

export interface StateRecovery {
  /** What anvil will start from. */
  readonly from: 'state' | 'kept' | 'nothing';
  /** The state was torn and is kept as `state.torn.json`. */
  readonly torn: boolean;
}

/** Called while no anvil runs on the directory: makes sure that the state file is whole and the latest there is, or absent. */
export function recoverState(directory: string): StateRecovery {
  const state = statePath(directory);
  const height = existsSync(state) ? heightOf(readFileSync(state)) : undefined;
  const kept = readKept(directory);
  if (height !== undefined && (!kept || kept.height <= height)) return { from: 'state', torn: false };
  const torn = existsSync(state) && height === undefined;
  if (torn) renameSync(state, join(directory, 'state.torn.json'));
  if (!kept) return { from: 'nothing', torn };
  const partial = `${state}.partial`;
  writeFileSync(partial, kept.bytes);
  renameSync(partial, state);
  return { from: 'kept', torn };
}

/** What is asked of the chain while it runs. */
export interface RunningChain {
  /** The hash of its last block. */
  head(): Promise<string>;
  /** Its state, as packed JSON. Blocks are read before accounts: of a block that is mined meanwhile it may hold the effects alone. */
  dump(): Promise<Uint8Array>;
  /** Whether transactions are mined as they come. */
  mines(): Promise<boolean>;
  /** What comes while it does not mine waits, and is mined when it does again. */
  setMining(on: boolean): Promise<void>;
}

/** A block that was being mined when mining was held is done by the second. */
const DUMPS = 3;

/** Keeps the state while anvil runs: where nothing was mined, nothing is written. */
export class StateKeeper {
  #timer: NodeJS.Timeout | undefined;
  #head: string | undefined;
  #stopped = false;
  /** Mining was held here, or may have been, and has not been let go for certain. */
  #held = false;
  #busy: Promise<void> = Promise.resolve();

  /** @param everyMs time between two looks at the chain; more where writing takes long */
  constructor(
    private readonly directory: string,
    private readonly everyMs: number,
    private readonly chain: RunningChain,
  ) {}

  start(): void {
    this.#schedule(this.everyMs);
  }

  /** Keeps what there is a last time, while the chain still runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#busy;
    await this.#keep();
  }

  async #keep(): Promise<void> {
    const path = keptPath(this.directory);
    const partial = `${path}.${process.pid}.partial`;
    try {
      await this.#letGo();
      if ((await this.chain.head()) === this.#head) return;
      const { head, bytes } = await this.#dump();
      const file = await open(partial, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, path);
      this.#head = head;
    } catch {
      // A chain that was killed, a full disk, a folder that is gone: what was kept stays, and the next time may be better.
      rmSync(partial, { force: true });
    }
  }

  /** The state as of one block: none is mined while it is read. */
  async #dump(): Promise<{ readonly head: string; readonly bytes: Uint8Array }> {
    let holds: Promise<void> | undefined;
    if (await this.chain.mines()) {
      this.#held = true;
      holds = this.chain.setMining(false);
    }
    try {
      await holds;
      for (let dumps = 1; ; dumps++) {
        const head = await this.chain.head();
        const bytes = await this.chain.dump();
        if (dumps === DUMPS || (await this.chain.head()) === head) return { head, bytes };
      }
    } finally {
      await this.#letGo();
      // Of a request without an answer nobody knows when it is obeyed: mining is let go once more the next time.
      await holds?.catch(() => {
        this.#held = true;
      });
    }
  }

  async #letGo(): Promise<void> {
    if (this.#held) await this.chain.setMining(true);
    this.#held = false;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const began = performance.now();
      this.#busy = this.#keep().then(() => {
        if (this.#stopped) return;
        // At most a twentieth of the time, however long the chain has become; but nothing is mined while it is held.
        this.#schedule(this.#held ? this.everyMs : Math.max(this.everyMs, 20 * (performance.now() - began)));
      });
    }, delayMs);
    this.#timer.unref();
  }
}
