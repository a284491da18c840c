import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TransportError } from '@dsperse/network/transport';
import type { Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterEach, expect, test, vi } from 'vitest';
import { ChainAccess } from './chain-access.js';
import { minedReceipt } from './mined-receipt.js';

const contract: Hex = `0x${'11'.repeat(20)}`;
const account = privateKeyToAccount(`0x${'01'.repeat(32)}`);
const block = { number: '0x1', timestamp: '0x1', baseFeePerGas: '0x1', gasLimit: '0x1000000', transactions: [] };
const ANSWERS: Record<string, unknown> = {
  eth_chainId: '0x1',
  eth_blockNumber: '0x1',
  eth_getBlockByNumber: block,
  eth_getTransactionCount: '0x0',
  eth_estimateGas: '0x5208',
  eth_maxPriorityFeePerGas: '0x1',
  eth_gasPrice: '0x1',
  eth_sendRawTransaction: `0x${'22'.repeat(32)}`,
};

let server: Server | undefined;
afterEach(() => {
  vi.useRealTimers();
  server?.closeAllConnections();
  server?.close();
});

/** A chain that mines nothing, and says nothing any more once `isAway`. */
async function startChain(isAway: () => boolean, onCall: (method: string) => void = () => {}): Promise<string> {
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const { id, method } = JSON.parse(body);
      if (isAway()) return;
      onCall(method);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: ANSWERS[method] ?? null }));
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

const opened = (rpcUrl: string) =>
  ChainAccess.connect({
    rpcUrl,
    contracts: { market: contract, token: contract },
    account,
    chainId: 1,
    pollingMs: 100,
  });

test('a chain that goes away after a transaction was sent is not waited for: the transaction is named', async () => {
  let isAway = false;
  const rpcUrl = await startChain(
    () => isAway,
    (method) => {
      if (method === 'eth_sendRawTransaction') isAway = true;
    },
  );
  const chain = await opened(rpcUrl);
  const began = Date.now();
  const error = await chain.send('market', 'deposit', [1n]).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TransportError);
  expect(error).toMatchObject({ code: 'chain', retryable: false });
  expect((error as Error).message).toContain('22'.repeat(32));
  expect(Date.now() - began).toBeLessThan(40_000);
}, 60_000);

test('a chain that says nothing is told of within seconds', async () => {
  let isAway = false;
  const chain = await opened(await startChain(() => isAway));
  isAway = true;
  const began = Date.now();
  await expect(chain.now()).rejects.toMatchObject({ code: 'chain', hint: 'is the chain’s RPC running?' });
  expect(Date.now() - began).toBeLessThan(40_000);
}, 60_000);

test('as long as the chain answers, a transaction is waited for', async () => {
  vi.useFakeTimers();
  let mine: (receipt: { status: string }) => void = () => {};
  const client = {
    waitForTransactionReceipt: () => new Promise((resolve) => (mine = resolve)),
    getBlockNumber: async () => 1n,
  } as never;
  const receipt = minedReceipt(client, '0x12', 120_000);
  await vi.advanceTimersByTimeAsync(60_000);
  mine({ status: 'success' });
  expect(await receipt).toEqual({ status: 'success' });
});
