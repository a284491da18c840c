/** SIGKILL at any moment: every order ends settled or refunded, nothing is paid twice, nothing is lost. */
import type { OrderHandle } from '@dsperse/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBooks } from './conservation.js';
import { everyNode, settled, sleep, startTestNetwork, type TestNetwork, until } from './test-network.js';

const SEED = Number(process.env.DSPERSE_TEST_SEED ?? 20_261);
/** A minute and a half on two idle cores, several on busy ones. */
const ORDERS = Number(process.env.DSPERSE_CRASH_ORDERS ?? 50);
const AT_ONCE = 10;
const MAX_KILLS = 20;

/** Numbers below 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

let network: TestNetwork;
beforeAll(async () => {
  network = await startTestNetwork({ provers: 2, validators: 3, layers: 2 });
}, 120_000);
afterAll(() => network?.remove());

describe('the chain loses what it had confirmed', () => {
  const rpc = (method: string, params: unknown[] = []) =>
    network.ledger.publicClient.request({ method: method as never, params: params as never }) as Promise<unknown>;
  /**
   * While a block is mined, anvil would revert the accounts and keep the block with its events. So none is: what comes waits, and
   * `evm_mine` returns after those that were being mined.
   */
  const revert = async (snapshot: unknown): Promise<void> => {
    await rpc('evm_setAutomine', [false]);
    await rpc('evm_mine');
    await rpc('evm_revert', [snapshot]);
    await rpc('evm_setAutomine', [true]);
  };

  it('a reserve: it is made again while the order runs', async () => {
    const before = await rpc('evm_snapshot');
    const handle = await network.order(1_000, { deadlineSeconds: 200 });
    await until('the reserve', 30_000, async () => (await network.ledger.order(handle.id)).state === 'reserved');
    await revert(before);
    expect((await network.ledger.order(handle.id)).state).toBe('none');
    expect((await handle.result({ timeoutMs: 150_000 })).verdict).toBe('accepted');
    await settled(network, handle, 90_000);
  }, 300_000);

  it('an epoch with its settlement: the same root is posted again, and its orders are settled', async () => {
    const handle = await network.order(1_001, { deadlineSeconds: 200 });
    await handle.ended({ timeoutMs: 150_000 });
    const before = await rpc('evm_snapshot');
    const { epoch } = await settled(network, handle, 90_000);
    const posted = await network.ledger.epoch(epoch as number);
    await revert(before);
    const again = await until('the same settlement', 90_000, async () => {
      const { state } = await network.ledger.order(handle.id);
      return state === 'settled' && network.ledger.epoch(epoch as number);
    });
    expect(again?.root).toBe(posted?.root);
  }, 300_000);

  it('the settlement of an order, and not its epoch: it is settled again', async () => {
    const handle = await network.order(1_002, { deadlineSeconds: 200 });
    const ended = await handle.ended({ timeoutMs: 150_000 });
    const epoch = await until('the epoch', 60_000, async () => {
      const view = await handle.view();
      return view.epoch !== undefined && (await network.ledger.epoch(view.epoch)) && view.epoch;
    });
    const before = await rpc('evm_snapshot');
    expect((await network.ledger.order(handle.id)).state).toBe('reserved');
    await settled(network, handle, 90_000);
    await revert(before);
    expect((await network.ledger.order(handle.id)).state).toBe('reserved');
    expect((await network.ledger.settlementHead()).last).toBe(epoch);
    await until('the settlement', 60_000, async () => (await network.ledger.order(handle.id)).state === 'settled');
    expect(ended.spent).toBeGreaterThan(0n);
  }, 300_000);
});

describe('nodes and the chain are killed at any moment', () => {
  it(`${ORDERS} orders end settled or refunded (seed ${SEED})`, async () => {
    const random = seeded(SEED);
    const { keys, ledger } = network;
    const requester = keys.get('requester')?.account.address as `0x${string}`;
    const before = await ledger.balanceOf(requester);
    let isOver = false;
    const kills: string[] = [];
    const victims = [...everyNode(network), 'chain'];
    const killing = (async () => {
      while (!isOver && kills.length < MAX_KILLS) {
        await sleep(4_000 + random() * 6_000);
        if (isOver) return;
        const victim = victims[Math.floor(random() * victims.length)];
        kills.push(victim);
        if (victim === 'chain') process.kill(network.anvil?.pid as number, 'SIGKILL');
        else network.node(victim).kill('SIGKILL');
      }
    })();
    const handles: OrderHandle[] = [];
    const place = async (k: number): Promise<void> => {
      let drafted: OrderHandle | undefined;
      const keep = (made: OrderHandle) => {
        drafted = made;
      };
      const handle = await until(`order ${k}`, 60_000, async () => {
        // What was drafted and may have arrived is sent again, not ordered anew.
        if (drafted) return network.client.resume(drafted.save());
        return network.order(k, { deadlineSeconds: 200, onDrafted: keep });
      });
      handles.push(handle);
      await handle.ended({ timeoutMs: 240_000 });
    };
    const numbers = Array.from({ length: ORDERS }, (_, k) => k).values();
    const placeSome = async () => {
      for (const k of numbers) await place(k);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, ORDERS) }, placeSome));
    isOver = true;
    await killing;
    console.log(`killed: ${kills.join(' ')}`);
    const views = await Promise.all(handles.map((h) => settled(network, h, 90_000)));
    expect(new Set(handles.map((h) => h.id)).size).toBe(ORDERS);
    const delivered = views.filter((v) => v.chunks.length > 0 && v.chunks.every((c) => c.state === 'accepted'));
    expect(delivered.length).toBeGreaterThan(ORDERS / 2);

    const books = await readBooks(network);
    expect(books.held).toBe(books.supply);
    expect(books.inMarket).toBe(books.free + books.reserved + books.pool);
    expect(books.reserved).toBe(0n);
    expect(books.earned).toBe(books.spent + books.minted);
    expect(books.pool).toBe(books.spent + books.minted - books.claimed);
    const spent = views.reduce((n, v) => n + v.spent, 0n);
    const onChain = handles.reduce((n, h) => n + (books.settledOrders.get(h.id) ?? 0n), 0n);
    expect(onChain).toBe(spent);
    expect(await ledger.balanceOf(requester)).toBe(before - spent);
    const [last] = handles.slice(-1);
    if (delivered.some((v) => v.id === last.id)) expect((await last.result()).verdict).toBe('accepted');
  }, 900_000);
});
