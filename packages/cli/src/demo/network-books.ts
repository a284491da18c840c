/** What the chain and the epochs say of who did what, who was paid and who was slashed. */
import { dsperseTokenAbi, marketAbi } from '@dsperse/contracts';
import type { EvmLedger } from '@dsperse/network/chain';
import { connectLedger } from '@dsperse/network/chain';
import { GATEWAY, ownerOf } from '@dsperse/network/local';
import { nodeSchema, type OrderView } from '@dsperse/network/messages';
import { epochDocumentSchema, epochSettlementSchema } from '@dsperse/network/roles';
import type { Settlement } from '@dsperse/network/scoring';
import { NodeClient } from '@dsperse/network/transport';
import type { Address } from 'viem';
import type { RunningNetwork } from '../local-network/start-network.js';

export interface ProverBooks {
  readonly name: string;
  readonly address: Address;
  /** Indices of accepted chunks. */
  readonly chunks: readonly number[];
  /** Chunks that it took and did not deliver, or not rightly, with what became of them. */
  readonly failed: readonly { readonly chunk: number; readonly outcome: string }[];
  readonly paid: bigint;
  readonly slashed: bigint;
}

export interface ValidatorBooks {
  readonly name: string;
  readonly address: Address;
  /** Proofs that it judged. */
  readonly verified: number;
  readonly rejected: number;
  readonly paid: bigint;
}

export interface LedgerBooks {
  /** Whether every token is accounted for. */
  readonly conserved: boolean;
  readonly supply: bigint;
  readonly held: bigint;
  /** In the market: free balances, reserves, and what has been earned and not been claimed. */
  readonly free: bigint;
  readonly reserved: bigint;
  readonly pool: bigint;
}

export interface NetworkBooks {
  readonly epochs: readonly number[];
  readonly provers: readonly ProverBooks[];
  readonly validators: readonly ValidatorBooks[];
  readonly ledger: LedgerBooks;
  readonly settlement: Settlement;
}

const CLAIM_WAIT_MS = 40_000;
const POLL_MS = 250;

export function openLedger(network: RunningNetwork): Promise<EvmLedger> {
  return connectLedger({
    rpcUrl: network.rpcUrl,
    contracts: network.network.contracts,
    account: network.keys.get(GATEWAY)?.account,
    pollingMs: 100,
    cacheMs: 0,
  });
}

const keyOf = (network: RunningNetwork, name: string): Address =>
  network.keys.get(name)?.account.address.toLowerCase() as Address;

/** @param views orders that are settled */
export async function readBooks(network: RunningNetwork, views: readonly OrderView[]): Promise<NetworkBooks> {
  const ledger = await openLedger(network);
  const client = await validatorClient(network, ledger);
  const epochs = [...new Set(views.map((v) => v.epoch as number))].sort((a, b) => a - b);
  const settlements = await Promise.all(
    epochs.map((epoch) => client.get(`/v1/epochs/${epoch}/leaves`, epochSettlementSchema)),
  );
  const { settlement } = settlements[settlements.length - 1];
  await waitForClaims(network, ledger, settlement);
  const documents = await Promise.all(epochs.map((epoch) => client.get(`/v1/epochs/${epoch}`, epochDocumentSchema)));
  const verdicts = documents.flatMap(({ trace }) =>
    trace.orders.flatMap((o) => o.chunks.flatMap((c) => c.attempts.flatMap((a) => a.verdicts.map((v) => v.message)))),
  );
  const attempts = views.flatMap((v) => v.chunks.flatMap((c) => c.attempts.map((a) => ({ chunk: c.index, ...a }))));
  const provers = await Promise.all(
    network.members.provers.map(async (name): Promise<ProverBooks> => {
      const address = keyOf(network, name);
      const own = attempts.filter((a) => a.prover === address);
      return {
        name,
        address,
        chunks: own.filter((a) => a.outcome === 'accepted').map((a) => a.chunk),
        failed: own
          .filter((a) => a.outcome !== 'accepted')
          .map((a) => ({ chunk: a.chunk, outcome: a.outcome ?? 'open' })),
        paid: await ledger.claimed(keyOf(network, ownerOf(name))),
        slashed: await ledger.penalised(1, address),
      };
    }),
  );
  const validators = await Promise.all(
    network.members.validators.map(async (name): Promise<ValidatorBooks> => {
      const address = keyOf(network, name);
      const own = verdicts.filter((v) => v.validator === address);
      return {
        name,
        address,
        verified: own.length,
        rejected: own.filter((v) => !v.accepted).length,
        paid: await ledger.claimed(keyOf(network, ownerOf(name))),
      };
    }),
  );
  return { epochs, provers, validators, ledger: await readLedger(network, ledger), settlement };
}

/** Traces of epochs are given to validators: this asks as one of them. */
async function validatorClient(network: RunningNetwork, ledger: EvmLedger): Promise<NodeClient> {
  const signer = network.keys.get(network.members.validators[0])?.account;
  const client = new NodeClient({ baseUrl: network.gatewayUrl, signer, network: ledger.network });
  client.audience = (await client.get('/v1/node', nodeSchema)).endpoint.message.operator;
  return client;
}

/** Operators claim by themselves: until all have, or the time is over. */
async function waitForClaims(network: RunningNetwork, ledger: EvmLedger, settlement: Settlement): Promise<void> {
  const owners = new Set([...network.keys.keys()].map((name) => keyOf(network, name)));
  const due = settlement.leaves.flatMap((leaf) =>
    leaf.kind === 2 && leaf.role === undefined && owners.has(leaf.account) ? [leaf] : [],
  );
  const until = Date.now() + CLAIM_WAIT_MS;
  while (Date.now() < until) {
    const claimed = await Promise.all(due.map(({ account }) => ledger.claimed(account)));
    if (due.every((leaf, i) => claimed[i] >= leaf.cumulative)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function readLedger(network: RunningNetwork, ledger: EvmLedger): Promise<LedgerBooks> {
  const { contracts } = network.network;
  const token = { address: contracts.token, abi: dsperseTokenAbi } as const;
  const market = { address: contracts.market, abi: marketAbi } as const;
  const { publicClient } = ledger;
  // All of one block: others may come while this reads.
  const blockNumber = await publicClient.getBlockNumber({ cacheTime: 0 });
  const holders = [...[...network.keys.values()].map((k) => k.account.address), ...Object.values(contracts)];
  const [supply, free, reserved, pool, inMarket, ...balances] = await Promise.all([
    publicClient.readContract({ ...token, functionName: 'totalSupply', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'totalFree', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'totalReserved', blockNumber }),
    publicClient.readContract({ ...market, functionName: 'pool', blockNumber }),
    publicClient.readContract({ ...token, functionName: 'balanceOf', blockNumber, args: [contracts.market] }),
    ...holders.map((h) => publicClient.readContract({ ...token, functionName: 'balanceOf', blockNumber, args: [h] })),
  ]);
  const held = balances.reduce((n, b) => n + b, 0n);
  return { conserved: held === supply && inMarket === free + reserved + pool, supply, held, free, reserved, pool };
}
