/**
 * A network on one machine: contracts deployed, operators registered and staked, a requester with a deposit. Done once;
 * what is there already is kept.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  deployNetwork,
  dsperseTokenAbi,
  LOCAL_PARAMETERS,
  marketAbi,
  type NetworkAddresses,
  type ParameterName,
  type ParameterOverride,
  REGISTRATION_TYPES,
  stakeManagerAbi,
} from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import {
  type Account,
  type Address,
  BaseError,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  keccak256,
  type PublicClient,
  parseEther,
  stringToHex,
  type WalletClient,
} from 'viem';
import { gasFor, ledgerError } from '../chain/send-queue.js';
import { type Identity, NETWORK_FILE, readNetworkFile, writeNetworkFile } from '../node/index.js';
import { PROVER_ROLE, VALIDATOR_ROLE } from '../scoring/index.js';
import { deployerOf, type LocalMembers, ownerOf, REQUESTER } from './members.js';

export interface LocalNetworkTerms {
  readonly proverStake: bigint;
  readonly validatorStake: bigint;
  /** What the requester has in the market. */
  readonly deposit: bigint;
  readonly parameters?: Partial<Record<ParameterName, ParameterOverride>>;
}

export const LOCAL_TERMS: LocalNetworkTerms = {
  proverStake: parseEther('10000'),
  validatorStake: parseEther('100000'),
  deposit: parseEther('100000'),
};

const SUPPLY_CAP = parseEther('1000000000');
const REQUESTER_TOKENS = parseEther('1000000');
const TREASURY_TOKENS = parseEther('10000000');

/** Balances of gas that the accounts of a local chain start with. */
export const gasBalances = (keys: ReadonlyMap<string, Identity>): Record<Address, bigint> =>
  Object.fromEntries([...keys.values()].map((k) => [k.account.address, parseEther('10000')]));

export interface LocalNetwork {
  readonly chainId: number;
  readonly contracts: NetworkAddresses;
}

/**
 * @param tell is called before each step
 * @throws InputError `other-chain` where the network file is of another chain, or its contracts are not there;
 *   LedgerError where the chain does not answer, or the accounts have no gas there
 */
export async function setUpNetwork(
  directory: string,
  rpcUrl: string,
  keys: ReadonlyMap<string, Identity>,
  members: LocalMembers,
  terms: LocalNetworkTerms = LOCAL_TERMS,
  tell: (step: string) => void = () => {},
): Promise<LocalNetwork> {
  try {
    return await setUp(directory, rpcUrl, keys, members, terms, tell);
  } catch (error) {
    // viem's messages hold the RPC's URL, which may be a secret.
    throw error instanceof BaseError ? ledgerError(error, 'the chain') : error;
  }
}

async function setUp(
  directory: string,
  rpcUrl: string,
  keys: ReadonlyMap<string, Identity>,
  members: LocalMembers,
  terms: LocalNetworkTerms,
  tell: (step: string) => void,
): Promise<LocalNetwork> {
  const chain = await chainAt(rpcUrl);
  const file = join(directory, NETWORK_FILE);
  let network: LocalNetwork;
  if (existsSync(file)) {
    const known = readNetworkFile(file);
    network = { chainId: known.chainId, contracts: known.contracts as unknown as NetworkAddresses };
    const code = await chain.publicClient.getCode({ address: network.contracts.market });
    if (known.chainId !== chain.chainId || !code || code === '0x') {
      throw new InputError(
        'other-chain',
        `the contracts of ${file} are not on the chain at ${rpcUrl}`,
        'give the chain that the network was set up on, or another directory',
      );
    }
  } else {
    tell('deploying the contracts');
    network = await deploy(chain, deployerOf(keys), allocations(keys, members, terms), terms);
  }
  for (const name of members.validators) {
    tell(`staking for ${name}`);
    await stake(chain, network.contracts, keys, name, VALIDATOR_ROLE, terms.validatorStake);
  }
  for (const name of members.provers) {
    tell(`staking for ${name}`);
    await stake(chain, network.contracts, keys, name, PROVER_ROLE, terms.proverStake);
  }
  tell('depositing for the requester');
  await deposit(chain, network.contracts, keys.get(REQUESTER) as Identity, terms.deposit);
  // Last: where it is, the network stands.
  if (!existsSync(file))
    await writeNetworkFile(file, { chainId: network.chainId, contracts: { ...network.contracts } });
  return network;
}

interface ChainAt {
  readonly chainId: number;
  readonly publicClient: PublicClient;
  wallet(account: Account): WalletClient;
  /** Sends a call of a contract and waits for it. */
  write(account: Account, call: object): Promise<void>;
}

