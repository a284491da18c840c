/** A chain, a gateway in a process of its own, and simulated provers and validators in another. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startLocalAnvil } from '@dsperse/network/chain';
import {
  GATEWAY,
  gasBalances,
  keystoreFile,
  LOCAL_TERMS,
  memberNames,
  openKeys,
  passwordFile,
  REQUESTER,
  setUpNetwork,
} from '@dsperse/network/local';
import { NETWORK_FILE } from '@dsperse/network/node';
import { nodeFetch } from '@dsperse/network/transport/server';
import { type Client, createClient } from '@dsperse/sdk';
import { ChildNode } from '../../local-network/child-node.js';
import { onStop } from '../../terminal/on-stop.js';
import { killProcess, UNLIMITED } from './bench-network.js';
import type { PeersReply } from './load-protocol.js';
import { type MemoryParts, memoryParts } from './memory-parts.js';
import { cpuSeconds, rssBytes } from './processor-time.js';
import { lastFaults } from './standstill.js';

export interface LoadNetwork {
  readonly client: Client;
  readonly validators: readonly string[];
  readonly provers: readonly string[];
  /** Starts peers; those that run already go on. */
  add(names: readonly string[]): Promise<void>;
  gatewayRssBytes(): number;
  /** As its metrics say; nothing where it does not answer in time. */
  gatewayParts(): Promise<MemoryParts>;
  /** Of the embedded database's files. */
  databaseBytes(): Promise<number>;
  /** Seconds of processor time that the gateway has had. */
  gatewayCpuSeconds(): number;
  /** The gateway's last warnings and errors. */
  gatewayFaults(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export interface LoadNetworkOptions {
  readonly directory: string;
  readonly provers: number;
  readonly validators: number;
  readonly databaseUrl?: string;
  /** Settings of the gateway over those of the benchmark. */
  readonly settings?: Record<string, unknown>;
  tell(step: string): void;
}

const PEERS = fileURLToPath(new URL('./load-peers.js', import.meta.url));

export async function startLoadNetwork(options: LoadNetworkOptions): Promise<LoadNetwork> {
  const { directory, databaseUrl, tell } = options;
  await mkdir(directory, { recursive: true });
  const members = memberNames(options.provers, options.validators);
  const keys = await openKeys(directory, members);
  // Nobody kills this chain, and its history grows with every order: written whole each second it would take a core.
  const anvil = await startLocalAnvil({
    directory: join(directory, 'chain'),
    balances: gasBalances(keys),
    stateSeconds: 30,
  });
  let gateway: ChildNode | undefined;
  let peers: ChildProcess | undefined;
  const release = onStop(() => {
    peers?.kill('SIGKILL');
    gateway?.kill('SIGKILL');
    killProcess(anvil.pid);
  });
  const stop = async () => {
    peers?.kill('SIGKILL');
    await gateway?.stop();
    await anvil.stop();
    release();
  };
  try {
    const { chainId, contracts } = await setUpNetwork(directory, anvil.url, keys, members, LOCAL_TERMS, tell);
    const port = await freePort();
    const gatewayUrl = `http://127.0.0.1:${port}`;
    const place = join(directory, 'gateway');
    await mkdir(place, { recursive: true });
    const config = join(place, 'dsperse-node.json');
    await writeFile(
      config,
      JSON.stringify({
        dataDirectory: place,
        roles: ['gateway'],
        rpcUrl: anvil.url,
        ...(databaseUrl ? { databaseUrl } : {}),
        keystore: keystoreFile(directory, GATEWAY),
        passwordFile: passwordFile(directory),
        networkFile: join(directory, NETWORK_FILE),
        'listen.port': port,
        'log.file': join(place, 'log.jsonl'),
        'log.format': 'json',
        'log.level': 'warn',
        // Every slice a chunk.
        'gateway.chunkWorkUnits': 1,
        ...UNLIMITED,
        ...options.settings,
      }),
    );
    tell('starting the gateway');
    const node = new ChildNode({ name: GATEWAY, config, output: join(place, 'output.log') });
    gateway = node;
    await node.start();
    const child = fork(PEERS, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    peers = child;
    const account = keys.get(REQUESTER)?.account;
    if (!account) throw new Error('the network has no requester');
    const client = await createClient({ gatewayUrl, account, network: { chainId, contracts }, fetch: nodeFetch });
    return {
      client,
      ...members,
      add: (names) =>
        new Promise((resolve, reject) => {
          child.once('exit', () => reject(new Error('the simulated peers ended')));
          child.once('message', (reply: PeersReply) => {
            if ('started' in reply) resolve();
            else reject(new Error(reply.failed));
          });
          child.send({ directory, rpcUrl: anvil.url, gatewayUrl, names });
        }),
      gatewayRssBytes: () => rssBytes(node.pid),
      gatewayParts: () => memoryParts(gatewayUrl),
      databaseBytes: () => bytesIn(join(place, 'database')),
      gatewayCpuSeconds: () => cpuSeconds(node.pid),
      gatewayFaults: () => lastFaults(join(place, 'log.jsonl')),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Files that go while they are counted count nothing. */
async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    if (!entry.isFile()) return 0;
    return stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
