import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);

export interface TestPostgres {
  url: string;
  /** `immediate` ends it as a crash would. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** The directory with `initdb` and `postgres`, or why there is none. */
export async function findPostgres(): Promise<{ bin: string } | { reason: string }> {
  const versions = '/usr/lib/postgresql';
  const installed = existsSync(versions) ? readdirSync(versions) : [];
  const configured = await run('pg_config', ['--bindir']).then(
    ({ stdout }) => [stdout.trim()],
    () => [],
  );
  const places = [
    ...(process.env.PATH ?? '').split(':'),
    ...installed.sort((a, b) => Number(b) - Number(a)).map((version) => join(versions, version, 'bin')),
    ...configured,
  ];
  const bin = places.find((place) => place && existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')));
  if (!bin) return { reason: 'PostgreSQL (initdb, postgres) is not installed' };
  if (process.getuid?.() === 0 && !(await unprivileged())) {
    return { reason: 'PostgreSQL does not run as root, and there is no user postgres or nobody' };
  }
  return { bin };
}

/** A cluster of its own in a temporary directory, on a free port of 127.0.0.1, with fsync on. */
export async function startPostgres(bin: string): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-postgres-'));
  const user = process.getuid?.() === 0 ? await unprivileged() : undefined;
  const as = { cwd: directory, ...(user ?? {}) };
  if (user) await chown(directory, user.uid, user.gid);
  await chmod(directory, 0o700);
  const data = join(directory, 'data');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'dsperse', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'], as);
  const port = await freePort();
  await appendFile(
    join(data, 'postgresql.conf'),
    `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 60\nshared_buffers = 16MB\n`,
  );
  const url = `postgres://dsperse@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;
  const start = async () => {
    let log = '';
    const child = spawn(join(bin, 'postgres'), ['-D', data], { ...as, stdio: ['ignore', 'ignore', 'pipe'] });
    server = child;
    child.stderr?.on('data', (piece: Buffer) => {
      log = (log + piece).slice(-4000);
    });
    for (let attempt = 0; ; attempt++) {
      if (await answers(url)) return;
      if (child.exitCode !== null || attempt > 150) throw new Error(`PostgreSQL did not start: ${log}`);
      await new Promise((done) => setTimeout(done, 200));
    }
  };
  const stop = async (how: 'fast' | 'immediate' = 'fast') => {
    const child = server;
    server = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  };
  await start();
  return {
    url,
    start,
    stop,
    remove: async () => {
      await stop('immediate');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      );
      return { uid, gid };
    } catch {}
  }
  return undefined;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
