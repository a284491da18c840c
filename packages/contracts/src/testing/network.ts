/** A deployed network with funded actors, for tests. */
import {
  type Abi,
  type Account,
  type Address,
  BaseError,
  type Chain,
  ContractFunctionRevertedError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  decodeErrorResult,
  type Hex,
  http,
  type PublicClient,
  type TestClient,
  type Transport,
  type WalletClient,
} from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { deployNetwork, type NetworkAddresses } from '../deploy.js';
import { dsperseGovernorAbi } from '../generated/dsperse-governor.js';
import { dsperseTimelockAbi } from '../generated/dsperse-timelock.js';
import { dsperseTokenAbi } from '../generated/dsperse-token.js';
import { emissionAbi } from '../generated/emission.js';
import { guardianAbi } from '../generated/guardian.js';
import { marketAbi } from '../generated/market.js';
import { modelRegistryAbi } from '../generated/model-registry.js';
import { parametersAbi } from '../generated/parameters.js';
import { settlementAbi } from '../generated/settlement.js';
import { stakeManagerAbi } from '../generated/stake-manager.js';
import { treasuryAbi } from '../generated/treasury.js';
import type { Genesis } from '../genesis.js';
import { LOCAL_PARAMETERS, type ParameterName, type ParameterOverride } from '../parameters.js';
import { type LocalChain, startChain } from './anvil.js';

export const TOKEN = 10n ** 18n;
/** Shares that a unit of stake is given in a pool that has neither gained nor lost. */
export const SHARES_PER_UNIT = 10n ** 6n;
const MNEMONIC = 'test test test test test test test test test test test junk';

export const ABIS = {
  token: dsperseTokenAbi,
  emission: emissionAbi,
  parameters: parametersAbi,
  guardian: guardianAbi,
  stake: stakeManagerAbi,
  models: modelRegistryAbi,
  market: marketAbi,
  settlement: settlementAbi,
  governor: dsperseGovernorAbi,
  timelock: dsperseTimelockAbi,
  treasury: treasuryAbi,
} as const;
export type Contract = keyof typeof ABIS;
export type Actor = ReturnType<typeof mnemonicToAccount>;
export type ErrorName = string;

export const ACTORS: readonly Actor[] = Array.from({ length: 12 }, (_, i) =>
  mnemonicToAccount(MNEMONIC, { addressIndex: i }),
);

export const ALLOCATION = 1_000_000n * TOKEN;

export interface TestNetwork {
  readonly at: NetworkAddresses;
  readonly client: PublicClient<Transport, Chain>;
  readonly test: TestClient<'anvil', Transport, Chain>;
  readonly wallet: WalletClient<Transport, Chain, Account>;
  readonly gasUsed: Readonly<Record<string, bigint>>;
  readonly chainId: number;
  /** Sends a transaction and waits for it; throws the contract's error as `Error('Name(args)')`. */
  send(actor: Actor | Address, contract: Contract, functionName: string, args?: readonly unknown[]): Promise<Sent>;
  /** The error that the transaction would be reverted with, or undefined. */
  refusal(
    actor: Actor | Address,
    contract: Contract,
    functionName: string,
    args?: readonly unknown[],
  ): Promise<string | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: the type of what is read is the test's business.
  read<T = any>(contract: Contract, functionName: string, args?: readonly unknown[]): Promise<T>;
  /** Moves the clock. */
  pass(seconds: number | bigint): Promise<void>;
  now(): Promise<bigint>;
  stop(): Promise<void>;
}

export interface Sent {
  readonly gasUsed: bigint;
  readonly hash: Hex;
}

function errorName(error: unknown, abi: Abi): string {
  if (error instanceof BaseError) {
    const reverted = error.walk((e) => e instanceof ContractFunctionRevertedError);
    if (reverted instanceof ContractFunctionRevertedError) {
      if (reverted.data?.errorName) return reverted.data.errorName;
      if (reverted.raw && reverted.raw !== '0x') return decodeElsewhere(reverted.raw, abi);
      return reverted.reason ?? 'reverted';
    }
  }
  throw error;
}

