import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keystorePath, loadConfig } from './config.js';
import { CONFIG_KEYS, flagOf } from './config-keys.js';
import { configMarkdown, configRows, describeConfig } from './config-text.js';
import { networkOf, readNetworkFile, writeNetworkFile } from './network-file.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-config-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const put = (name: string, content: unknown): string => {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const load = (file?: unknown, environment = {}, flags = {}) =>
  loadConfig({
    file: file === undefined ? undefined : put('given.json', file),
    environment,
    flags,
    directory,
  });

describe('the settings', () => {
  it('have defaults that fit their own rules', () => {
    const config = load();
    expect(config.dataDirectory).toBe(join(directory, 'dsperse-data'));
    expect(config.roles).toEqual([]);
    expect(config.rpcUrl).toBeUndefined();
    expect(config.listen.host).toBe('127.0.0.1');
    expect(config.prover.ask).toBe(1_000_000_000_000_000n);
    expect(keystorePath(config)).toBe(join(directory, 'dsperse-data', 'keystore.json'));
  });

  it('are taken from the file, over it the environment, over it the flags', () => {
    const file = { prover: { ask: '5', workers: 2, capacity: 4 }, gateways: ['http://a.test'], 'log.level': 'debug' };
    const environment = { DSPERSE_PROVER_WORKERS: '3', DSPERSE_PROVER_ASK: '6', RPC_URL: 'http://127.0.0.1:1' };
    const config = load(file, environment, { 'prover-ask': '7', roles: 'prover, gateway,prover' });
    expect(config.prover).toMatchObject({ ask: 7n, workers: 3, capacity: 4 });
    expect(config.gateways).toEqual(['http://a.test']);
    expect(config.roles).toEqual(['prover', 'gateway']);
    expect(config.log.level).toBe('debug');
    expect(config.rpcUrl).toBe('http://127.0.0.1:1');
  });

  it('find the config file of the working directory by itself', () => {
    const path = put('dsperse-node.json', { listen: { port: 9 } });
    expect(loadConfig({ environment: {}, directory }).listen.port).toBe(9);
    rmSync(path);
    expect(loadConfig({ environment: {}, directory }).listen.port).not.toBe(9);
  });

  it('that do not exist are refused, with the one that was meant', () => {
    expect(() => load({ prover: { asks: '1' } })).toThrow(
      expect.objectContaining({ code: 'unknown-setting', hint: 'did you mean prover.ask?' }),
    );
    expect(() => load({ rpcurl: 'http://a.test' })).toThrow(expect.objectContaining({ hint: 'did you mean rpcUrl?' }));
    expect(() => load(undefined, {}, { 'prover-worker': '1' })).toThrow(
      expect.objectContaining({ hint: 'did you mean prover.workers?' }),
    );
    expect(() => load({ qqqqqqqq: 1 })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('--settings') }),
    );
    expect(() => load('{"__proto__": {"x": 1}, "constructor": 1}')).toThrow(
      expect.objectContaining({ code: 'unknown-setting' }),
    );
  });

  it.each([
    [{ listen: { port: 70_000 } }],
    [{ listen: { port: '80' } }],
    [{ listen: 'here' }],
    [{ rpcUrl: 'file:///etc/passwd' }],
    [{ roles: ['miner'] }],
    [{ prover: { ask: 5 } }],
    [{ prover: { ask: '-5' } }],
    [{ prover: { ask: '0.5' } }],
    [{ contracts: { Market: '0x12' } }],
    [{ gateways: ['ftp://a.test'] }],
  ])('of the wrong kind are refused: %j', (file) => {
    expect(() => load(file)).toThrow(expect.objectContaining({ name: 'InputError' }));
  });

  it('name where a bad value came from', () => {
    expect(() => load(undefined, { DSPERSE_PROVER_WORKERS: 'many' })).toThrow(/DSPERSE_PROVER_WORKERS: "many"/);
    expect(() => load(undefined, {}, { 'prover-ask': '1.5' })).toThrow(/^prover\.ask: /);
    expect(() => load('no JSON')).toThrow(expect.objectContaining({ code: 'config-file' }));
    expect(() => loadConfig({ file: join(directory, 'nowhere.json'), environment: {} })).toThrow(/cannot be read/);
  });

  it('that are secrets come from the environment alone and are not shown', () => {
    const secrets = {
      AWS_SECRET_ACCESS_KEY: 'hush-1',
      AWS_ACCESS_KEY_ID: 'hush-2',
      DATABASE_URL: 'postgres://me:hush-3@db.test:5432/hush-4',
      RPC_URL: 'https://rpc.test/hush-5',
    };
    const config = load(undefined, secrets);
    expect(config.blobSecretAccessKey).toBe('hush-1');
    const shown = describeConfig(config);
    expect(JSON.stringify(shown)).not.toContain('hush');
    expect(shown.databaseUrl).toBe('postgres://db.test:5432/[hidden]');
    expect(shown.rpcUrl).toBe('https://rpc.test/[hidden]');
    expect(shown['prover.ask']).toBe('1000000000000000');
    expect(() => load({ blobSecretAccessKey: 'x' })).toThrow(expect.objectContaining({ code: 'secret-in-file' }));
    expect(() => load(undefined, {}, { 'blob-secret-access-key': 'x' })).toThrow(
      expect.objectContaining({ code: 'secret-in-file' }),
    );
  });

  it('are all in the docs, under names that differ', () => {
    const [markdown, rows] = [configMarkdown(), configRows()];
    for (const [name, { environment, meaning }] of Object.entries(CONFIG_KEYS)) {
      expect(markdown).toContain(meaning);
      expect(markdown).toContain(`\`${name}\``);
      expect(markdown).toContain(`\`${environment}\``);
    }
    for (const column of [rows.map((r) => r.environment), rows.map((r) => flagOf(r.name))]) {
      expect(new Set(column).size).toBe(column.length);
    }
  });
});

describe('the network file', () => {
  const MARKET = '0x5FbDB2315678afecb367f032d93F642f64180aa3';
  const OTHER = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512';

  it('is read as written, and single contracts may be set over it', async () => {
    const networkFile = join(directory, 'sub', 'network.json');
    await writeNetworkFile(networkFile, { chainId: 31337, contracts: { Market: MARKET }, fromBlock: 3 });
    const at = { networkFile, dataDirectory: directory };
    expect(networkOf({ ...at, contracts: {} })).toEqual({
      chainId: 31337,
      contracts: { Market: MARKET },
      fromBlock: 3,
    });
    const config = load({ networkFile, contracts: { Market: OTHER.toLowerCase() } });
    expect(networkOf(config).contracts).toEqual({ Market: OTHER });
  });

  it('is refused with a hint where it is missing or wrong', () => {
    expect(() => readNetworkFile(join(directory, 'none.json'))).toThrow(
      expect.objectContaining({ code: 'no-network-file', hint: expect.stringContaining('network.json') }),
    );
    for (const content of [
      '{',
      { chainId: 1 },
      { chainId: 'x', contracts: {} },
      { chainId: 1, contracts: { a: '0x1' } },
    ]) {
      expect(() => readNetworkFile(put('bad.json', content))).toThrow(
        expect.objectContaining({ code: 'network-file' }),
      );
    }
  });
});
