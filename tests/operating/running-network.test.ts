/** What an operator sees of a network that runs in processes of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dsperseTokenAbi } from '@dsperse/contracts';
import { loadConfig } from '@dsperse/network/node';
import { epochSettlementSchema } from '@dsperse/network/roles';
import { NodeClient } from '@dsperse/network/transport';
import { zeroAddress } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settled, startTestNetwork, type TestNetwork, until } from '../network/processes/test-network.js';

let net: TestNetwork;
const logged: Record<string, string> = {};
const logOf = (name: string): string => readFileSync(join(net.directory, 'nodes', name, 'log.jsonl'), 'utf8');
const lines = (name: string) =>
  logOf(name)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
const metricsUrl = (name: string) => lines(name).find((l) => l.msg === 'metrics')?.url as string;
const text = async (url: string): Promise<string> => (await fetch(url)).text();

beforeAll(async () => {
  // Settings of another node in the surroundings are not those of this network's nodes.
  process.env.DSPERSE_PASSWORD = 'of another keystore';
  process.env.RPC_URL = 'http://127.0.0.1:9';
  net = await startTestNetwork({
    provers: 1,
    validators: 1,
    layers: 2,
    settings: (name) => (name === 'gateway' ? { 'log.level': 'trace' } : { metricsPort: 0, 'log.level': 'trace' }),
  });
}, 300_000);
afterAll(async () => {
  delete process.env.DSPERSE_PASSWORD;
  delete process.env.RPC_URL;
  await net?.remove();
}, 60_000);

describe('a running network', () => {
  it('answers on /health and /ready, at the gateway and where a node has no other server', async () => {
    for (const url of [net.gatewayUrl, metricsUrl('prover-1'), metricsUrl('validator-1')]) {
      expect(JSON.parse(await text(`${url}/health`))).toEqual({ ok: true });
      const ready = await fetch(`${url}/ready`);
      expect([url, ready.status, await ready.json()]).toEqual([url, 200, expect.objectContaining({ ready: true })]);
    }
  });

  it('counts an order on each node, by the names that the dashboard shows', async () => {
    await (await net.order(1)).result();
    const names = new Set<string>();
    for (const url of [net.gatewayUrl, metricsUrl('prover-1'), metricsUrl('validator-1')]) {
      for (const [, name] of (await text(`${url}/metrics`)).matchAll(/^# TYPE (\S+)/gm)) names.add(name);
    }
    const dashboard = readFileSync(
      fileURLToPath(new URL('../../deploy/grafana/dsperse.json', import.meta.url)),
      'utf8',
    );
    const shown = [...new Set(dashboard.match(/dsperse_\w+/g))].map((n) => n.replace(/_(bucket|count|sum)$/, ''));
    expect(shown.filter((name) => name !== 'dsperse_json' && !names.has(name))).toEqual([]);
    const gateway = await text(`${net.gatewayUrl}/metrics`);
    expect(gateway).toMatch(/^dsperse_gateway_orders_total\{.*state="delivered".*\} 1$/m);
    await until('the prover counts its chunks', 20_000, async () =>
      /^dsperse_prover_verdicts_total\{.*verdict="accepted".*\} [1-9]/m.test(
        await text(`${metricsUrl('prover-1')}/metrics`),
      ),
    );
    expect(await text(`${metricsUrl('validator-1')}/metrics`)).toMatch(
      /^dsperse_validator_verdicts_total\{.*verdict="accepted".*\} [1-9]/m,
    );
    expect(gateway).toMatch(/^dsperse_operator_gas_tokens\{.*\} [1-9]/m);
  });

  it('burns and pays to the treasury what an epoch gives to nobody who claims', async () => {
    const view = await settled(net, await net.order(2));
    const { settlement } = await new NodeClient({ baseUrl: net.gatewayUrl }).get(
      `/v1/epochs/${view.epoch}/leaves`,
      epochSettlementSchema,
      { maxResponseBytes: 1 << 20 },
    );
    const { treasury, token } = net.network.contracts;
    const earned = (account: string) =>
      settlement.leaves.reduce(
        (sum, l) => (l.kind === 2 && l.role === undefined && l.account === account ? sum + l.cumulative : sum),
        0n,
      );
    expect(earned(zeroAddress) > 0n && earned(treasury.toLowerCase()) > 0n).toBe(true);
    expect(await net.ledger.claimed(zeroAddress)).toBe(earned(zeroAddress));
    expect(await net.ledger.claimed(treasury)).toBe(earned(treasury.toLowerCase()));
    const held = { address: token, abi: dsperseTokenAbi, functionName: 'balanceOf', args: [treasury] } as const;
    expect(await net.ledger.publicClient.readContract(held)).toBe(earned(treasury.toLowerCase()));
  });

  it('serves an OpenAPI 3.1 document of every request in docs/network.md', async () => {
    const api = JSON.parse(await text(`${net.gatewayUrl}/openapi.json`));
    expect(api).toMatchObject({ openapi: '3.1.0', info: { title: expect.any(String), version: expect.any(String) } });
    const served = new Set<string>();
    for (const [path, methods] of Object.entries<Record<string, Record<string, unknown>>>(api.paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
      for (const [method, operation] of Object.entries(methods)) {
        served.add(`${method.toUpperCase()} ${path.replace(/\{\w+\}/g, '{}')}`);
        const parameters = operation.parameters as { name: string; in: string; required: boolean; schema: object }[];
        const inPath = parameters.filter((p) => p.in === 'path');
        expect([path, inPath.map((p) => p.name).sort()]).toEqual([path, names.sort()]);
        for (const p of inPath) expect([path, p.required, typeof p.schema]).toEqual([path, true, 'object']);
        for (const answer of Object.values(operation.responses as Record<string, Record<string, unknown>>)) {
          expect([path, answer.description ?? answer.$ref]).toEqual([path, expect.any(String)]);
        }
      }
    }
    for (const [, target] of JSON.stringify(api).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = target.split('/').reduce<unknown>((at, part) => (at as Record<string, unknown>)?.[part], api);
      if (!target.startsWith('$defs')) expect([target, found]).toEqual([target, expect.anything()]);
    }
    const doc = readFileSync(fileURLToPath(new URL('../../docs/network.md', import.meta.url)), 'utf8');
    const described = [
      ...doc.matchAll(/^\| (`(?:GET|PUT|POST).*?`) +\| (?:open|operator|anyone|by role|requester|prover|validator) /gm),
    ].flatMap(([, cell]) => {
      let method = 'GET';
      let base = '';
      return [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, one]) => {
        const [first, second] = one.split(' ');
        if (/^[A-Z]+$/.test(first)) method = first;
        const path = second ?? (first.startsWith('/') ? first : base);
        base = path;
        // HEAD is part of GET; the document does not describe itself.
        return method === 'HEAD' || path === '/openapi.json' ? [] : [`${method} ${path.replace(/\{\w+\}/g, '{}')}`];
      });
    });
    expect(described.length).toBeGreaterThan(25);
    expect(described.filter((request) => !served.has(request))).toEqual([]);
  });

  it('logs no secrets, though it logs everything', async () => {
    const secrets = [readFileSync(join(net.directory, 'password'), 'utf8').trim(), 'of another keystore'];
    for (const file of readdirSync(join(net.directory, 'keys'))) {
      secrets.push(JSON.parse(readFileSync(join(net.directory, 'keys', file), 'utf8')).crypto.ciphertext);
    }
    const url = new URL(`${net.gatewayUrl}/v1/work`);
    await fetch(url, { headers: { authorization: 'DSperse c2VjcmV0LWluLWEtaGVhZGVy', cookie: 'session=crumbs' } });
    secrets.push('c2VjcmV0LWluLWEtaGVhZGVy', 'crumbs');
    for (const name of ['gateway', 'prover-1', 'validator-1']) {
      const all = logOf(name) + readFileSync(join(net.directory, 'nodes', name, 'output.log'), 'utf8');
      expect(all.length).toBeGreaterThan(500);
      for (const secret of secrets) expect([name, all.includes(secret)]).toEqual([name, false]);
      // Tokens of signed requests begin like this: base64url of {"sender":
      expect([name, /DSperse eyJ|eyJzZW5kZXIi/.test(all)]).toEqual([name, false]);
    }
  });

  it('has config files that say all of a node, whatever the surroundings', () => {
    const file = join(net.directory, 'nodes', 'prover-1', 'dsperse-node.json');
    const config = loadConfig({
      file,
      environment: { DSPERSE_PROVER_ASK: '7', RPC_URL: 'http://a.test' },
      flags: { 'prover-ask': '8' },
    });
    expect([config.prover.ask, config.rpcUrl, config.prover.capacity]).toEqual([8n, 'http://a.test', 4]);
  });

  it('stops in good order', async () => {
    await net.stop();
    for (const name of ['gateway', 'prover-1', 'validator-1']) {
      logged[name] = logOf(name);
      expect([name, logged[name].includes('"msg":"stopping"')]).toEqual([name, true]);
      expect([name, /did not stop|nobody caught/.test(logged[name])]).toEqual([name, false]);
      expect([name, readdirSync(join(net.directory, 'nodes', name)).includes('node.lock')]).toEqual([name, false]);
    }
    expect(net.ends).toEqual([]);
  }, 60_000);
});
