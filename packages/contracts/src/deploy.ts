/** Deployment of a whole network from its genesis. */
import {
  type Abi,
  type Account,
  type Address,
  type Chain,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  isAddressEqual,
  type PublicClient,
  stringToHex,
  type Transport,
  type WalletClient,
  zeroAddress,
} from 'viem';
import { DeploymentError } from './deployment-error.js';
import { dsperseGovernorAbi, dsperseGovernorBytecode } from './generated/dsperse-governor.js';
import { dsperseTimelockAbi, dsperseTimelockBytecode } from './generated/dsperse-timelock.js';
import { dsperseTokenAbi, dsperseTokenBytecode } from './generated/dsperse-token.js';
import { emissionAbi, emissionBytecode } from './generated/emission.js';
import { guardianAbi, guardianBytecode } from './generated/guardian.js';
import { marketAbi, marketBytecode } from './generated/market.js';
import { modelRegistryAbi, modelRegistryBytecode } from './generated/model-registry.js';
import { parametersAbi, parametersBytecode } from './generated/parameters.js';
import { proxyAbi, proxyBytecode } from './generated/proxy.js';
import { settlementAbi, settlementBytecode } from './generated/settlement.js';
import { stakeManagerAbi, stakeManagerBytecode } from './generated/stake-manager.js';
import { treasuryAbi, treasuryBytecode } from './generated/treasury.js';
import { type Genesis, parameterDefinitions, validateGenesis } from './genesis.js';

export interface NetworkAddresses {
  readonly token: Address;
  readonly emission: Address;
  readonly parameters: Address;
  readonly guardian: Address;
  readonly stake: Address;
  readonly models: Address;
  readonly market: Address;
  readonly settlement: Address;
  readonly governor: Address;
  readonly timelock: Address;
  readonly treasury: Address;
}

export interface Deployment {
  readonly addresses: NetworkAddresses;
  /** The block of the first transaction: events are read from there. */
  readonly fromBlock: bigint;
  readonly gasUsed: Readonly<Record<string, bigint>>;
}

// The order of the transactions, and so the addresses: contracts know each other by address before they exist.
const STEPS = [
  'parameters',
  'timelock',
  'token',
  'emission',
  'guardian',
  'treasury',
  'governor',
  'stakeImplementation',
  'stake',
  'modelsImplementation',
  'models',
  'marketImplementation',
  'market',
  'settlementImplementation',
  'settlement',
] as const;
type Step = (typeof STEPS)[number];

function creationCode(at: Record<Step, Address>, genesis: Genesis): Record<Step, Hex> {
  const deploy = (abi: Abi, bytecode: Hex, args: readonly unknown[] = []) => encodeDeployData({ abi, bytecode, args });
  const proxy = (implementation: Address, abi: Abi, args: readonly unknown[]) =>
    deploy(proxyAbi, proxyBytecode, [implementation, encodeFunctionData({ abi, functionName: 'initialize', args })]);
  const definitions = parameterDefinitions(genesis).map(({ name, value, min, max, maxStepBps }) => ({
    name: stringToHex(name, { size: 32 }),
    value,
    min,
    max,
    maxStepBps,
  }));
  const { timelock, parameters, guardian, token, settlement, market, stake, treasury } = at;
  const common = [timelock, parameters, guardian];
  return {
    parameters: deploy(parametersAbi, parametersBytecode, [timelock, settlement, definitions]),
    timelock: deploy(dsperseTimelockAbi, dsperseTimelockBytecode, [parameters, [at.governor], [zeroAddress]]),
    token: deploy(dsperseTokenAbi, dsperseTokenBytecode, [genesis.supplyCap, at.emission, genesis.allocations]),
    emission: deploy(emissionAbi, emissionBytecode, [parameters, token, settlement, market]),
    guardian: deploy(guardianAbi, guardianBytecode, [timelock, parameters, genesis.guardian ?? zeroAddress]),
    treasury: deploy(treasuryAbi, treasuryBytecode, [timelock]),
    governor: deploy(dsperseGovernorAbi, dsperseGovernorBytecode, [token, timelock, parameters, stake]),
    stakeImplementation: deploy(stakeManagerAbi, stakeManagerBytecode),
    stake: proxy(at.stakeImplementation, stakeManagerAbi, [...common, token, settlement, treasury]),
    modelsImplementation: deploy(modelRegistryAbi, modelRegistryBytecode),
    models: proxy(at.modelsImplementation, modelRegistryAbi, [...common, genesis.verifierDigests]),
    marketImplementation: deploy(marketAbi, marketBytecode),
    market: proxy(at.marketImplementation, marketAbi, [...common, token, settlement]),
    settlementImplementation: deploy(settlementAbi, settlementBytecode),
    settlement: proxy(at.settlementImplementation, settlementAbi, [...common, token, market, stake, at.emission]),
  };
}

