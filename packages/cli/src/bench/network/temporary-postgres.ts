/** A PostgreSQL of its own for the benchmark, where one is installed: DATABASE_URL names another. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@dsperse/network/chain';
import { openSql } from '@dsperse/network/store';

export interface TemporaryPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

const VERSIONS = '/usr/lib/postgresql';
const READY_MS = 30_000;

/** The directory of `initdb` and `postgres`; undefined where there is none. */
function installed(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [...(process.env.PATH ?? '').split(':'), ...versions.map((v) => join(VERSIONS, v, 'bin'))];
  return places.find((p) => p !== '' && existsSync(join(p, 'initdb')) && existsSync(join(p, 'postgres')));
}

/** PostgreSQL refuses to run as root: another user of the system does. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no such user.
    }
  }
  return undefined;
}

/** With fsync and the other settings as installed. undefined where PostgreSQL is not installed */
export async function startTemporaryPostgres(): Promise<TemporaryPostgres | undefined> {
  const bin = installed();
  const port = await freePort();
  if (!bin || port === undefined) return undefined;
  // Not within the benchmark's own directory, which only its user can enter.
  const directory = mkdtempSync(join(tmpdir(), 'dsperse-postgres-'));
  const user = unprivileged();
  if (user) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const as = { cwd: directory, ...user };
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'dsperse', '-A', 'trust', '-E', 'UTF8', '--locale=C'], {
    ...as,
    stdio: 'ignore',
  });
  appendFileSync(
    join(data, 'postgresql.conf'),
    `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n`,
  );
  const server = spawn(join(bin, 'postgres'), ['-D', data], { ...as, stdio: 'ignore' });
  const url = `postgres://dsperse@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    await ended(server);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await ready(url, directory);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

async function ready(url: string, directory: string): Promise<void> {
  for (const until = Date.now() + READY_MS; ; ) {
    try {
      const sql = await openSql({ url, directory });
      await sql.query('select 1').finally(() => sql.close());
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGINT');
  });
}
