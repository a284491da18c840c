/** Two gateways on one PostgreSQL and one blob store: they share the orders; a database that goes away; a gateway that dies. */
import { freePort } from '@dsperse/network/chain';
import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import type { Identity } from '@dsperse/network/node';
import { type Client, createClient, type OrderHandle } from '@dsperse/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { startS3, type TestS3 } from '../../stores/s3-server.js';
import { findPostgres, startPostgres, type TestPostgres } from '../../stores/start-postgres.js';
import { readBooks } from './conservation.js';
import { startSecondGateway } from './second-gateway.js';
import { PATIENT, settled, sleep, startTestNetwork, type TestNetwork, until } from './test-network.js';

const AWAY_MS = 30_000;
const found = await findPostgres();
const reason = 'reason' in found ? found.reason : '';

let postgres: TestPostgres;
let s3: TestS3;
let network: TestNetwork;
let second: ChildNode;
let other: Client;

describe.skipIf(reason !== '')(`two gateways on one database${reason && ` (skipped: ${reason})`}`, () => {
  beforeAll(async () => {
    if ('reason' in found) return;
    [postgres, s3] = await Promise.all([startPostgres(found.bin), startS3()]);
    process.env.AWS_ACCESS_KEY_ID = s3.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = s3.secretAccessKey;
    const settings = {
      databaseUrl: postgres.url,
      blobUrl: `s3://${s3.bucket}/?endpoint=${s3.endpoint}&region=${s3.region}`,
    };
    const url = `http://127.0.0.1:${await freePort()}`;
    network = await startTestNetwork({
      provers: 2,
      validators: 3,
      terms: PATIENT,
      settings: (name, gatewayUrl) => (name === GATEWAY ? settings : { gateways: [gatewayUrl, url] }),
    });
    second = await startSecondGateway(network, url, settings);
    other = await clientOf(url);
  }, 180_000);
  afterAll(async () => {
    await second?.stop();
    await network?.remove();
    await postgres?.remove();
    await s3?.close();
  });

  async function clientOf(gatewayUrl: string): Promise<Client> {
    const account = network.keys.get(REQUESTER)?.account as NonNullable<Identity['account']>;
    return createClient({ gatewayUrl, account, network: network.network, chain: { rpcUrl: network.rpcUrl } });
  }

  it('an order that is given to both at once is one order, seen at both, and run once', async () => {
    let drafted: OrderHandle | undefined;
    const orders = await Promise.all(
      [1, 2, 3].map(async (k) => {
        const handle = await network.order(k, {
          onDrafted: async (made) => {
            drafted = made;
            // The other one has it at the same time, if not before.
            void other.resume(made.save()).catch(() => {});
          },
        });
        return handle;
      }),
    );
    expect(drafted).toBeDefined();
    const views = await Promise.all(orders.map((h) => settled(network, h, 90_000)));
    for (const view of views) {
      expect(view.chunks.map((c) => c.attempts.map((a) => a.outcome))).toEqual(view.chunks.map(() => ['accepted']));
      expect(await other.view(view.id)).toEqual(view);
    }
    const kinds: string[] = [];
    for await (const event of orders[0].events({ untilSettled: true })) kinds.push(event.kind);
    for (const once of ['accepted', 'reserved', 'chunked', 'delivered', 'settled']) {
      expect(kinds.filter((k) => k === once)).toEqual([once]);
    }
  });

  it('one dies in the midst of an order, and the other finishes it', async () => {
    const handle = await network.order(4, { deadlineSeconds: 150 });
    await expect.poll(async () => (await handle.view()).chunks.length, { timeout: 30_000 }).toBeGreaterThan(0);
    const node = network.node(GATEWAY);
    node.kill('SIGKILL');
    // Not started again before the other one is done.
    await node.stop();
    const resumed = await other.resume(handle.save());
    const result = await resumed.result({ timeoutMs: 120_000 });
    expect(result.view.state).not.toBe('expired');
    expect(result.view.chunks.every((c) => c.state === 'accepted')).toBe(true);
    const view = await until('the settlement by the other', 60_000, async () => {
      const seen = await resumed.view();
      return seen.state === 'settled' && seen;
    });
    expect(view.chunks.flatMap((c) => c.attempts.filter((a) => a.outcome === 'accepted')).length).toBe(
      view.chunks.length,
    );
    await node.start();
    expect(await network.client.view(handle.id)).toEqual(view);
  });

  it(`the database is away for ${AWAY_MS / 1000} s, and orders go on`, async () => {
    const before = await network.order(5, { deadlineSeconds: 240 });
    await postgres.stop('immediate');
    await expect(network.order(6)).rejects.toMatchObject({ name: 'TransportError', retryable: true });
    await sleep(AWAY_MS);
    await postgres.start();
    expect(network.ends.filter((end) => end.startsWith(GATEWAY) && !end.includes('SIGKILL'))).toEqual([]);
    expect((await before.result({ timeoutMs: 150_000 })).verdict).toBe('accepted');
    const after = await until('an order after it', 30_000, () => network.order(7));
    expect((await after.result({ timeoutMs: 90_000 })).verdict).toBe('accepted');
    await settled(network, before);
    await settled(network, after);
    const books = await readBooks(network);
    expect(books.held).toBe(books.supply);
    expect(books.earned).toBe(books.spent + books.minted);
    expect(books.reserved).toBe(0n);
  }, 240_000);
});
