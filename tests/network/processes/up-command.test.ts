/** `dsperse up` as a user ends it: too early, by the terminal's end, or not at all by himself. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isLocked } from '@dsperse/network/node';
import { afterAll, describe, expect, it } from 'vitest';
import { start, temporary } from '../../e2e/dsperse-process.js';

const at = temporary();
const started: ReturnType<typeof start>[] = [];

afterAll(() => {
  for (const { child } of started) child.kill('SIGINT');
  return Promise.all(started.map(({ ended }) => ended));
});

function up() {
  const one = start(['up', '-d', at('network'), '--provers', '1', '--validators', '1', '--json']);
  started.push(one);
  return one;
}

/** Until its document is out, or it ends. */
function ready({ child, ended }: ReturnType<typeof start>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    ended.then(({ stderr }) => reject(new Error(`it ended: ${stderr}`)));
  });
}

const nodes = (): string[] => readdirSync(at('network/nodes')).map((name) => join(at('network/nodes'), name));

async function until(what: () => boolean, most = 30_000): Promise<void> {
  const end = Date.now() + most;
  while (!what()) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await new Promise((again) => setTimeout(again, 50));
  }
}

describe('dsperse up', () => {
  it('is stopped while it starts, and goes on with the next start', { timeout: 120_000 }, async () => {
    const early = up();
    await until(() => existsSync(at('network/chain')));
    early.child.kill('SIGINT');
    expect(await early.ended).toMatchObject({ code: 0, stdout: '' });
    expect(isLocked(at('network'))).toBe(false);
    await ready(up());
    expect(nodes().every(isLocked)).toBe(true);
  });

  it('leaves no node behind when it is killed, and starts again at once', { timeout: 120_000 }, async () => {
    const killed = started.at(-1) as ReturnType<typeof start>;
    killed.child.kill('SIGKILL');
    await killed.ended;
    const next = up();
    await ready(next);
    next.child.kill('SIGKILL');
    await next.ended;
    await until(() => !nodes().some(isLocked));
  });

  it('ends with its terminal', { timeout: 120_000 }, async () => {
    const last = up();
    await ready(last);
    last.child.kill('SIGHUP');
    expect(await last.ended).toMatchObject({ code: 0, signal: null });
    expect(nodes().some(isLocked)).toBe(false);
  });
});
