/** A process that measures, stopped where it takes too long or too much memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import { InvariantError, ProvingError } from '@dsperse/core/prove';
import { onStop } from '../terminal/on-stop.js';
import type { BenchReplies, BenchReply, BenchRequest } from './protocol.js';

export interface Limits {
  /** By performance.now(). */
  readonly deadline: number;
  readonly memoryBytes: number;
}

const WATCH_MS = 250;

export class MeasuringProcess {
  private readonly child: ChildProcess;
  private readonly release: () => void;
  private readonly watch: NodeJS.Timeout;
  /** Why it was stopped. */
  private stopped: ProvingError | undefined;

  /** @param engine options of Node's */
  constructor(
    private readonly limits: Limits,
    engine: readonly string[] = [],
  ) {
    this.child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), {
      execArgv: [...process.execArgv, ...engine],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child.on('error', () => undefined);
    this.release = onStop(() => this.child.kill('SIGKILL'));
    this.watch = setInterval(() => this.check(), WATCH_MS);
    this.watch.unref();
  }

  ask<A extends BenchRequest['ask']>(request: BenchRequest & { ask: A }): Promise<BenchReplies[A]> {
    return new Promise((resolve, reject) => {
      const ended = (): void =>
        reject(this.stopped ?? new ProvingError('out-of-memory', 'the measuring process ended', 'use a smaller model'));
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        ended();
        return;
      }
      const replied = (reply: BenchReply): void => {
        this.child.off('exit', ended);
        if ('ok' in reply) resolve(reply.ok as BenchReplies[A]);
        else reject(asError(reply.error));
      };
      this.child.once('exit', ended);
      this.child.once('message', replied);
      this.child.send(request, (error) => {
        if (error) ended();
      });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Its peak memory; the process is gone after that. */
  async end(): Promise<number> {
    const { peakRssBytes } = await this.ask({ ask: 'end' });
    this.stop();
    return peakRssBytes;
  }

  stop(): void {
    clearInterval(this.watch);
    this.release();
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }

  private check(): void {
    if (performance.now() > this.limits.deadline) {
      this.stopped ??= new ProvingError('time-limit', 'it took longer than the time limit', 'use a smaller model');
    } else if (residentBytes(this.child.pid) > this.limits.memoryBytes) {
      this.stopped ??= new ProvingError('memory-limit', 'it took more than the memory limit', 'use a smaller model');
    }
    if (this.stopped) this.stop();
  }
}

/** 0 where the platform does not say. */
export function residentBytes(pid: number | undefined): number {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return 1024 * Number(kilobytes ?? 0);
  } catch {
    return 0;
  }
}

function asError({ name, code, message, hint }: { name: string; code: string; message: string; hint: string }): Error {
  if (name === 'InputError') return new InputError(code, message, hint);
  if (name === 'ProvingError') return new ProvingError(code, message, hint);
  return new InvariantError(message);
}
