/**
 * A chain of one's own: the anvil of the npm package @foundry-rs/anvil on 127.0.0.1, its state in a folder.
 *
 * Its state is kept a second after new blocks, and when it is stopped; a kill loses what came after, which nodes make again. Of
 * states before the last it keeps few: by itself it would hold hundreds and write all others to the home directory, each whole. It is
 * started apart from the terminal's process group, so that Ctrl-C reaches the nodes before their chain.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { type Address, type Hex, hexToBytes, toHex } from 'viem';
import { freePort, isFreePort } from './free-port.js';
import { anvilBinary } from './local-anvil-binary.js';
import { recoverState, StateKeeper, type StateRecovery, statePath } from './local-anvil-state.js';
import { endProcess, identityOfProcess, isRunning, type ProcessIdentity } from './process-identity.js';

export interface LocalAnvilOptions {
  /** Holds the state, made where it is missing. One anvil at most runs on it. */
  readonly directory: string;
  /** By default the port that the folder had before, else a free one. */
  readonly port?: number;
  /** 31337 by default; fixed when the folder is first used. */
  readonly chainId?: number;
  /** Accounts that anvil signs for, from this phrase; none by default. Phrase and keys are no secrets of this chain. */
  readonly mnemonic?: string;
  /** Balances in wei that accounts have at least when it starts. */
  readonly balances?: Readonly<Record<Address, bigint>>;
  /** Starts it again, on the same port, when it ends by itself; true by default. */
  readonly restart?: boolean;
  /** Bound on starting, 15,000 by default. */
  readonly startTimeoutMs?: number;
  /** Between two looks for new blocks, 1 by default: where there are any the state is kept, and a kill loses what came after. */
  readonly stateSeconds?: number;
  /** Bound on stopping in good order before it is killed, 10,000 by default. */
  readonly stopTimeoutMs?: number;
  /** Told of what happens besides what was asked for. */
  readonly onEvent?: (event: LocalAnvilEvent) => void;
}

export type LocalAnvilEvent =
  | { readonly event: 'recovered'; readonly recovery: StateRecovery }
  | { readonly event: 'ended'; readonly pid: number }
  | { readonly event: 'restarted'; readonly pid: number }
  | { readonly event: 'restart-failed'; readonly error: unknown };

export interface LocalAnvil {
  readonly url: string;
  readonly port: number;
  readonly chainId: number;
  /** Another after a restart. */
  readonly pid: number;
  /** It ran already, and was not started here. */
  readonly adopted: boolean;
  /** Stops it, adopted or not, with all of its state on the disk. */
  stop(): Promise<void>;
}

/** What the folder says of its anvil. */
interface AnvilRecord extends ProcessIdentity {
  readonly port: number;
  readonly chainId: number;
}

const STATE_SECONDS = 1;
const DUMP_TIMEOUT_MS = 60_000;
/** A call that was asked about the last block is answered also where others came meanwhile. */
const PAST_STATES = 16;
const RESTART_DELAY_MS = 200;
const POLL_MS = 50;

/**
 * Starts the folder's anvil, or adopts it where it runs already.
 * @throws InputError `no-anvil`, `port-in-use`, `anvil-failed`, `other-chain` (the folder is of another chain id)
 */
export async function startLocalAnvil(options: LocalAnvilOptions): Promise<LocalAnvil> {
  mkdirSync(options.directory, { recursive: true });
  const known = readRecord(options.directory);
  const chainId = options.chainId ?? known?.chainId ?? 31_337;
  if (known && known.chainId !== chainId) {
    throw new InputError(
      'other-chain',
      `${options.directory} holds a chain of id ${known.chainId}, not ${chainId}`,
      'take another folder, or leave the chain id out',
    );
  }
  const supervisor = new Supervisor(options, chainId);
  await supervisor.start(known);
  return supervisor;
}

class Supervisor implements LocalAnvil {
  port = 0;
  adopted = false;
  #process: ProcessIdentity = { pid: 0, started: '' };
  #watch: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;
  #restarting: Promise<void> = Promise.resolve();
  readonly #keeper: StateKeeper;

  constructor(
    private readonly options: LocalAnvilOptions,
    readonly chainId: number,
  ) {
    this.#keeper = new StateKeeper(options.directory, 1_000 * (options.stateSeconds ?? STATE_SECONDS), {
      head: async () => ((await call(this.url, 'eth_getBlockByNumber', ['latest', false])) as { hash: Hex }).hash,
      dump: async () => hexToBytes((await call(this.url, 'anvil_dumpState', [], DUMP_TIMEOUT_MS)) as Hex),
      mines: async () => (await call(this.url, 'anvil_getAutomine', [])) as boolean,
      setMining: async (on) => void (await call(this.url, 'evm_setAutomine', [on])),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process.pid;
  }

