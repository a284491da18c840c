import type { Address } from 'viem';
import { expect, test } from 'vitest';
import { SERVER_LIMITS } from '../../transport/server/limits.js';
import { ROUTE_LIMITS } from '../../transport/server/route.js';
import type { GatewayContext } from './gateway-context.js';
import { gatewayRoutes } from './routes.js';

const [validator, depositor, prover, stranger] = ['11', '22', '33', '44'].map((b) => `0x${b.repeat(20)}` as Address);
const g = {
  sql: { query: async () => [] },
  settings: { maxBlobBytes: 1 << 30, maxOrderBytes: 1 << 28 },
  ledger: {
    validators: async () => [{ operator: validator, account: validator, stake: 1n }],
    stakeOf: async (_: number, operator: Address) => ({ active: operator === prover ? 1n : 0n }),
    balanceOf: async (account: Address) => (account === depositor ? 1n : 0n),
  },
} as unknown as GatewayContext;
const routes = gatewayRoutes(g, undefined as never, undefined as never, undefined as never);
const find = (name: string) => {
  const route = routes.find(({ method, path }) => `${method} ${path}` === name);
  if (!route?.admits) throw new Error(`${name} asks nobody`);
  return async (sender: Address, bytes: number) => route.admits?.(sender, bytes);
};

test('epochs, verdicts and weights are read of validators alone', async () => {
  const names = [
    ...['PUT /v1/epochs/{epoch}', 'POST /v1/epochs/{epoch}/refusals', 'POST /v1/commits', 'POST /v1/verdicts'],
    ...['POST /v1/weights/commits', 'POST /v1/weights/reveals'],
  ];
  for (const name of names) {
    await expect(find(name)(validator, 1)).resolves.toBeUndefined();
    for (const other of [depositor, prover, stranger]) {
      await expect(find(name)(other, 1)).rejects.toMatchObject({ status: 403, code: 'not-a-validator' });
    }
  }
});

test('large orders are read of those who have a deposit or a stake', async () => {
  const admits = find('POST /v1/orders');
  await expect(admits(stranger, 1 << 20)).resolves.toBeUndefined();
  for (const known of [depositor, prover]) await expect(admits(known, 1 << 24)).resolves.toBeUndefined();
  await expect(admits(stranger, (1 << 20) + 1)).rejects.toMatchObject({ status: 403, code: 'no-standing' });
});

test('whatever takes more than that asks who sends it, before it comes', () => {
  const open = routes.filter(({ auth, limits }) => auth === 'open' && limits?.bodyBytes !== undefined);
  expect(open).toEqual([]);
  const large = routes.filter(({ limits }) => (limits?.bodyBytes ?? 0) > ROUTE_LIMITS.bodyBytes);
  // An upload asks as its first step: its body is read while it is stored.
  expect(large.filter(({ answers, admits }) => answers !== 'upload' && !admits)).toEqual([]);
  expect(large.length).toBeGreaterThan(2);
  expect(SERVER_LIMITS.strangerBodyBytes).toBeLessThanOrEqual(1 << 16);
});
