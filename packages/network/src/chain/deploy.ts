/** A network's contracts on a chain that runs already. */
import { DeploymentError, deployNetwork, type Genesis, type NetworkAddresses } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  keccak256,
  type LocalAccount,
  type PublicClient,
  stringToHex,
} from 'viem';

export interface DeployedNetwork {
  readonly chainId: number;
  readonly contracts: NetworkAddresses;
  /** The block of the first contract: logs before it need not be read. */
  readonly fromBlock: number;
  readonly gasUsed: bigint;
}

/**
 * Deploys every contract from one account, which keeps no right over any of them and must send nothing else meanwhile.
 * @throws InputError `no-chain`, `no-gas`, `bad-genesis`, `wrong-chain`, `nonce-used`, `failed`
 */
export async function deployTo(rpcUrl: string, account: LocalAccount, genesis: Genesis): Promise<DeployedNetwork> {
  const transport = http(rpcUrl);
  const chainId = await createPublicClient({ transport })
    .getChainId()
    .catch((cause) => {
      const hint = 'check the URL of --rpc, and that the chain runs';
      throw new InputError('no-chain', 'the chain does not answer', hint, undefined, { cause });
    });
  const chain = defineChain({
    id: chainId,
    name: `chain ${chainId}`,
    nativeCurrency: { name: 'native', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const publicClient = createPublicClient({ chain, transport }) as PublicClient;
  if ((await publicClient.getBalance({ address: account.address })) === 0n) {
    const hint = "send it some of the chain's own tokens";
    throw new InputError('no-gas', `${account.address} cannot pay for transactions on chain ${chainId}`, hint);
  }
  try {
    const walletClient = createWalletClient({ account, chain, transport });
    const { addresses, fromBlock, gasUsed } = await deployNetwork({ walletClient, publicClient, genesis });
    const gas = Object.values(gasUsed).reduce((sum, g) => sum + g, 0n);
    return { chainId, contracts: addresses, fromBlock: Number(fromBlock), gasUsed: gas };
  } catch (error) {
    if (!(error instanceof DeploymentError)) throw error;
    throw new InputError(error.code, error.message, error.hint, undefined, { cause: error });
  }
}

/** Under which a version of the protocol is registered. */
export const protocolDigest = (version: number): Hex => keccak256(stringToHex(`dsperse protocol ${version}`));