  async start(known: AnvilRecord | undefined): Promise<void> {
    const { directory, port } = this.options;
    if (known && isRunning(known)) {
      this.port = known.port;
      if ((port === undefined || port === known.port) && (await this.#answers(known))) {
        this.adopted = true;
        this.#process = known;
        // Who had it may have been killed while it held the mining.
        await call(this.url, 'evm_setAutomine', [true]);
      } else {
        await endProcess(known, this.options.stopTimeoutMs ?? 10_000);
      }
    }
    if (!this.adopted) {
      if (port !== undefined && !(await isFreePort(port))) throw portInUse(port);
      this.port = port ?? (known && (await isFreePort(known.port)) ? known.port : ((await freePort()) ?? 0));
      if (this.port === 0) throw portInUse(0);
      const recovery = recoverState(directory);
      if (recovery.torn) this.options.onEvent?.({ event: 'recovered', recovery });
      await this.#spawn();
    }
    await this.#fund();
    this.#keeper.start();
    this.#watchProcess();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#watch);
    await this.#restarting;
    await this.#keeper.stop();
    await endProcess(this.#process, this.options.stopTimeoutMs ?? 10_000);
  }

  async #spawn(): Promise<void> {
    const { directory, mnemonic } = this.options;
    const log = join(directory, 'anvil.log');
    const stderr = openSync(log, 'w', 0o600);
    const words = [
      ...['--host', '127.0.0.1', '--port', `${this.port}`, '--chain-id', `${this.chainId}`, '--silent'],
      ...['--state', statePath(directory)],
      ...['--prune-history', `${PAST_STATES}`],
      ...(mnemonic === undefined ? ['--accounts', '0'] : ['--mnemonic', mnemonic]),
    ];
    let child: ChildProcess;
    try {
      child = spawn(anvilBinary(), words, { stdio: ['ignore', 'ignore', stderr], detached: true, shell: false });
    } finally {
      closeSync(stderr);
    }
    let failure: Error | undefined;
    child.on('error', (error) => {
      failure = error;
    });
    child.unref();
    if (child.pid !== undefined) {
      this.#process = identityOfProcess(child.pid);
      writeRecord(directory, { ...this.#process, port: this.port, chainId: this.chainId });
      if (await this.#answers(this.#process)) return;
      await endProcess(this.#process, 0);
    }
    const said = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n')[0] : '';
    throw new InputError(
      'anvil-failed',
      `the local chain did not start: ${failure?.message ?? (said || 'it does not answer')}`,
      `see ${log}; another port may help`,
      undefined,
      { cause: failure },
    );
  }

  /** Waits until it says its chain id; false where it ends or the time is over. */
  async #answers(identity: ProcessIdentity): Promise<boolean> {
    const until = performance.now() + (this.options.startTimeoutMs ?? 15_000);
    while (performance.now() < until && isRunning(identity)) {
      const id = await call(this.url, 'eth_chainId', []).catch(() => undefined);
      if (id !== undefined) return Number(id) === this.chainId && isRunning(identity);
      await sleep(POLL_MS);
    }
    return false;
  }

  async #fund(): Promise<void> {
    for (const [address, wei] of Object.entries(this.options.balances ?? {})) {
      const has = BigInt((await call(this.url, 'eth_getBalance', [address, 'latest'])) as Hex);
      if (has < wei) await call(this.url, 'anvil_setBalance', [address, toHex(wei)]);
    }
  }

  #watchProcess(): void {
    this.#watch = setInterval(() => {
      if (isRunning(this.#process)) return;
      clearInterval(this.#watch);
      this.options.onEvent?.({ event: 'ended', pid: this.pid });
      if (this.options.restart ?? true) this.#restarting = this.#restart();
    }, POLL_MS);
    this.#watch.unref();
  }

  async #restart(): Promise<void> {
    await sleep(RESTART_DELAY_MS);
    try {
      const recovery = recoverState(this.options.directory);
      if (recovery.torn) this.options.onEvent?.({ event: 'recovered', recovery });
      await this.#spawn();
      await this.#fund();
      this.options.onEvent?.({ event: 'restarted', pid: this.pid });
    } catch (error) {
      this.options.onEvent?.({ event: 'restart-failed', error });
      await sleep(1000);
    }
    if (!this.#stopping) this.#watchProcess();
  }
}

async function call(url: string, method: string, params: readonly unknown[], timeoutMs = 2_000): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

const recordPath = (directory: string): string => join(directory, 'anvil.json');

function readRecord(directory: string): AnvilRecord | undefined {
  try {
    const { pid, started, port, chainId } = JSON.parse(readFileSync(recordPath(directory), 'utf8'));
    const whole = [pid, port, chainId].every(Number.isInteger) && typeof started === 'string';
    return whole ? { pid, started, port, chainId } : undefined;
  } catch {
    return undefined;
  }
}

function writeRecord(directory: string, record: AnvilRecord): void {
  const partial = `${recordPath(directory)}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(partial, recordPath(directory));
}

const portInUse = (port: number): InputError =>
  new InputError('port-in-use', `port ${port} of 127.0.0.1 is taken`, 'give another port for the local chain');

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
