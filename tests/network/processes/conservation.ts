/** Whether every token is where the books say. */
import { dsperseTokenAbi, emissionAbi, marketAbi, settlementAbi } from '@dsperse/contracts';
import { epochSettlementSchema } from '@dsperse/network/roles';
import { NodeClient } from '@dsperse/network/transport';
import { type Address, parseAbiItem, zeroAddress } from 'viem';
import type { TestNetwork } from './test-network.js';

const TRANSFER = parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)');

export interface Books {
  readonly supply: bigint;
  /** Of all who ever held tokens. */
  readonly held: bigint;
  readonly inMarket: bigint;
  readonly free: bigint;
  readonly reserved: bigint;
  /** Spent by orders or minted, and not claimed. */
  readonly pool: bigint;
  /** By the chain's events, over all orders. */
  readonly spent: bigint;
  /** By the emission, all of it into the pool. */
  readonly minted: bigint;
  readonly claimed: bigint;
  /** By the last epoch's leaves, over all accounts. */
  readonly earned: bigint;
  readonly settledOrders: ReadonlyMap<string, bigint>;
}

export async function readBooks(network: TestNetwork): Promise<Books> {
  const { contracts } = network.network;
  const { publicClient } = network.ledger;
  const token = { address: contracts.token, abi: dsperseTokenAbi } as const;
  const market = { address: contracts.market, abi: marketAbi } as const;
  // All of one block: others may come while this reads.
  const blockNumber = await publicClient.getBlockNumber({ cacheTime: 0 });
  const range = { fromBlock: 0n, toBlock: blockNumber } as const;
  const moves = await publicClient.getLogs({ address: contracts.token, event: TRANSFER, ...range });
  const holders = new Set<Address>();
  for (const { args } of moves) {
    if (args.to && args.to !== zeroAddress) holders.add(args.to);
  }
  const [supply, minted, free, reserved, pool, inMarket, ...balances] = await Promise.all([
    publicClient.readContract({ ...token, functionName: 'totalSupply', blockNumber }),
    publicClient.readContract({ address: contracts.emission, abi: emissionAbi, functionName: 'minted', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'totalFree', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'totalReserved', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'pool', blockNumber }),
    publicClient.readContract({ ...token, functionName: 'balanceOf', blockNumber, args: [contracts.market] }),
    ...[...holders].map((h) =>
      publicClient.readContract({ ...token, functionName: 'balanceOf', blockNumber, args: [h] }),
    ),
  ]);
  const settledOrders = new Map<string, bigint>();
  const ends = await publicClient.getContractEvents({ ...market, eventName: 'OrderSettled', ...range, strict: true });
  for (const { args } of ends) {
    if (settledOrders.has(args.id)) throw new Error(`${args.id} was settled twice`);
    settledOrders.set(args.id, args.spent);
  }
  const claims = await publicClient.getContractEvents({
    address: contracts.settlement,
    abi: settlementAbi,
    eventName: 'Claimed',
    ...range,
    strict: true,
  });
  const sum = (amounts: Iterable<bigint>) => [...amounts].reduce((n, x) => n + x, 0n);
  return {
    supply,
    held: sum(balances),
    inMarket,
    free,
    reserved,
    pool,
    spent: sum(settledOrders.values()),
    minted,
    claimed: sum(claims.map((c) => c.args.amount)),
    earned: await earned(network),
    settledOrders,
  };
}

/** What all accounts have earned in all epochs, by the leaves of the last. */
async function earned(network: TestNetwork): Promise<bigint> {
  const { last } = await network.ledger.settlementHead();
  if (last < 1) return 0n;
  const client = new NodeClient({ baseUrl: network.gatewayUrl });
  const { settlement } = await client.get(`/v1/epochs/${last}/leaves`, epochSettlementSchema, {
    maxResponseBytes: 64 << 20,
  });
  return settlement.leaves.reduce((n, leaf) => (leaf.kind === 2 ? n + leaf.cumulative : n), 0n);
}
