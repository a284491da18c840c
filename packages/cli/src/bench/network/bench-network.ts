/** A local network for the benchmark: short epochs, no limits of requests, and a client of its requester. */

import { GATEWAY, REQUESTER } from '@dsperse/network/local';
import { nodeFetch, nodeRpcFetch } from '@dsperse/network/transport/server';
import { type Client, createClient, type OrderResult } from '@dsperse/sdk';
import { parseEther } from 'viem';
import { type NetworkOptions, type RunningNetwork, startNetwork } from '../../local-network/start-network.js';
import { onStop } from '../../terminal/on-stop.js';
import type { BenchProgram } from './bench-program.js';
import type { FollowedOrder } from './order-phases.js';

const MANY = 1_000_000;
/** Whoever measures is one address and few keys. */
export const UNLIMITED = {
  'gateway.keyRequestsPerSecond': MANY,
  'gateway.keyBurst': MANY,
  'gateway.addressRequestsPerSecond': MANY,
  'gateway.addressBurst': MANY,
};
export const PRICE = { min: parseEther('0.01'), max: parseEther('0.02'), rampSeconds: 5 };

export interface BenchNetwork {
  readonly running: RunningNetwork;
  readonly client: Client;
  stop(): Promise<void>;
}

/** Its processes end with this one, also where it is stopped. */
export async function startBenchNetwork(options: NetworkOptions): Promise<BenchNetwork> {
  const running = await startNetwork(options);
  const { validators, provers } = running.members;
  const release = onStop(() => {
    for (const name of [GATEWAY, ...validators, ...provers]) running.node(name).kill('SIGKILL');
    killProcess(running.anvil?.pid);
  });
  const stop = async () => {
    await running.stop();
    release();
  };
  try {
    return { running, client: await requesterOf(running), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function killProcess(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

export function requesterOf(running: RunningNetwork): Promise<Client> {
  const account = running.keys.get(REQUESTER)?.account;
  if (!account) throw new Error('the network has no requester');
  const { chainId, contracts } = running.network;
  return createClient({
    gatewayUrl: running.gatewayUrl,
    account,
    network: { chainId, contracts },
    chain: { rpcUrl: running.rpcUrl, fetch: nodeRpcFetch },
    fetch: nodeFetch,
  });
}

/** Places an order and waits for its certificate. @throws Error where it is not accepted */
export async function placeOrder(
  client: Client,
  program: BenchProgram,
): Promise<FollowedOrder & { result: OrderResult }> {
  const events: FollowedOrder['events'][number][] = [];
  const placedMs = Date.now();
  const handle = await client.order({
    program: { fingerprint: program.fingerprint, key: program.keyBytes },
    input: { integers: program.inputs },
    price: PRICE,
    deadlineSeconds: 600,
  });
  const result = await handle.result({ onEvent: (e) => events.push(e), timeoutMs: 600_000 });
  const certifiedMs = Date.now();
  if (result.verdict !== 'accepted') {
    throw new Error(`an order of ${program.model} was ${result.verdict}: ${result.code} ${result.reason ?? ''}`);
  }
  return { placedMs, certifiedMs, events, result };
}
