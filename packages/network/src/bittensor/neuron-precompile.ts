/**
 * The neuron precompile of subtensor's EVM. The signature is that of precompiles/src/solidity/neuron.sol in
 * opentensor/subtensor (commit 7ce0a2d2); described at docs.learnbittensor.org/evm-tutorials/neuron-precompile. The
 * weights are those of the hotkey that mirrors the sending account, so that account must be registered in the subnet.
 * Subnets with commit–reveal of weights refuse this call.
 */
import { type Account, type Address, createPublicClient, createWalletClient, defineChain, type Hex, http } from 'viem';
import type { WeightVector } from './weight-vector.js';

export const NEURON_PRECOMPILE: Address = '0x0000000000000000000000000000000000000804';

export const NEURON_ABI = [
  {
    type: 'function',
    name: 'setWeights',
    stateMutability: 'payable',
    inputs: [
      { name: 'netuid', type: 'uint16' },
      { name: 'dests', type: 'uint16[]' },
      { name: 'weights', type: 'uint16[]' },
      { name: 'versionKey', type: 'uint64' },
    ],
    outputs: [],
  },
] as const;

export interface SubmitOptions {
  readonly rpcUrl: string;
  readonly account: Account;
  readonly netuid: number;
  /** The subnet's version of weights. */
  readonly versionKey: bigint;
  readonly timeoutMs: number;
  /** Another contract with this interface. */
  readonly precompile?: Address;
}

/** Sends the weights and waits for the block. Throws where the call is refused or takes longer than `timeoutMs`. */
export async function submitWeights(
  vector: Pick<WeightVector, 'uids' | 'weights'>,
  options: SubmitOptions,
): Promise<Hex> {
  const { rpcUrl, account, netuid, versionKey, timeoutMs, precompile = NEURON_PRECOMPILE } = options;
  const transport = http(rpcUrl, { timeout: timeoutMs, retryCount: 0 });
  const id = await createPublicClient({ transport }).getChainId();
  const chain = defineChain({
    id,
    name: 'subtensor',
    nativeCurrency: { name: 'TAO', symbol: 'TAO', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const reader = createPublicClient({ chain, transport, pollingInterval: 250 });
  const call = {
    address: precompile,
    abi: NEURON_ABI,
    functionName: 'setWeights',
    args: [netuid, [...vector.uids], [...vector.weights], versionKey],
    account,
  } as const;
  await reader.simulateContract(call);
  const hash = await createWalletClient({ chain, transport, account }).writeContract(call);
  const receipt = await reader.waitForTransactionReceipt({ hash, timeout: timeoutMs });
  if (receipt.status !== 'success') throw new Error(`setWeights was reverted in ${hash}`);
  return hash;
}