// The error of a contract that was called by the one that was called.
function decodeElsewhere(data: Hex, abi: Abi): string {
  for (const candidate of [abi, ...Object.values(ABIS)] as Abi[]) {
    try {
      return decodeErrorResult({ abi: candidate, data }).errorName;
    } catch {
      // Not one of its errors.
    }
  }
  return data;
}

export async function startNetwork(
  options: {
    parameters?: Readonly<Partial<Record<ParameterName, ParameterOverride>>>;
    genesis?: Partial<Genesis>;
    chain?: LocalChain;
  } = {},
): Promise<TestNetwork> {
  const chain = options.chain ?? (await startChain());
  const transport = http(chain.url, { retryCount: 0 });
  // Reads that are asked for together go in one request.
  const batching = http(chain.url, { retryCount: 0, batch: { batchSize: 200 } });
  const definition = { ...foundry, rpcUrls: { default: { http: [chain.url] } } };
  const client = createPublicClient({ chain: definition, transport: batching, pollingInterval: 10, cacheTime: 0 });
  const wallet = createWalletClient({ chain: definition, transport, account: ACTORS[0] });
  const test = createTestClient({ chain: definition, mode: 'anvil', transport });
  const deploying = deployNetwork({
    walletClient: wallet,
    publicClient: client as PublicClient,
    genesis: {
      supplyCap: 100_000_000n * TOKEN,
      allocations: ACTORS.map(({ address }) => ({ account: address, amount: ALLOCATION })),
      parameters: { ...LOCAL_PARAMETERS, ...options.parameters },
      guardian: ACTORS[11].address,
      verifierDigests: [`0x${'11'.repeat(32)}`],
      ...options.genesis,
    },
  });
  const { addresses: at, gasUsed } = await deploying.catch(async (error) => {
    await chain.stop();
    throw error;
  });
  // The owner of everything, the only caller of slash, settle and pay, and the only minter.
  for (const address of [at.timelock, at.settlement, at.emission]) {
    await test.impersonateAccount({ address });
    await test.setBalance({ address, value: 1_000n * TOKEN });
  }
  const request = (actor: Actor | Address, contract: Contract, functionName: string, args: readonly unknown[]) =>
    ({ account: actor, address: at[contract], abi: ABIS[contract] as Abi, functionName, args }) as const;

  return {
    at,
    client,
    test,
    wallet,
    gasUsed,
    chainId: await client.getChainId(),
    async send(actor, contract, functionName, args = []) {
      const call = request(actor, contract, functionName, args);
      try {
        await client.simulateContract(call);
      } catch (error) {
        throw new Error(`${contract}.${functionName}: ${errorName(error, call.abi)}`);
      }
      const hash = await wallet.writeContract({ ...call, chain: definition, gas: 12_000_000n });
      const receipt = await client.waitForTransactionReceipt({ hash });
      if (receipt.status !== 'success') throw new Error(`${contract}.${functionName}: reverted when sent`);
      return { gasUsed: receipt.gasUsed, hash };
    },
    async refusal(actor, contract, functionName, args = []) {
      const call = request(actor, contract, functionName, args);
      try {
        await client.simulateContract(call);
        return undefined;
      } catch (error) {
        return errorName(error, call.abi);
      }
    },
    // biome-ignore lint/suspicious/noExplicitAny: see the interface.
    async read<T = any>(contract: Contract, functionName: string, args: readonly unknown[] = []) {
      return (await client.readContract({
        address: at[contract],
        abi: ABIS[contract] as Abi,
        functionName,
        args,
      })) as T;
    },
    async pass(seconds) {
      await test.increaseTime({ seconds: Number(seconds) });
      await test.mine({ blocks: 1 });
    },
    async now() {
      return (await client.getBlock({ blockTag: 'latest' })).timestamp;
    },
    stop: () => chain.stop(),
  };
}
