/** A whole network in processes of its own, in a temporary directory, with times short enough for tests. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectLedger, type EvmLedger, freePort } from '@dsperse/network/chain';
import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import type { OrderView } from '@dsperse/network/messages';
import { type Client, createClient, type OrderHandle, type OrderRequest } from '@dsperse/sdk';
import type { Address } from 'viem';
import {
  type NetworkOptions,
  type RunningNetwork,
  startNetwork,
} from '../../../packages/cli/src/local-network/start-network.js';
import { compileTestProgram, type TestProgram } from './published-program.js';

export const DSPERSE = fileURLToPath(new URL('../../../packages/cli/bin/dsperse.js', import.meta.url));
const BUILT = ['cli', 'network', 'core', 'contracts'].map((name) =>
  fileURLToPath(new URL(`../../../packages/${name}/dist`, import.meta.url)),
);

/** A script of this folder that plays a node. */
export const script = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

const atLeastOne = (value: bigint) => ({ value, min: 1n });

/** Seconds in which a lock is missed, an epoch closes and becomes final. */
export const SHORT_TIMES = {
  lockFloorSeconds: atLeastOne(6n),
  verifySeconds: atLeastOne(4n),
  commitSeconds: atLeastOne(3n),
  epochSeconds: atLeastOne(2n),
  challengeSeconds: atLeastOne(2n),
  // Where a test counts attempts, none of them is to be a canary.
  canaryBps: { value: 0n, min: 0n },
};

/** Locks that nobody misses by being slow, for tests in which none is to be missed. */
export const PATIENT = { parameters: { lockFloorSeconds: atLeastOne(40n) } };

export const PRICE = { min: 10n ** 15n, max: 10n ** 17n, rampSeconds: 30 };

export interface TestNetwork extends RunningNetwork {
  readonly client: Client;
  readonly program: TestProgram;
  /** Reads the chain; remembers nothing. */
  readonly ledger: EvmLedger;
  /** Ends of processes that nobody asked for. */
  readonly ends: string[];
  addressOf(name: string): Address;
  order(k: number, change?: Partial<OrderRequest>): Promise<OrderHandle>;
  /** Removes the directory too. */
  remove(): Promise<void>;
}

export interface TestNetworkOptions extends Partial<Omit<NetworkOptions, 'directory' | 'settings'>> {
  readonly settings?: (name: string, gatewayUrl: string) => Record<string, unknown>;
  readonly chunkWorkUnits?: number;
  /** A free one where it is not given. */
  readonly gatewayPort?: number;
  /** Slices of the program. */
  readonly layers?: number;
}

export async function startTestNetwork(options: TestNetworkOptions = {}): Promise<TestNetwork> {
  const missing = BUILT.filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`${missing.join(', ')} is missing: run npm run build first`);
  const directory = await mkdtemp(join(tmpdir(), 'dsperse-network-'));
  const ends: string[] = [];
  const program = await compileTestProgram(options.layers);
  let network: RunningNetwork | undefined;
  try {
    const { provers = 2, validators = 3, gatewayPort = (await freePort()) as number } = options;
    // Where the network's shape is written the port of its gateway is known beforehand.
    await writeFile(join(directory, 'up.json'), JSON.stringify({ provers, validators, gatewayPort }));
    const { chunkWorkUnits = 1, layers: _layers, gatewayPort: _port, settings, terms, ...rest } = options;
    network = await startNetwork({
      ...rest,
      provers,
      validators,
      directory,
      terms: { ...terms, parameters: { ...SHORT_TIMES, ...terms?.parameters } },
      settings: (name) => ({
        'gateway.chunkWorkUnits': chunkWorkUnits,
        'gateway.offerSeconds': 2,
        'prover.workers': 1,
        'prover.capacity': 4,
        'validator.pollSeconds': 1,
        ...settings?.(name, `http://127.0.0.1:${gatewayPort}`),
      }),
      onEnd: (name, what) => {
        ends.push(`${name}: ${what}`);
        rest.onEnd?.(name, what);
      },
    });
    return await equip(network, directory, program, ends);
  } catch (error) {
    await network?.stop();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function equip(
  network: RunningNetwork,
  directory: string,
  program: TestProgram,
  ends: string[],
): Promise<TestNetwork> {
  const { chainId, contracts } = network.network;
  const ledger = await connectLedger({ rpcUrl: network.rpcUrl, contracts, pollingMs: 100, cacheMs: 0 });
  const account = network.keys.get(REQUESTER)?.account;
  if (!account) throw new Error('the network has no requester');
  const client = await createClient({
    gatewayUrl: network.gatewayUrl,
    account,
    network: { chainId, contracts },
    chain: { rpcUrl: network.rpcUrl, pollingMs: 100 },
  });
  await client.publish(program);
  return Object.assign(network, {
    client,
    program,
    ledger,
    ends,
    addressOf: (name: string) => network.keys.get(name)?.account.address.toLowerCase() as Address,
    order: (k: number, change: Partial<OrderRequest> = {}) =>
      client.order({
        program: { fingerprint: program.fingerprint, key: program.key },
        input: { integers: program.inputs(k) },
        price: PRICE,
        deadlineSeconds: 90,
        ...change,
      }),
    async remove() {
      await network.stop();
      await rm(directory, { recursive: true, force: true });
    },
  });
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it holds; what fails meanwhile counts as not yet. */
export async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    try {
      const found = await ask();
      if (found) return found;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > end) throw new Error(`${what} did not happen in ${timeoutMs} ms`, { cause: failure });
    await sleep(200);
  }
}

/** Waits until the chain has settled the order, by the gateway's word and the chain's. */
export async function settled(network: TestNetwork, handle: OrderHandle, timeoutMs = 120_000): Promise<OrderView> {
  return until(`the settlement of ${handle.id}`, timeoutMs, async () => {
    const view = await handle.view();
    return view.state === 'settled' && (await network.ledger.order(handle.id)).state === 'settled' && view;
  });
}

/** Names of nodes. */
export const everyNode = ({ members }: RunningNetwork): string[] => [
  GATEWAY,
  ...members.validators,
  ...members.provers,
];