/**
 * Deploys every contract. The timelock owns all of them from their first transaction on, and the governor alone directs
 * the timelock: the deployer never has a right that it could keep. The deploying account must send nothing else
 * meanwhile. Throws DeploymentError, with the contract that failed; what was deployed before it stays on the chain
 * without use, and a new call deploys anew.
 */
export async function deployNetwork(options: {
  readonly walletClient: WalletClient<Transport, Chain | undefined, Account>;
  readonly publicClient: PublicClient;
  readonly genesis: Genesis;
}): Promise<Deployment> {
  const { walletClient, publicClient, genesis } = options;
  validateGenesis(genesis);
  const from = walletClient.account.address;
  const chainId = await publicClient.getChainId();
  if (genesis.chainId !== undefined && genesis.chainId !== chainId) {
    throw new DeploymentError(
      'wrong-chain',
      `the chain is ${chainId}, the genesis is for ${genesis.chainId}`,
      'connect to the other chain',
    );
  }
  const firstNonce = await publicClient.getTransactionCount({ address: from, blockTag: 'pending' });
  const at = Object.fromEntries(
    STEPS.map((step, i) => [step, getContractAddress({ from, nonce: BigInt(firstNonce + i) })]),
  ) as Record<Step, Address>;
  const code = creationCode(at, genesis);
  const gasUsed: Record<string, bigint> = {};
  let fromBlock = 0n;
  for (const [i, step] of STEPS.entries()) {
    const receipt = await send(step, code[step], firstNonce + i);
    if (!receipt.contractAddress || !isAddressEqual(receipt.contractAddress, at[step])) {
      throw new DeploymentError(
        'nonce-used',
        `${step} is not at the address that the others know`,
        'send nothing else from this account and deploy again',
      );
    }
    if (i === 0) fromBlock = receipt.blockNumber;
    gasUsed[step] = receipt.gasUsed;
  }
  const { token, emission, parameters, guardian, stake, models, market, settlement, governor, timelock, treasury } = at;
  return {
    addresses: {
      token,
      emission,
      parameters,
      guardian,
      stake,
      models,
      market,
      settlement,
      governor,
      timelock,
      treasury,
    },
    fromBlock,
    gasUsed,
  };

  async function send(step: Step, data: Hex, nonce: number) {
    try {
      const hash = await walletClient.sendTransaction({
        data,
        nonce,
        chain: walletClient.chain ?? null,
        account: walletClient.account,
      });
      const receipt = await publicClient.waitForTransactionReceipt({ hash });
      if (receipt.status === 'success') return receipt;
    } catch (cause) {
      const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
      throw new DeploymentError(
        'failed',
        `${step} could not be deployed: ${reason}`,
        'see the account’s funds and the genesis',
        { cause },
      );
    }
    throw new DeploymentError(
      'failed',
      `${step} could not be deployed: its transaction was reverted`,
      'see the genesis',
    );
  }
}
