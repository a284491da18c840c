/**
 * Two networks of their own, which a test cuts from each other as a broken line would: packets vanish, and nobody is told.
 *
 * The test runs itself once more in a network namespace (`near`) that has a loopback and one end of a veth pair; the other end is in
 * a second namespace (`far`). Neither has another interface: nothing there is reached from outside, and nothing is changed
 * outside. Near everything listens on 127.0.0.1, as ever: `far` has no such address, so that it routes it through the pair.
 * Namespaces, pair and processes are of one PID namespace, and end with its first process, which ends when its input
 * does: also where the test is killed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ISOLATED = 'DSPERSE_TEST_ISOLATED';

/** Whether this is the run inside. */
export const isIsolated = process.env[ISOLATED] === '1';

const NEAR = { address: '10.77.0.1', mac: '02:00:00:00:00:01' };
const FAR = { address: '10.77.0.2', mac: '02:00:00:00:00:02' };
/** Nobody's: the other end drops what is sent to it. */
const NOBODY = '02:00:00:00:00:ff';

/** The address by which nodes in `far` are known. */
export const FAR_ADDRESS = FAR.address;

const neighbour = (of: typeof NEAR, device: string, mac = of.mac) =>
  `ip neighbour replace ${of.address} lladdr ${mac} dev ${device} nud permanent`;

/** Run in `far` with the id of a process in `near`: joins the two, says so, and stays until its input ends. */
const JOIN = `
near() { nsenter --target "$pid" --net "$@"; }
pid=$1
near ip link set lo up
near ip link add near address ${NEAR.mac} type veth peer name far address ${FAR.mac} netns $$
near sh -c 'echo 1 > /proc/sys/net/ipv4/conf/near/route_localnet'
near ip address add ${NEAR.address}/30 dev near
near ip link set near up
near ${neighbour(FAR, 'near')}
ip link set lo up
ip address flush dev lo
echo 1 > /proc/sys/net/ipv4/conf/far/route_localnet
ip address add ${FAR.address}/30 dev far
ip link set far up
${neighbour(NEAR, 'far')}
ip route add 127.0.0.1 via ${NEAR.address} dev far
echo joined
exec cat
`;

/** The first process of the PID namespace: ends with the command, or ends it when its input ends. */
const KEEP = `
exec 3<&0
"$@" < /dev/null &
command=$!
{ cat <&3 > /dev/null; kill -9 $command; } &
exec 3<&-
wait $command
`;

const NAMESPACES = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const AS_USER = ['--user', '--map-root-user', ...NAMESPACES];

/** How namespaces can be made here, found out by making them; or why not. */
export async function findIsolation(): Promise<{ unshare: readonly string[]; reason: '' } | { reason: string }> {
  let reason = '';
  for (const unshare of process.getuid?.() === 0 ? [NAMESPACES, AS_USER] : [AS_USER]) {
    try {
      const words = ['sh', '-c', 'unshare --net sh -ec "$1" sh $$ < /dev/null', 'sh', JOIN];
      await run('unshare', [...unshare, ...words], { timeout: 20_000, killSignal: 'SIGKILL' });
      return { unshare, reason: '' };
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      const said = stderr?.trim().split('\n').at(-1) || String(error);
      reason = code === 'ENOENT' ? 'there is no unshare' : `network namespaces cannot be made here: ${said}`;
    }
  }
  return { reason };
}

export interface IsolatedRun {
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  /** Ends what still runs, and removes what it wrote. */
  remove(): Promise<void>;
}

/** Runs a test file of this folder in a network namespace of its own. */
export async function runIsolated(unshare: readonly string[], file: string): Promise<IsolatedRun> {
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-isolated-'));
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
  const vitest = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'networks', file];
  const child = spawn('unshare', [...unshare, 'sh', '-c', KEEP, 'sh', process.execPath, ...vitest], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(environment), [ISOLATED]: '1', NO_COLOR: '1', TMPDIR: directory },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (piece) => {
      output += piece;
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
  const kill = () => void child.kill('SIGKILL');
  // Of whoever runs the tests: it was killed.
  process.once('disconnect', kill);
  return {
    ended,
    async remove() {
      process.off('disconnect', kill);
      kill();
      await ended.catch(() => undefined);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface FarNamespace {
  /** Of a process there. */
  readonly pid: number;
  /** What the command prints. */
  run(command: string, ...words: string[]): Promise<string>;
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Connections to a port of 127.0.0.1 near, which neither end has given up: as each of both sides sees them. */
  connections(port: number): Promise<{ readonly near: number; readonly far: number }>;
  close(): Promise<void>;
}

/** @throws Error outside of an isolated run */
export async function openFarNamespace(): Promise<FarNamespace> {
  const interfaces = readFileSync('/proc/self/net/dev', 'utf8').trim().split('\n').slice(2);
  if (interfaces.length !== 1) throw new Error('this is no network namespace without interfaces');
  const holder = spawn('unshare', ['--net', 'sh', '-ec', JOIN, 'sh', `${process.pid}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await joined(holder);
  const pid = holder.pid as number;
  const inFar = async (...words: string[]) => (await run('nsenter', ['--target', `${pid}`, '--net', ...words])).stdout;
  const send = async (toFar: string, toNear: string) => {
    await run('sh', ['-ec', neighbour(FAR, 'near', toFar)]);
    await inFar('sh', '-ec', neighbour(NEAR, 'far', toNear));
  };
  return {
    pid,
    run: inFar,
    cut: () => send(NOBODY, NOBODY),
    heal: () => send(FAR.mac, NEAR.mac),
    async connections(port) {
      const near = endpoint('127.0.0.1', port);
      const far = endpoint(FAR.address);
      return {
        near: countOpen(readFileSync('/proc/self/net/tcp', 'utf8'), near, far),
        far: countOpen(await inFar('cat', '/proc/self/net/tcp'), far, near),
      };
    },
    close: () =>
      new Promise((resolve) => {
        holder.once('close', () => resolve());
        holder.stdin?.end();
      }),
  };
}

function joined(holder: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    holder.stdout?.once('data', () => resolve());
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`the namespaces were not joined: code ${code}`)));
  });
}

/** As /proc/net/tcp writes it: the address's bytes from the last, in base 16; a prefix of it without port. */
function endpoint(address: string, port?: number): string {
  const base16 = (n: number, digits: number) => n.toString(16).toUpperCase().padStart(digits, '0');
  const bytes = address.split('.').reverse();
  return `${bytes.map((b) => base16(Number(b), 2)).join('')}:${port === undefined ? '' : base16(port, 4)}`;
}

const ESTABLISHED = '01';

function countOpen(table: string, local: string, remote: string): number {
  const rows = table.split('\n').map((row) => row.trim().split(/\s+/));
  return rows.filter(([, l, r, state]) => l?.startsWith(local) && r?.startsWith(remote) && state === ESTABLISHED)
    .length;
}
