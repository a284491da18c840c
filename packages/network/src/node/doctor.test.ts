import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENDPOINT_RULES } from '../chain/index.js';
import { type NodeDocument, toJson } from '../messages/index.js';
import { loadConfig } from './config.js';
import { type Check, type DoctorProbes, diagnose, doctorExitCode } from './doctor.js';
import { machineProbes } from './doctor-probes.js';
import { makeEndpoint } from './endpoint-record.js';
import { identityOf } from './identity.js';
import { createKeystore } from './keystore.js';

const MARKET = '0x5FbDB2315678afecb367f032d93F642f64180aa3';
const SETTLEMENT = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512';
const contracts = { Market: MARKET, Settlement: SETTLEMENT } as const;
const NOW_MS = 1_800_000_000_000;
const GATEWAY = 'http://gateway.test';

const config = loadConfig({
  environment: {},
  directory: tmpdir(),
  flags: { roles: 'prover,validator,gateway', gateways: GATEWAY, 'metrics-port': '9' },
});

async function gatewayDocument(over: Partial<NodeDocument> = {}, nowMs = NOW_MS): Promise<NodeDocument> {
  const capability = { protocolVersion: 1, workUnitsPerSecond: 1, capacity: 1, ask: 1n, memoryBytes: 1, cores: 1 };
  const { record } = await makeEndpoint({
    network: { chainId: 31_337, market: MARKET, settlement: SETTLEMENT },
    identity: identityOf(new Uint8Array(32).fill(3)),
    roles: ['gateway'],
    url: GATEWAY,
    capability,
    sequence: 1,
    nowSeconds: Math.floor(nowMs / 1000),
  });
  const limits = { blobBytes: 1, bodyBytes: 1 };
  return { endpoint: record, chainId: 31_337, contracts, clockMs: nowMs, limits, ...over };
}

const healthy: Required<DoctorProbes> = {
  nodeVersion: () => 'v20.20.0',
  directory: async () => ({ freeBytes: 2 ** 40 }),
  keystore: async () => MARKET,
  clockMs: () => NOW_MS,
  network: async () => ({ chainId: 31_337, contracts }),
  chain: async () => ({ chainId: 31_337, blockSeconds: NOW_MS / 1000 - 5 }),
  hasCode: async () => true,
  gateway: () => gatewayDocument(),
  database: async () => {},
  blobs: async () => {},
  stake: async () => ({ active: 10n, least: 10n }),
  endpointRules: async () => ENDPOINT_RULES,
  portIsFree: async () => true,
  memoryBytes: () => 2 ** 36,
  gas: async () => 10n ** 18n,
  nodeRuns: () => false,
};

const examine = (over: Partial<DoctorProbes> = {}, c: typeof config = config) =>
  diagnose(c, { ...healthy, ...over }, { timeoutMs: 100 });
const find = (checks: Check[], name: string): Check => {
  const found = checks.find((c) => c.name === name);
  if (!found) throw new Error(`${name} is not among ${checks.map((c) => c.name)}`);
  return found;
};

