/** A node in a process of its own, started again when it ends by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import { CONFIG_KEYS } from '@dsperse/network/node';
import type { NodeReport } from './run-node.js';

const DSPERSE = fileURLToPath(new URL('../../bin/dsperse.js', import.meta.url));
/**
 * Nothing is collected before the heap has so many MB. What a node passes on counts as its heap: else an engine that sees little
 * of its own in it collects all of it several times for an order, on several threads, and forgets compiled code each time.
 */
export const HEAP_FLAGS = ['--initial-old-space-size=128'];
/** What the config file of a node of this network says; the surroundings are those of other nodes. */
const OWN_SETTINGS = [
  'dataDirectory',
  'roles',
  'rpcUrl',
  'gateways',
  'publicUrl',
  'keystore',
  'passwordFile',
  'networkFile',
  'contracts',
  'metricsPort',
  'listen.host',
  'listen.port',
  'log.file',
  'log.format',
] as const;

function ownEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of OWN_SETTINGS) delete environment[CONFIG_KEYS[name].environment];
  delete environment.DSPERSE_PASSWORD;
  return environment;
}

const READY_MS = 60_000;
const STOP_MS = 20_000;
const RESTART_MS = [200, 1_000, 5_000, 15_000];
const CALM_MS = 60_000;

export interface ChildNodeOptions {
  readonly name: string;
  /** Config file of the node. */
  readonly config: string;
  /** What it prints. */
  readonly output: string;
  /** Another program that takes the same arguments, for nodes that are made to misbehave. */
  readonly program?: readonly string[];
  /** Told of ends that nobody asked for. */
  readonly onEnd?: (name: string, what: string) => void;
}

export class ChildNode {
  #child: ChildProcess | undefined;
  #stopping = false;
  /** Whether it was ever ready: what fails before that is told to whoever started it. */
  #stands = false;
  #restarts = 0;
  #stopped: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;

  constructor(private readonly options: ChildNodeOptions) {}

  get name(): string {
    return this.options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Resolves when the node is ready.
   * @throws InputError `no-start` with what the node said last
   */
  start(): Promise<void> {
    this.#stopping = false;
    this.#stopped = undefined;
    return this.#spawn();
  }

  #spawn(): Promise<void> {
    const { name, config, output, program = [DSPERSE, 'node'] } = this.options;
    const file = openSync(output, 'a');
    const child = spawn(process.execPath, [...HEAP_FLAGS, ...program, '--config', config, '--quiet'], {
      stdio: ['ignore', file, file, 'ipc'],
      env: ownEnvironment(),
      // Apart from the terminal's group: Ctrl-C reaches this process, which stops nodes in order.
      detached: true,
    });
    closeSync(file);
    this.#child = child;
    this.#startedMs = Date.now();
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      if (!this.#stopping && this.#stands) this.#ended(signal ?? `code ${code}`);
    });
    return new Promise((resolve, reject) => {
      const failed = (what: string): void => {
        const message = `${name} ${what}: ${lastWords(output) || 'it said nothing'}`;
        reject(new InputError('no-start', message, `see ${output}`));
      };
      const timer = setTimeout(() => failed(`was not ready in ${READY_MS / 1000} s`), READY_MS);
      child.on('message', (message: NodeReport) => {
        if (message.kind !== 'ready') return;
        clearTimeout(timer);
        this.#stands = true;
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        failed(`ended with ${signal ?? `code ${code}`} before it was ready`);
      });
      child.once('error', reject);
    });
  }

  #ended(what: string): void {
    this.options.onEnd?.(this.name, what);
    if (Date.now() - this.#startedMs > CALM_MS) this.#restarts = 0;
    const wait = RESTART_MS[Math.min(this.#restarts++, RESTART_MS.length - 1)];
    this.#timer = setTimeout(() => {
      // A failed start ends the process, and that is seen as an end again.
      if (!this.#stopping) this.#spawn().catch(() => {});
    }, wait);
  }

  /** Ends the process as a crash would: it is started again. */
  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Asked again, it waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** The last error that a node printed. */
function lastWords(output: string): string {
  const lines = readFileSync(output, 'utf8').trimEnd().split('\n').slice(-20);
  const error = lines.findLast((l) => l.startsWith('error ')) ?? lines.at(-1) ?? '';
  return error.replace(/^error /, '').slice(0, 300);
}
