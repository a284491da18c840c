import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, createWalletClient, defineChain, type Hex, http, type PublicClient, parseAbi } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalAnvil, startLocalAnvil } from './local-anvil.js';
import { SendQueue, type Wallet } from './send-queue.js';

const account = privateKeyToAccount(generatePrivateKey());
// An account without code takes any call.
const call = { address: account.address, abi: parseAbi(['function touch()']), functionName: 'touch' } as const;

let directory: string;
let anvil: LocalAnvil;
let queue: SendQueue;
let publicClient: PublicClient;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dsperse-queue-'));
  anvil = await startLocalAnvil({ directory, balances: { [account.address]: 10n ** 20n } });
  const chain = defineChain({
    id: anvil.chainId,
    name: 'test',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [anvil.url] } },
  });
  publicClient = createPublicClient({ chain, transport: http(), pollingInterval: 50 }) as PublicClient;
  const wallet = createWalletClient({ account, chain, transport: http() }) as unknown as Wallet;
  queue = new SendQueue(publicClient, wallet, 120_000);
});
afterAll(async () => {
  await anvil?.stop();
  await rm(directory, { recursive: true, force: true });
});

const rpc = (method: string, params: unknown[] = []): Promise<unknown> =>
  publicClient.request({ method: method as never, params: params as never });

it('does not wait for a transaction that the chain has lost, and sends the next', async () => {
  await rpc('evm_setAutomine', [false]);
  const began = performance.now();
  const sent = queue.send(call);
  const outcome = expect(sent).rejects.toMatchObject({ name: 'LedgerError', code: 'lost', retryable: true });
  const hash = await expect
    .poll(async () => {
      const { transactions } = (await rpc('eth_getBlockByNumber', ['pending', false])) as { transactions: Hex[] };
      return transactions.length;
    })
    .toBe(1)
    .then(async () => {
      const { transactions } = (await rpc('eth_getBlockByNumber', ['pending', false])) as { transactions: Hex[] };
      return transactions[0];
    });
  await rpc('anvil_dropTransaction', [hash]);
  await outcome;
  expect(performance.now() - began).toBeLessThan(20_000);
  await rpc('evm_setAutomine', [true]);
  expect((await queue.send(call)).status).toBe('success');
});

it('waits for one that is only slow', async () => {
  await rpc('evm_setAutomine', [false]);
  const sent = queue.send(call);
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await rpc('anvil_mine', ['0x1']);
  expect((await sent).status).toBe('success');
  await rpc('evm_setAutomine', [true]);
});
