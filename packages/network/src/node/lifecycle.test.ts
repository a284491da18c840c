import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOfProcess } from '../chain/process-identity.js';
import { LOCK_FILE, lockDirectory } from './data-lock.js';
import { Lifecycle, type Service } from './lifecycle.js';
import { createLogger, silentLogger } from './logs.js';
import { runServices } from './run-services.js';

const logger = silentLogger();
let steps: string[];
let directory: string;
beforeEach(() => {
  steps = [];
  directory = mkdtempSync(join(tmpdir(), 'dsperse-lifecycle-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const service = (name: string, over: Partial<Service> = {}): Service => ({
  name,
  start: () => {
    steps.push(`+${name}`);
  },
  stop: () => {
    steps.push(`-${name}`);
  },
  ...over,
});
const never = () => new Promise<void>(() => {});
const fail = (message: string) => () => Promise.reject(new Error(message));

describe('services', () => {
  it('start in order and stop in reverse order, once', async () => {
    const lifecycle = new Lifecycle([service('a'), service('b'), service('c')], { logger });
    await lifecycle.start();
    expect(lifecycle.state).toBe('running');
    expect(await Promise.all([lifecycle.stop(), lifecycle.stop()])).toEqual([true, true]);
    expect(steps).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
    expect(lifecycle.state).toBe('stopped');
  });

  it('are stopped again where one of them does not start', async () => {
    const services = [service('a'), service('b', { start: fail('no database') }), service('c')];
    await expect(new Lifecycle(services, { logger }).start()).rejects.toThrow('no database');
    expect(steps).toEqual(['+a', '-b', '-a']);
  });

  it('are stopped within the bound, whatever one of them does', async () => {
    const services = [
      service('a'),
      service('stuck', { stop: never }),
      service('bad', { stop: fail('x') }),
      service('c'),
    ];
    const lifecycle = new Lifecycle(services, { logger, stopTimeoutMs: 50 });
    await lifecycle.start();
    const began = performance.now();
    expect(await lifecycle.stop()).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(steps).toEqual(['+a', '+stuck', '+bad', '+c', '-c', '-a']);
  });

  it('are ready when all are started and healthy', async () => {
    let ok = true;
    const services = [
      service('plain'),
      service('watched', { health: () => ({ ok, detail: ok ? undefined : 'the disk is full' }) }),
      service('hung', { health: () => (ok ? { ok } : new Promise(() => {})) }),
      service('broken', { health: () => (ok ? { ok } : Promise.reject(new Error('gone'))) }),
    ];
    const lifecycle = new Lifecycle(services, { logger, healthTimeoutMs: 20 });
    expect(await lifecycle.readiness()).toMatchObject({ ready: false, state: 'idle' });
    await lifecycle.start();
    expect((await lifecycle.readiness()).ready).toBe(true);
    ok = false;
    const readiness = await lifecycle.readiness();
    expect(readiness.ready).toBe(false);
    expect(readiness.services.map((s) => s.detail)).toEqual([undefined, 'the disk is full', 'does not answer', 'gone']);
    await lifecycle.stop();
    expect(await lifecycle.readiness()).toMatchObject({ ready: false, state: 'stopped' });
  });
});

class Host extends EventEmitter {
  exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

describe('a process', () => {
  const running = (services: readonly Service[], options = {}) => {
    const host = new Host();
    let onReady: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
    });
    const code = runServices(services, { logger, process: host, dataDirectory: directory, onReady, ...options });
    return { host, ready, code };
  };

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('stops in good order on %s', async (signal) => {
    const { host, ready, code } = running([service('a')]);
    await ready;
    expect(existsSync(join(directory, LOCK_FILE))).toBe(true);
    host.emit(signal);
    expect(await code).toBe(0);
    expect(steps).toEqual(['+a', '-a']);
    expect(readdirSync(directory)).toEqual([]);
    expect(host.eventNames()).toEqual([]);
  });

  it('stops by the signal of its caller too', async () => {
    const abort = new AbortController();
    const { ready, code } = running([service('a')], { signal: abort.signal });
    await ready;
    abort.abort();
    expect(await code).toBe(0);
  });

  it('ends at once on a second signal', async () => {
    const { host, ready } = running([service('stuck', { stop: never })], { stopTimeoutMs: 300 });
    await ready;
    host.emit('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(host.exits).toEqual([]);
    host.emit('SIGTERM');
    expect(host.exits).toEqual([143]);
    expect(existsSync(join(directory, LOCK_FILE))).toBe(false);
  });

  it('does not wait for a start that hangs', async () => {
    const { host, code } = running([service('a'), service('hung', { start: never })]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    host.emit('SIGTERM');
    expect(await code).toBe(0);
    expect(steps).toEqual(['+a', '-hung', '-a']);
  });

  it.each(['uncaughtException', 'unhandledRejection'])('logs an %s, stops, and exits with 70', async (event) => {
    const lines: string[] = [];
    const loud = createLogger({ format: 'json', to: { write: (line) => lines.push(line) } });
    const { host, ready, code } = running([service('a')], { logger: loud });
    await ready;
    host.emit(event, new Error('a bug'));
    expect(await code).toBe(70);
    expect(steps).toEqual(['+a', '-a']);
    expect(lines.join('')).toContain('"message":"a bug"');
  });

  it('exits with 70 where a service does not stop', async () => {
    const { host, ready, code } = running([service('stuck', { stop: never })], { stopTimeoutMs: 20 });
    await ready;
    host.emit('SIGTERM');
    expect(await code).toBe(70);
  });

  it('lets the lock go where a service does not start', async () => {
    const { host, code } = running([service('a', { start: fail('no') })]);
    await expect(code).rejects.toThrow('no');
    expect(readdirSync(directory)).toEqual([]);
    expect(host.eventNames()).toEqual([]);
  });
});

describe('the lock on a data folder', () => {
  it('is held once, and taken again when it was let go', () => {
    const lock = lockDirectory(join(directory, 'data'));
    expect(() => lockDirectory(join(directory, 'data'))).toThrow(expect.objectContaining({ code: 'data-in-use' }));
    lock.release();
    const next = lockDirectory(join(directory, 'data'));
    lock.release();
    expect(existsSync(next.path)).toBe(true);
    next.release();
    expect(readdirSync(join(directory, 'data'))).toEqual([]);
  });

  it('is respected where its process runs, and taken over where it is gone or the file is torn', () => {
    const path = join(directory, LOCK_FILE);
    const parent = identityOfProcess(process.ppid);
    writeFileSync(path, JSON.stringify({ ...parent, nonce: '1' }));
    expect(() => lockDirectory(directory)).toThrow(new RegExp(`\\(${process.ppid}\\)`));
    const left = [
      JSON.stringify({ pid: process.pid, started: '', nonce: '1' }),
      JSON.stringify({ pid: 2 ** 22 + 1, started: '', nonce: '1' }),
      '{"pid":',
      '',
    ];
    // A later process with the number of the one that took the lock.
    if (parent.started !== '') left.push(JSON.stringify({ ...parent, started: 'before:1' }));
    for (const content of left) {
      writeFileSync(path, content);
      const lock = lockDirectory(directory);
      expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid);
      lock.release();
    }
    expect(readdirSync(directory)).toEqual([]);
  });
});
