import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, createTestClient, createWalletClient, http } from 'viem';
import { foundry } from 'viem/chains';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalAnvil, type LocalAnvilEvent, type LocalAnvilOptions, startLocalAnvil } from './local-anvil.js';
import { anvilBinary } from './local-anvil-binary.js';
import { keptPath, readKept, recoverState, statePath } from './local-anvil-state.js';
import { identityOfProcess, isRunning } from './process-identity.js';

const RICH = '0x00000000000000000000000000000000000000aa';
const OTHER = '0x00000000000000000000000000000000000000bb';
const PHRASE = 'test test test test test test test test test test test junk';

let directory: string;
let started: LocalAnvil[];
let events: LocalAnvilEvent[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-anvil-'));
  started = [];
  events = [];
});
afterEach(async () => {
  await Promise.all(started.map((a) => a.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<LocalAnvilOptions> = {}): Promise<LocalAnvil> {
  const anvil = await startLocalAnvil({ directory, onEvent: (e) => events.push(e), ...options });
  started.push(anvil);
  return anvil;
}
const reader = (a: LocalAnvil) => createPublicClient({ chain: foundry, transport: http(a.url, { retryCount: 0 }) });
const tester = (a: LocalAnvil) => createTestClient({ mode: 'anvil', chain: foundry, transport: http(a.url) });
const balance = (a: LocalAnvil, address: `0x${string}`) => reader(a).getBalance({ address });

async function until(condition: () => boolean | Promise<boolean>, boundMs = 10_000): Promise<void> {
  const end = Date.now() + boundMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const heightKept = (): bigint => readKept(directory)?.height ?? 0n;
const killAndWait = async (a: LocalAnvil): Promise<void> => {
  const identity = identityOfProcess(a.pid);
  process.kill(a.pid, 'SIGKILL');
  await until(() => !isRunning(identity));
};

describe('a local chain', () => {
  it('keeps its state, port and clock over a restart', async () => {
    const first = await start({ balances: { [RICH]: 5n } });
    expect(first.adopted).toBe(false);
    expect(await reader(first).getChainId()).toBe(31_337);
    await tester(first).setBalance({ address: OTHER, value: 7n });
    await tester(first).mine({ blocks: 3 });
    await first.stop();
    expect(isRunning(identityOfProcess(first.pid))).toBe(false);
    const second = await start({ balances: { [RICH]: 4n } });
    expect(second.port).toBe(first.port);
    expect([await balance(second, RICH), await balance(second, OTHER)]).toEqual([5n, 7n]);
    expect(await reader(second).getBlockNumber()).toBe(3n);
    await tester(second).mine({ blocks: 1 });
    const { timestamp } = await reader(second).getBlock();
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(5);
  });

  it('starts after a kill, with a state that is seconds old at most', async () => {
    const first = await start({ restart: false });
    await tester(first).setBalance({ address: OTHER, value: 7n });
    await tester(first).mine({ blocks: 1 });
    await until(() => heightKept() === 1n, 5000);
    await killAndWait(first);
    expect(existsSync(statePath(directory))).toBe(false);
    const second = await start({ restart: false });
    expect(await balance(second, OTHER)).toBe(7n);
    // Torn as by a kill in the middle of a write, then emptied as by one before it.
    for (const length of [100, 0]) {
      const current = started[started.length - 1];
      await killAndWait(current);
      truncateSync(statePath(directory), length);
      events = [];
      const next = await start({ restart: false });
      expect(await balance(next, OTHER)).toBe(7n);
      expect(events).toContainEqual({ event: 'recovered', recovery: { from: 'kept', torn: true } });
    }
  });

  it('survives kills at any moment', async () => {
    let height = 0n;
    for (let round = 0; round < 6; round++) {
      const anvil = await start({ restart: false });
      const now = await reader(anvil).getBlockNumber();
      expect(now).toBeGreaterThanOrEqual(height);
      await tester(anvil).mine({ blocks: 200 });
      if (round % 2 === 1) {
        await until(() => heightKept() >= now + 200n);
        height = now + 200n;
      }
      await new Promise((resolve) => setTimeout(resolve, 97 * round));
      await killAndWait(anvil);
    }
  });

  it('starts from the later of what it wrote when it was stopped and what was kept while it ran', async () => {
    const first = await start({ restart: false });
    await tester(first).mine({ blocks: 3 });
    await first.stop();
    const second = await start({ restart: false });
    await tester(second).mine({ blocks: 2 });
    await until(() => heightKept() === 5n, 5000);
    await killAndWait(second);
    const third = await start({ restart: false });
    expect(await reader(third).getBlockNumber()).toBe(5n);
    await tester(third).setBalance({ address: OTHER, value: 9n });
    await third.stop();
    // As high as what was kept: what was written last counts.
    expect(recoverState(directory)).toEqual({ from: 'state', torn: false });
    expect(await balance(await start({ restart: false }), OTHER)).toBe(9n);
  });

  it('writes nothing while nothing is mined', async () => {
    const anvil = await start({ stateSeconds: 0.1 });
    await tester(anvil).mine({ blocks: 1 });
    await until(() => heightKept() === 1n);
    const written = () =>
      [directory, ...readdirSync(directory).map((name) => join(directory, name))].map((path) => {
        const { mtimeMs, size, ino } = statSync(path);
        return [path, mtimeMs, size, ino];
      });
    const before = written();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(written()).toEqual(before);
    await tester(anvil).mine({ blocks: 1 });
    await until(() => heightKept() === 2n);
    expect(written()).not.toEqual(before);
  });

  it('keeps another chain of the same height', async () => {
    const anvil = await start({ stateSeconds: 0.5 });
    const before = await tester(anvil).snapshot();
    const balanceKept = () => {
      const { accounts } = JSON.parse(readKept(directory)?.bytes.toString() ?? '{"accounts":{}}');
      return accounts[OTHER]?.balance;
    };
    await tester(anvil).setBalance({ address: OTHER, value: 7n });
    await tester(anvil).mine({ blocks: 1 });
    await until(() => balanceKept() === '0x7');
    await tester(anvil).revert({ id: before });
    await tester(anvil).setBalance({ address: OTHER, value: 8n });
    await tester(anvil).mine({ blocks: 1 });
    await until(() => balanceKept() === '0x8');
    expect(heightKept()).toBe(1n);
  });

  it('keeps blocks and accounts as of one moment, while transactions come', async () => {
    const anvil = await start({ mnemonic: PHRASE, stateSeconds: 0.05, restart: false });
    const senders = await reader(anvil).request({ method: 'eth_accounts' as never });
    let isOver = false;
    const sending = (senders as `0x${string}`[]).slice(0, 4).map(async (account) => {
      const client = createWalletClient({ account, chain: foundry, transport: http(anvil.url) });
      while (!isOver) await client.sendTransaction({ to: OTHER, value: 1n });
    });
    const heights = new Set<bigint>();
    try {
      await until(() => {
        const kept = readKept(directory);
        if (!kept || heights.has(kept.height)) return heights.size >= 4;
        const { accounts, blocks } = JSON.parse(kept.bytes.toString());
        const inBlocks = blocks.reduce((n: number, b: { transactions: unknown[] }) => n + b.transactions.length, 0);
        expect(BigInt(accounts[OTHER]?.balance ?? 0)).toBe(BigInt(inBlocks));
        heights.add(kept.height);
        return false;
      }, 60_000);
    } finally {
      isOver = true;
      await Promise.allSettled(sending);
    }
    // What was sent while mining was held has been mined.
    await Promise.all(sending);
  }, 70_000);

  it('mines again where who held the mining is gone', async () => {
    const first = await start({ mnemonic: PHRASE, restart: false });
    await tester(first).setAutomine(false);
    const second = await start({ restart: false });
    expect(second.adopted).toBe(true);
    expect(await tester(second).getAutomine()).toBe(true);
  });

  it('leaves mining held where somebody else holds it', async () => {
    const anvil = await start({ stateSeconds: 0.05 });
    await tester(anvil).setAutomine(false);
    await tester(anvil).mine({ blocks: 1 });
    await until(() => heightKept() === 1n);
    expect(await tester(anvil).getAutomine()).toBe(false);
  });

  it('keeps the states of its last blocks only', async () => {
    const anvil = await start({ balances: { [RICH]: 5n } });
    await tester(anvil).mine({ blocks: 200 });
    const at = (blockNumber: bigint) => reader(anvil).getBalance({ address: RICH, blockNumber });
    expect(await at(200n)).toBe(5n);
    await expect(at(100n)).rejects.toThrow();
    // Blocks and their transactions stay.
    expect((await reader(anvil).getBlock({ blockNumber: 100n })).number).toBe(100n);
  });

  it('comes back by itself on the same port when it is killed', async () => {
    const anvil = await start({ balances: { [RICH]: 5n } });
    const { pid } = anvil;
    await killAndWait(anvil);
    await until(() => events.some((e) => e.event === 'restarted'));
    expect(anvil.pid).not.toBe(pid);
    expect(await balance(anvil, RICH)).toBe(5n);
    expect(events.map((e) => e.event)).toEqual(['ended', 'restarted']);
    await anvil.stop();
    expect(isRunning(identityOfProcess(anvil.pid))).toBe(false);
  });

  it('is adopted where it runs already, and stopped by who adopted it', async () => {
    const first = await start({ restart: false });
    const second = await start();
    expect(second).toMatchObject({ adopted: true, pid: first.pid, port: first.port });
    await tester(second).setBalance({ address: OTHER, value: 9n });
    await second.stop();
    expect(isRunning(identityOfProcess(second.pid))).toBe(false);
    const third = await start();
    expect(third.adopted).toBe(false);
    expect(await balance(third, OTHER)).toBe(9n);
  });

  it('takes a phrase, a port and a chain id, which the folder then keeps', async () => {
    const anvil = await start({ mnemonic: PHRASE, chainId: 4242 });
    expect(await reader(anvil).getChainId()).toBe(4242);
    expect(await balance(anvil, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')).toBe(10n ** 22n);
    await expect(startLocalAnvil({ directory, chainId: 1 })).rejects.toMatchObject({ code: 'other-chain' });
  });

  it('refuses a port that another program has', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await expect(startLocalAnvil({ directory, port })).rejects.toMatchObject({ code: 'port-in-use' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('says what is missing on a platform without a binary', () => {
    expect(existsSync(anvilBinary())).toBe(true);
    expect(() => anvilBinary('plan9', 'x64')).toThrow(
      expect.objectContaining({ code: 'no-anvil', hint: expect.stringContaining('RPC_URL') }),
    );
  });
});

describe('recovering a state', () => {
  it('starts from nothing where neither state nor copy is whole', () => {
    expect(recoverState(directory)).toEqual({ from: 'nothing', torn: false });
    writeFileSync(statePath(directory), '{"accounts":');
    writeFileSync(keptPath(directory), '[]');
    expect(recoverState(directory)).toEqual({ from: 'nothing', torn: true });
    expect(existsSync(statePath(directory))).toBe(false);
  });
});

describe('the identity of a process', () => {
  it('is not that of a later process with the same number', () => {
    const mine = identityOfProcess();
    expect(isRunning(mine)).toBe(true);
    if (mine.started !== '') expect(isRunning({ ...mine, started: `${mine.started}0` })).toBe(false);
    expect(isRunning({ pid: 2 ** 22 + 1, started: '' })).toBe(false);
  });
});
