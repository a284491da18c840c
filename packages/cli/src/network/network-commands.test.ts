/** The command line of the network's commands: which words reach which command, and where a network is looked for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandLine } from '../command-line.js';
import type { CommonOptions, Outcome } from '../commands/command.js';
import { Terminal } from '../terminal/terminal.js';
import { findNetwork, openAccount, openChain } from './network-access.js';
import { dataDirectoryOf, readOrderFile, savedOrderFile } from './saved-orders.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const ADDRESS = `0x${'12'.repeat(20)}`;

/** Runs words as main.ts does; throws what the command throws. */
async function run(...words: string[]): Promise<{ options: CommonOptions; outcome: Outcome }> {
  let seen: { options: CommonOptions; outcome: Outcome } | undefined;
  const line = commandLine(async (options, work) => {
    seen = { options, outcome: await work(new Terminal({ quiet: true })) };
  });
  await line.parseAsync(words, { from: 'user' });
  return seen as { options: CommonOptions; outcome: Outcome };
}

const aNetwork = (extra: object = {}) => {
  const file = { chainId: 31337, contracts: { market: ADDRESS, settlement: ADDRESS }, ...extra };
  writeFileSync(join(directory, 'network.json'), JSON.stringify(file));
};

describe('the words of order', () => {
  it('need a program and an input, or an order to resume', async () => {
    await expect(run('order')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('-i <input>') });
    await expect(run('order', 'program')).rejects.toMatchObject({ code: 'usage' });
  });

  it('are refused before anything is asked of a network', async () => {
    const words = ['order', 'program', '-i', 'input.json', '--network', directory];
    aNetwork();
    await expect(run(...words, '--budget', '1e3')).rejects.toMatchObject({ code: 'usage' });
    await expect(run(...words, '--price-max', '-1')).rejects.toMatchObject({ code: 'usage' });
    await expect(run(...words, '--deadline', '1')).rejects.toMatchObject({ code: 'usage' });
    await expect(run(...words, '--ramp', 'soon')).rejects.toMatchObject({ code: 'usage' });
    writeFileSync(join(directory, 'something'), '');
    await expect(run(...words, '-o', directory)).rejects.toMatchObject({ code: 'exists' });
  });

  it('reach the commands of an open order, with their own options', async () => {
    await expect(run('order', 'status')).rejects.toMatchObject({ message: expect.stringContaining("argument 'id'") });
    await expect(run('order', 'status', 'x', '--json')).rejects.toMatchObject({ message: 'x is no order id' });
    await expect(run('order', 'cancel', 'x', '--on-chain')).rejects.toMatchObject({ message: 'x is no order id' });
    await expect(run('order', 'exit', 'x', '--network', directory)).rejects.toMatchObject({
      message: 'x is no order id',
    });
    await expect(run('order', 'deposit', 'much')).rejects.toMatchObject({ code: 'usage' });
    for (const word of ['deposit', 'withdraw']) {
      for (const nothing of ['0', '0.0', '0wei']) {
        await expect(run('order', word, nothing)).rejects.toMatchObject({
          code: 'usage',
          message: 'the amount is nothing',
        });
      }
    }
    await expect(run('order', 'withdraw', '1', '--to', 'me')).rejects.toMatchObject({ code: 'usage' });
    await expect(run('order', 'status', 'x', '--on-chain')).rejects.toMatchObject({ code: 'commander.unknownOption' });
  });

  it('say what is missing of the network', async () => {
    const id = '1'.repeat(64);
    const network = join(directory, 'network.json');
    await expect(run('order', 'status', id, '--network', network)).rejects.toMatchObject({ code: 'no-network-file' });
    aNetwork();
    await expect(run('order', 'status', id, '--network', directory)).rejects.toMatchObject({ code: 'no-keystore' });
  });
});

describe('the words of stake and gov', () => {
  it('need an operator', async () => {
    aNetwork();
    const network = ['--network', directory];
    await expect(run('stake', 'add', '1', ...network)).rejects.toMatchObject({ code: 'usage' });
    await expect(
      run('stake', 'history', '--operator', ADDRESS, ...network, '--rpc', 'http://127.0.0.1:1'),
    ).rejects.toThrow();
    await expect(run('stake', 'add', '1', '--operator', 'prover-9', ...network)).rejects.toMatchObject({
      code: 'unknown-name',
    });
    await expect(run('stake', 'add', '1', '--operator', ADDRESS, ...network)).rejects.toMatchObject({
      message: 'no role is given',
    });
    await expect(run('stake', 'register', '--commission', '101', ...network)).rejects.toMatchObject({ code: 'usage' });
  });

  it('propose something', async () => {
    const propose = (...words: string[]) => run('gov', 'propose', ...words, '--network', directory);
    aNetwork();
    await expect(propose('feeBps=1')).rejects.toMatchObject({ message: expect.stringContaining('--description') });
    await expect(propose('--description', 'x')).rejects.toMatchObject({ message: 'nothing is proposed' });
    await expect(propose('fee=1', '--description', 'x')).rejects.toMatchObject({ code: 'unknown-parameter' });
    await expect(propose('--target', ADDRESS, '--description', 'x')).rejects.toMatchObject({ code: 'usage' });
    const raw = ['--target', ADDRESS, '--calldata', '0x123', '--description', 'x'];
    await expect(propose(...raw)).rejects.toMatchObject({ message: '--calldata is not understood' });
    await expect(run('gov', 'vote', '1', 'maybe')).rejects.toMatchObject({ message: 'maybe is no vote' });
  });
});