async function chainAt(rpcUrl: string): Promise<ChainAt> {
  const transport = http(rpcUrl);
  const chainId = await createPublicClient({ transport }).getChainId();
  const chain = defineChain({
    id: chainId,
    name: 'local',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const publicClient = createPublicClient({ chain, transport, pollingInterval: 50 }) as PublicClient;
  const wallet = (account: Account) => createWalletClient({ account, chain, transport, pollingInterval: 50 });
  return {
    chainId,
    publicClient,
    wallet,
    async write(account, call) {
      const gas = await gasFor(publicClient, { ...call, account });
      const hash = await wallet(account).writeContract({ ...call, gas } as never);
      const { status } = await publicClient.waitForTransactionReceipt({ hash });
      if (status !== 'success') throw new Error(`a transaction was reverted: ${hash}`);
    },
  };
}

function allocations(keys: ReadonlyMap<string, Identity>, members: LocalMembers, terms: LocalNetworkTerms) {
  const of = (name: string, amount: bigint) => ({ account: (keys.get(name) as Identity).account.address, amount });
  return [
    ...members.validators.map((v) => of(ownerOf(v), terms.validatorStake * 2n)),
    ...members.provers.map((p) => of(ownerOf(p), terms.proverStake * 2n)),
    of(REQUESTER, REQUESTER_TOKENS + terms.deposit),
    { account: deployerOf(keys).account.address, amount: TREASURY_TOKENS },
  ];
}

async function deploy(
  chain: ChainAt,
  deployer: Identity,
  granted: { account: Address; amount: bigint }[],
  terms: LocalNetworkTerms,
): Promise<LocalNetwork> {
  const { addresses } = await deployNetwork({
    walletClient: chain.wallet(deployer.account) as Parameters<typeof deployNetwork>[0]['walletClient'],
    publicClient: chain.publicClient,
    genesis: {
      supplyCap: SUPPLY_CAP,
      allocations: granted,
      parameters: { ...LOCAL_PARAMETERS, ...(terms.parameters ?? {}) },
      verifierDigests: [keccak256(stringToHex('dsperse protocol 1'))],
    },
  });
  return { chainId: chain.chainId, contracts: addresses };
}

async function stake(
  chain: ChainAt,
  contracts: NetworkAddresses,
  keys: ReadonlyMap<string, Identity>,
  name: string,
  role: 1 | 2,
  amount: bigint,
): Promise<void> {
  const operator = (keys.get(name) as Identity).account;
  const owner = (keys.get(ownerOf(name)) as Identity).account;
  const manager = { address: contracts.stake, abi: stakeManagerAbi } as const;
  const pool = await chain.publicClient.readContract({
    ...manager,
    functionName: 'ownerOf',
    args: [role, operator.address],
  });
  if (BigInt(pool) === 0n) {
    const signature = await operator.signTypedData({
      domain: { name: 'DSperse', version: '1', chainId: chain.chainId, verifyingContract: contracts.stake },
      types: REGISTRATION_TYPES,
      primaryType: 'Registration',
      message: { role, operator: operator.address, owner: owner.address },
    });
    await chain.write(owner, {
      ...manager,
      functionName: 'register',
      args: [role, operator.address, 0n, signature as Hex],
    });
  }
  const active = await chain.publicClient.readContract({
    ...manager,
    functionName: 'activeStake',
    args: [role, operator.address],
  });
  // Slashed stake is not made good: only what was never staked.
  if (active > 0n) return;
  await chain.write(owner, {
    address: contracts.token,
    abi: dsperseTokenAbi,
    functionName: 'approve',
    args: [contracts.stake, amount],
  });
  await chain.write(owner, { ...manager, functionName: 'stake', args: [role, operator.address, amount] });
}

async function deposit(
  chain: ChainAt,
  contracts: NetworkAddresses,
  requester: Identity,
  amount: bigint,
): Promise<void> {
  const market = { address: contracts.market, abi: marketAbi } as const;
  const has = await chain.publicClient.readContract({
    ...market,
    functionName: 'balanceOf',
    args: [requester.account.address],
  });
  const held = await chain.publicClient.readContract({
    address: contracts.token,
    abi: dsperseTokenAbi,
    functionName: 'balanceOf',
    args: [requester.account.address],
  });
  if (has > 0n || held < amount) return;
  await chain.write(requester.account, {
    address: contracts.token,
    abi: dsperseTokenAbi,
    functionName: 'approve',
    args: [contracts.market, amount],
  });
  await chain.write(requester.account, { ...market, functionName: 'deposit', args: [amount] });
}
