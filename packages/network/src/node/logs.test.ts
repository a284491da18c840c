import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { describe, expect, it } from 'vitest';
import { createLogger, type LogOptions, silentLogger } from './logs.js';

function logs(options: LogOptions = {}) {
  const lines: string[] = [];
  const logger = createLogger({ format: 'json', ...options, to: { write: (line) => lines.push(line) } });
  return { logger, lines, last: () => JSON.parse(lines[lines.length - 1]) };
}

describe('logs', () => {
  it('are JSON lines with time, level, message and the role of a child', () => {
    const { logger, last } = logs();
    logger.child({ role: 'prover' }).info({ chunk: 3, price: 5n, proof: new Uint8Array(9) }, 'took a chunk');
    expect(last()).toMatchObject({
      level: 'info',
      role: 'prover',
      msg: 'took a chunk',
      chunk: 3,
      price: '5',
      proof: '<9 bytes>',
    });
    expect(Math.abs(Date.parse(last().time) - Date.now())).toBeLessThan(5000);
  });

  it('keep to their level', () => {
    const { logger, lines } = logs({ level: 'warn' });
    logger.info('no');
    logger.warn('yes');
    expect(lines.length).toBe(1);
    expect(silentLogger().isLevelEnabled('fatal')).toBe(false);
  });

  it.each(['json', 'pretty'] as const)('hide secrets wherever they are (%s)', (format) => {
    const { logger, lines } = logs({ format });
    const cause = new Error('connect postgres://me:hush@db.test/x');
    logger.child({ password: 'hush' }).info({ a: { b: [{ privateKey: 'hush', secretKey: new Uint8Array(32) }] } }, 'x');
    logger.info(
      { headers: { authorization: 'hush', Cookie: 'hush' }, DSPERSE_PASSWORD: 'hush', mnemonic: 'hush' },
      'x',
    );
    logger.info({ blobSecretAccessKey: 'hush', accessKey: 'hush', url: 'https://u:hush@h.test/p' }, 'x');
    logger.error({ err: new Error('at redis://:hush@h.test', { cause }) }, 'failed at https://hush@h.test/');
    logger.error(new Error('http://a:hush@h.test'));
    logger.info('got %s', 'http://a:hush@h.test/');
    logger.info({ map: new Map([['password', 'hush']]) }, 'x');
    const text = lines.join('');
    expect(text).not.toContain('hush');
    expect(text).toContain('[hidden]@h.test');
    expect(lines.length).toBeGreaterThanOrEqual(7);
  });

  it('carry code, hint and cause of errors', () => {
    const { logger, last } = logs();
    const err = new InputError('bad', 'it is bad', 'make it good', undefined, { cause: new Error('below') });
    logger.error({ err }, 'stopped');
    expect(last().err).toMatchObject({ type: 'InputError', code: 'bad', hint: 'make it good', message: 'it is bad' });
    expect(last().err.cause).toMatchObject({ message: 'below' });
  });

  it('survive what cannot be written as JSON', () => {
    const { logger, last } = logs();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    logger.info({ circle }, 'round');
    expect(last().msg).toBe('round');
  });

  it('are short lines for people, one for each entry, with colours only where wanted', () => {
    const { logger, lines } = logs({ format: 'auto', terminal: true, colours: false });
    logger.child({ role: 'gateway' }).warn({ order: '0xab', text: 'two words' }, 'late\norder');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}gateway late order order=0xab text="two words"\n$/);
    logger.error({ err: new InputError('c', 'it is bad', 'make it good') }, 'stopped');
    expect(lines[1]).toMatch(/\n {2}InputError: it is bad\n {2}hint: make it good\n$/);
    const painted = logs({ format: 'pretty', colours: true });
    painted.logger.info('x');
    expect(painted.lines[0]).toContain('\u001b[32m');
  });

  it('go to a file that the owner reads, and are added to it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dsperse-logs-'));
    const file = join(directory, 'sub', 'node.log');
    createLogger({ file }).info('one');
    createLogger({ file }).info('two');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.map((l) => JSON.parse(l).msg)).toEqual(['one', 'two']);
    expect(statSync(file).mode & 0o077).toBe(0);
    rmSync(directory, { recursive: true });
  });
});