describe('doctor', () => {
  it('finds what is wrong, and exits with 1', async () => {
    const config = join(directory, 'dsperse-node.json');
    writeFileSync(config, JSON.stringify({ dataDirectory: directory, roles: ['prover'] }));
    const { outcome } = await run('doctor', '--config', config, '--json');
    const { ok, checks } = outcome.document as {
      ok: boolean;
      checks: { name: string; status: string; hint: string }[];
    };
    expect(ok).toBe(false);
    expect(outcome.exitCode).toBe(1);
    const failed = new Map(checks.filter((c) => c.status === 'fail').map((c) => [c.name, c.hint]));
    expect([...failed.keys()]).toEqual(expect.arrayContaining(['keystore', 'network file', 'gateways']));
    expect([...failed.values()].every((hint) => hint !== '')).toBe(true);
    expect(outcome.text).toContain('failed');
  });
});

describe('the network', () => {
  it('is that of the directory, with the addresses that its gateway was given', () => {
    aNetwork({ fromBlock: 3 });
    const node = join(directory, 'nodes', 'gateway');
    mkdirSync(node, { recursive: true });
    const config = { dataDirectory: node, rpcUrl: 'http://127.0.0.1:9', 'listen.port': 4361, roles: ['gateway'] };
    writeFileSync(join(node, 'dsperse-node.json'), JSON.stringify(config));
    const found = findNetwork({ network: directory }, {});
    expect(found).toMatchObject({
      directory,
      rpcUrl: 'http://127.0.0.1:9',
      gatewayUrl: 'http://127.0.0.1:4361',
      file: { chainId: 31337, fromBlock: 3 },
    });
    // The environment goes before what lies there, the command line before both.
    const environment = { DSPERSE_GATEWAYS: 'http://a, http://b', RPC_URL: 'http://c' };
    expect(findNetwork({ network: directory }, environment)).toMatchObject({
      gatewayUrl: 'http://a',
      gatewayUrls: ['http://a', 'http://b'],
      rpcUrl: 'http://c',
    });
    expect(findNetwork({ network: directory, gateway: ['http://d'], rpc: 'http://e' }, environment)).toMatchObject({
      gatewayUrl: 'http://d',
      rpcUrl: 'http://e',
    });
  });

  it('names gateways in its file, which are asked where none is given', () => {
    aNetwork({ gateways: ['http://f', 'http://g'] });
    const gatewayUrls = ['http://f', 'http://g'];
    expect(findNetwork({ network: directory }, {})).toMatchObject({ gatewayUrl: 'http://f', gatewayUrls });
    expect(findNetwork({ network: directory, gateway: ['http://d'] }, {})).toMatchObject({ gatewayUrls: ['http://d'] });
    aNetwork({ gateways: ['no url'] });
    expect(() => findNetwork({ network: directory }, {})).toThrow(/gateways/);
  });

  it('may be missing where its gateway is given', () => {
    const gatewayUrls = ['http://d', 'http://e'];
    expect(findNetwork({ gateway: gatewayUrls }, {})).toEqual({ gatewayUrl: 'http://d', gatewayUrls });
    expect(() => findNetwork({ network: join(directory, 'none.json') }, {})).toThrow(/no network file/);
  });

  it('has no chain and no key before they are given', async () => {
    await expect(openAccount({}, {}, 'requester')).rejects.toMatchObject({ code: 'no-keystore' });
    expect(() => openChain({})).toThrow(/no network is given/);
    aNetwork();
    expect(() => openChain(findNetwork({ network: directory }, {}))).toThrow(/chain is not known/);
  });

  it('keeps open orders beside its file', () => {
    expect(dataDirectoryOf({ directory }, undefined)).toBe(directory);
    expect(dataDirectoryOf({ directory }, 'there')).toBe('there');
    expect(dataDirectoryOf({}, undefined)).toBe('dsperse-data');
    const id = `0x${'1'.repeat(64)}` as const;
    expect(() => readOrderFile(directory, id)).toThrow(/no saved order/);
    mkdirSync(join(directory, 'orders'));
    writeFileSync(savedOrderFile(directory, id), 'x');
    expect(() => readOrderFile(directory, id)).toThrow(/damaged/);
  });
});