describe('the doctor', () => {
  it('finds nothing wrong where nothing is', async () => {
    const checks = await examine();
    expect(checks.filter((c) => c.status !== 'ok')).toEqual([]);
    expect(checks.every((c) => c.detail !== '' && c.hint === '')).toBe(true);
    expect(doctorExitCode(checks)).toBe(0);
    expect(checks.map((c) => c.name)).toEqual([
      'node version',
      'data folder',
      'keystore',
      'network file',
      'chain',
      'clock against the chain',
      'contracts',
      'database',
      'blob store',
      `gateway ${GATEWAY}`,
      'stake as prover',
      'stake as validator',
      'gas',
      'port 4360',
      'port 9',
      'memory',
    ]);
  });

  const refuse = (message: string) => async () => {
    throw new Error(message);
  };
  const other = { chainId: 1, contracts };
  const cases: [string, Partial<DoctorProbes>, string, Check['status'], RegExp][] = [
    ['an old Node', { nodeVersion: () => 'v18.1.0' }, 'node version', 'fail', /v18/],
    ['a folder it cannot write', { directory: refuse('EACCES: no') }, 'data folder', 'fail', /EACCES/],
    ['a full disk', { directory: async () => ({ freeBytes: 2 ** 20 }) }, 'data folder', 'fail', /only 0\.0 GiB/],
    [
      'a small disk',
      { directory: async () => ({ freeBytes: 2 ** 31 }) },
      'data folder',
      'warn',
      /caches may take 5\.0/,
    ],
    ['a keystore that does not open', { keystore: refuse('wrong password') }, 'keystore', 'fail', /wrong password/],
    ['no network file', { network: refuse('there is none') }, 'network file', 'fail', /there is none/],
    [
      'a chain that is away',
      { chain: refuse('fetch http://u:hush@x failed') },
      'chain',
      'fail',
      /fetch http:\/\/\[hidden/,
    ],
    ['a chain that hangs', { chain: () => new Promise(() => {}) }, 'chain', 'fail', /no answer in 0\.1 s/],
    ['another chain', { chain: async () => ({ chainId: 5, blockSeconds: 1 }) }, 'chain', 'fail', /chain 5.*31337/],
    [
      'a contract that is missing',
      { hasCode: async (a) => a !== MARKET },
      'contracts',
      'fail',
      /not deployed: Market$/,
    ],
    ['a clock behind the chain', { clockMs: () => NOW_MS - 300_000 }, 'clock against the chain', 'fail', /295 s ahead/],
    [
      'a chain that stands still',
      { chain: async () => ({ chainId: 31_337, blockSeconds: NOW_MS / 1000 - 7200 }) },
      'clock against the chain',
      'warn',
      /120 min/,
    ],
    ['no database', { database: refuse('ECONNREFUSED') }, 'database', 'fail', /ECONNREFUSED/],
    ['no blob store', { blobs: refuse('403') }, 'blob store', 'fail', /403/],
    ['no gateway', { gateway: refuse('ENOTFOUND') }, `gateway ${GATEWAY}`, 'fail', /ENOTFOUND/],
    ['a gateway of another chain', { network: async () => other }, `gateway ${GATEWAY}`, 'fail', /chain 31337.* of 1/],
    [
      'a gateway whose record is forged',
      {
        gateway: async () => {
          const document = await gatewayDocument();
          const { message, signature } = document.endpoint;
          return { ...document, endpoint: { message: { ...message, url: 'https://evil.test' }, signature } };
        },
      },
      `gateway ${GATEWAY}`,
      'fail',
      /bad-signature/,
    ],
    [
      'a gateway whose record is old',
      { gateway: async () => ({ ...(await gatewayDocument({}, NOW_MS - 8_000_000)), clockMs: NOW_MS }) },
      `gateway ${GATEWAY}`,
      'fail',
      /expired/,
    ],
    [
      'a gateway whose clock differs',
      { gateway: () => gatewayDocument({ clockMs: NOW_MS - 30_000 }) },
      `gateway ${GATEWAY}`,
      'warn',
      /30\.0 s behind/,
    ],
    [
      'a gateway whose clock is far off',
      { gateway: () => gatewayDocument({ clockMs: NOW_MS + 90_000 }) },
      `gateway ${GATEWAY}`,
      'fail',
      /90\.0 s ahead/,
    ],
    [
      'too little stake',
      { stake: async () => ({ active: 15n * 10n ** 17n, least: 10n ** 19n }) },
      'stake as prover',
      'fail',
      /^1\.5 tokens, at least 10 /,
    ],
    [
      'no stake where none is needed',
      { stake: async () => ({ active: 0n, least: 0n }) },
      'stake as prover',
      'fail',
      /^0/,
    ],
    ['a port that is taken', { portIsFree: async (_, p) => p !== 9 }, 'port 9', 'fail', /taken/],
    ['little memory', { memoryBytes: () => 2 ** 30 }, 'memory', 'fail', /1\.0 GiB.*2\.0 GiB/],
    ['hardly enough memory', { memoryBytes: () => 2.2 * 2 ** 30 }, 'memory', 'warn', /2\.2 GiB/],
  ];
  it.each(cases)('sees %s', async (_, probes, name, status, detail) => {
    const checks = await examine(probes);
    const check = find(checks, name);
    expect(check).toMatchObject({ status, detail: expect.stringMatching(detail) });
    expect(check.hint).not.toBe('');
    expect(check.detail + check.hint).not.toMatch(/\n|hush/);
    expect(doctorExitCode(checks)).toBe(status === 'fail' ? 1 : 0);
  });

  it('passes on the hint of an error that has one', async () => {
    const keystore = async () => Promise.reject(Object.assign(new Error('wrong'), { hint: 'look under the mat' }));
    expect(find(await examine({ keystore }), 'keystore').hint).toBe('look under the mat');
  });

  it('asks only for what the roles need, and says where no gateway is set', async () => {
    const prover = loadConfig({ environment: {}, directory: tmpdir(), flags: { roles: 'prover' } });
    const names = (await examine({}, prover)).map((c) => c.name);
    for (const absent of ['database', 'blob store', 'stake as validator', 'port 4360'])
      expect(names).not.toContain(absent);
    expect(find(await examine({}, prover), 'gateways').status).toBe('fail');
    expect(await diagnose(config, {})).toEqual([]);
  });
});

describe('probes of this machine', () => {
  let directory: string;
  let server: Server;
  let url: string;
  let answer: () => Promise<unknown>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dsperse-doctor-'));
    server = createServer(async (request, response) => {
      response.writeHead(request.url === '/v1/node' ? 200 : 404);
      response.end(JSON.stringify(toJson(await answer())));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true, force: true });
  });

  it('tell the truth about folder, keystore, ports, gateway and chain', async () => {
    const keystore = join(directory, 'key.json');
    const { account } = await createKeystore(keystore, 'correct horse', { strength: 'light' });
    const given = loadConfig({
      environment: { RPC_URL: 'http://127.0.0.1:1' },
      directory,
      flags: { roles: 'gateway', gateways: url, keystore, 'data-directory': 'data', 'listen-port': new URL(url).port },
    });
    answer = () => gatewayDocument({}, Date.now());
    const checks = await diagnose(
      given,
      machineProbes(given, async () => 'correct horse'),
    );
    expect(find(checks, 'node version').status).toBe('ok');
    expect(find(checks, 'data folder').detail).toMatch(/^writable/);
    expect(existsSync(join(directory, 'data'))).toBe(false);
    expect(find(checks, 'keystore').detail).toContain(account.address);
    expect(find(checks, 'network file')).toMatchObject({
      status: 'fail',
      hint: expect.stringContaining('network.json'),
    });
    expect(find(checks, 'chain').status).toBe('fail');
    expect(find(checks, `gateway ${url}`).status).toBe('ok');
    expect(find(checks, `port ${new URL(url).port}`)).toMatchObject({ status: 'fail', detail: 'is taken' });
    expect(find(checks, 'memory').status).toBe('ok');
    const wrong = await diagnose(
      given,
      machineProbes(given, async () => 'wrong horse'),
    );
    expect(find(wrong, 'keystore')).toMatchObject({
      status: 'fail',
      hint: expect.stringContaining('DSPERSE_PASSWORD'),
    });
  });

  it('refuse a server that is no gateway', async () => {
    const probes = machineProbes(config, async () => '');
    answer = async () => ({ hello: 'world' });
    await expect(probes.gateway?.(url)).rejects.toMatchObject({ code: 'no-gateway' });
    answer = async () => 'x'.repeat(2 ** 21);
    await expect(probes.gateway?.(url)).rejects.toThrow(/too long/);
    await expect(probes.gateway?.(`${url}/elsewhere`)).rejects.toThrow(/404/);
  });
});
