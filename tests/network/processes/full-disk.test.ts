/** The gateway's disk is full: it says so, loses nothing, and goes on when there is room. */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GATEWAY } from '@dsperse/network/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { settled, sleep, startTestNetwork, type TestNetwork, until } from './test-network.js';

const run = promisify(execFile);
const MIB = 2 ** 20;
const disk = await mkdtemp(join(tmpdir(), 'dsperse-disk-'));
const reason = await run('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', disk]).then(
  () => '',
  () => 'a small file system cannot be mounted here',
);

let network: TestNetwork;
beforeAll(async () => {
  if (reason) return;
  network = await startTestNetwork({
    provers: 1,
    validators: 1,
    settings: (name) => (name === GATEWAY ? { dataDirectory: disk, 'gateway.minFreeBytes': 20 * MIB } : {}),
  });
}, 120_000);
afterAll(async () => {
  // A node that cannot write cannot stop in order either.
  await rm(join(disk, 'filler'), { force: true });
  await network?.remove();
  if (!reason) await run('umount', ['-l', disk]);
  await rm(disk, { recursive: true, force: true });
});

/** Takes all of the room. */
async function fill(): Promise<void> {
  const file = await open(join(disk, 'filler'), 'a');
  const piece = new Uint8Array(MIB);
  try {
    for (;;) await file.write(piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

describe.skipIf(reason !== '')(`a full disk${reason && ` (skipped: ${reason})`}`, () => {
  it('new orders are refused, those that run are not lost, and all goes on when there is room', async () => {
    const first = await network.order(0);
    expect((await first.result({ timeoutMs: 80_000 })).verdict).toBe('accepted');
    const running = await network.order(1, { deadlineSeconds: 200 });
    await fill();
    await sleep(3_000);
    const refused = await network.order(2).then(
      () => undefined,
      (error) => error,
    );
    // By the gateway where it sees that room is short; by its database where that is full before.
    expect(refused).toMatchObject({ name: 'TransportError' });
    expect([503, 507]).toContain(refused.status);
    await sleep(5_000);
    await rm(join(disk, 'filler'));
    expect((await running.result({ timeoutMs: 150_000 })).verdict).toBe('accepted');
    const after = await until('an order after it', 30_000, () => network.order(3));
    expect((await after.result({ timeoutMs: 80_000 })).verdict).toBe('accepted');
    for (const handle of [first, running, after]) await settled(network, handle);
    const books = await readBooks(network);
    expect(books.held).toBe(books.supply);
    expect(books.earned).toBe(books.spent + books.minted);
    expect(books.reserved).toBe(0n);
  }, 300_000);
});
