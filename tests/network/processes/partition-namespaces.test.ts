/** Half of the validators are behind a line that breaks: in a network namespace of their own, whose packets vanish. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import {
  FAR_ADDRESS,
  type FarNamespace,
  findIsolation,
  type IsolatedRun,
  isIsolated,
  openFarNamespace,
  runIsolated,
} from './namespaces.js';
import { PATIENT, script, settled, sleep, startTestNetwork, type TestNetwork } from './test-network.js';

const BEHIND = ['validator-3', 'validator-4'];
/** Longer than a request waits (30 s) and than a stream of events may be silent (60 s). */
const CUT_MS = 70_000;
const BACK_MS = 100_000;

/** Tries to connect to the port of 127.0.0.1, and prints what comes of it in three seconds. */
const CONNECT = `
const say = (what) => { console.log(what); process.exit(); };
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
socket.on('connect', () => say('connected'));
socket.on('error', (error) => say(error.code));
setTimeout(() => say('nothing'), 3000);
`;

if (isIsolated) runInside();
else await runOutside();

async function runOutside(): Promise<void> {
  const isolation = await findIsolation();
  const { reason } = isolation;
  let inside: IsolatedRun | undefined;
  afterAll(() => inside?.remove());
  describe.skipIf(reason !== '')(`a line that breaks${reason && ` (skipped: ${reason})`}`, () => {
    it('half of the validators are cut off, and come back by themselves', async () => {
      if (!('unshare' in isolation)) throw new Error(reason);
      inside = await runIsolated(isolation.unshare, 'tests/network/processes/partition-namespaces.test.ts');
      const { code, output } = await inside.ended;
      expect(code, output).toBe(0);
      expect(output).toMatch(/Tests\s+3 passed \(3\)/);
    }, 600_000);
  });
}

function runInside(): void {
  let far: FarNamespace;
  let network: TestNetwork;
  let port: number;
  beforeAll(async () => {
    far = await openFarNamespace();
    network = await startTestNetwork({
      provers: 2,
      validators: 4,
      terms: PATIENT,
      settings: (name) => (BEHIND.includes(name) ? { 'listen.host': FAR_ADDRESS } : {}),
      program: (name) => (BEHIND.includes(name) ? [script('in-namespace.mjs'), `${far.pid}`] : undefined),
    });
    port = Number(new URL(network.gatewayUrl).port);
  }, 120_000);
  afterAll(async () => {
    await network?.remove();
    await far?.close();
  }, 60_000);

  const reach = async () => (await far.run(process.execPath, '-e', CONNECT, `${port}`)).trim();

  it('they take part from behind the line', async () => {
    expect(await reach()).toBe('connected');
    const handle = await network.order(0);
    const result = await handle.result({ timeoutMs: 80_000 });
    expect(result.verdict).toBe('accepted');
    await settled(network, handle);
    // More than two thirds of four: at least one of those behind it.
    const voters = result.certificate?.chunks.flatMap((c) => c.verdicts.map((v) => v.message.validator.toLowerCase()));
    expect(voters?.some((v) => BEHIND.map(network.addressOf).includes(v as `0x${string}`))).toBe(true);
  });

  it('while it is broken half of the stake decides nothing; when it is mended the order goes on', async () => {
    await far.cut();
    const cutAt = Date.now();
    expect(await reach()).toBe('nothing');
    const handle = await network.order(1, { deadlineSeconds: 280 });
    await expect
      .poll(async () => (await handle.view()).chunks.map((c) => c.state).join(), { timeout: 60_000 })
      .toBe('proven,proven,proven,proven');
    // Each has at least its stream of events: neither end knows that the other is gone.
    const open = await far.connections(port);
    expect(open.near).toBeGreaterThanOrEqual(BEHIND.length);
    expect(open.far).toBeGreaterThanOrEqual(BEHIND.length);
    await sleep(CUT_MS - (Date.now() - cutAt));
    expect(await reach()).toBe('nothing');
    const during = await handle.view();
    expect(during.chunks.map((c) => c.state)).toEqual(['proven', 'proven', 'proven', 'proven']);
    await far.heal();
    const result = await handle.result({ timeoutMs: BACK_MS });
    expect(result.verdict).toBe('accepted');
    expect(await reach()).toBe('connected');
    const view = await settled(network, handle);
    // Nobody lost a lock by it.
    expect(view.chunks.flatMap((c) => c.attempts.map((a) => a.outcome))).toEqual(view.chunks.map(() => 'accepted'));
    const books = await readBooks(network);
    expect(books.held).toBe(books.supply);
    expect(books.earned).toBe(books.spent + books.minted);
    expect(books.reserved).toBe(0n);
  }, 400_000);

  it('both are back: without another one, nothing is decided but with both of them', async () => {
    await network.node('validator-1').stop();
    const handle = await network.order(2);
    expect((await handle.result({ timeoutMs: 80_000 })).verdict).toBe('accepted');
    await settled(network, handle);
    // No process of them was started again.
    expect(network.ends).toEqual([]);
  });
}
