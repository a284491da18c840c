import type { NetworkAddresses } from '@dsperse/contracts';
import { type Hex, numberToHex, pad } from 'viem';
import { afterEach, expect, it, vi } from 'vitest';
import { connectLedger } from './evm-ledger.js';

afterEach(() => vi.restoreAllMocks());

const word = (n: number) => pad(numberToHex(n), { size: 32 });
const address: Hex = `0x${'11'.repeat(20)}`;

/** A chain that answers every call with one number, and counts them. */
async function countingLedger(cacheMs?: number) {
  let calls = 0;
  const answer = ({ id, method }: { id: number; method: string }) => {
    if (method === 'eth_call') calls++;
    const result = method === 'eth_chainId' ? '0x1' : method === 'eth_getCode' ? '0x01' : word(7);
    return { jsonrpc: '2.0', id, result };
  };
  const fetch = async (_: unknown, init?: RequestInit) => {
    const body = JSON.parse(String(init?.body));
    return Response.json(Array.isArray(body) ? body.map(answer) : answer(body));
  };
  const contracts = new Proxy({}, { get: () => address }) as NetworkAddresses;
  const options = { rpcUrl: 'http://chain.test', contracts, fetch: fetch as typeof globalThis.fetch };
  const ledger = await connectLedger({ ...options, ...(cacheMs === undefined ? {} : { cacheMs }) });
  return { ledger, calls: () => calls };
}

function clock() {
  let now = 1_000_000;
  vi.spyOn(Date, 'now').mockImplementation(() => now);
  return (ms: number) => {
    now += ms;
  };
}

it('remembers parameters of now for half a minute, those of a time for three seconds', async () => {
  const { ledger, calls } = await countingLedger();
  const pass = clock();
  for (const [ms, expected] of [
    [0, 1],
    [29_000, 1],
    [2_000, 2],
  ]) {
    pass(ms);
    expect(await ledger.parameters(['epochSeconds'])).toEqual({ epochSeconds: 7n });
    expect(calls()).toBe(expected);
  }
  for (const [ms, expected] of [
    [0, 3],
    [2_000, 3],
    [2_000, 4],
  ]) {
    pass(ms);
    await ledger.parameters(['epochSeconds'], 5);
    expect(calls()).toBe(expected);
  }
});

it('remembers nothing where it is told so', async () => {
  const { ledger, calls } = await countingLedger(0);
  const pass = clock();
  await ledger.parameters(['epochSeconds']);
  pass(1);
  await ledger.parameters(['epochSeconds']);
  expect(calls()).toBe(2);
});
