/** Reading and writing the network's contracts, through any EVM chain's JSON-RPC. */
import {
  dsperseGovernorAbi,
  dsperseTimelockAbi,
  dsperseTokenAbi,
  emissionAbi,
  guardianAbi,
  marketAbi,
  modelRegistryAbi,
  type NetworkAddresses,
  parametersAbi,
  settlementAbi,
  stakeManagerAbi,
  treasuryAbi,
} from '@dsperse/contracts';
import { InputError } from '@dsperse/core/verify';
import {
  type Abi,
  type Account,
  type Address,
  type Chain,
  type ContractEventName,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  createPublicClient,
  createWalletClient,
  defineChain,
  type GetContractEventsReturnType,
  type Hex,
  http,
  type PublicClient,
  parseSignature,
  type TransactionReceipt,
  type Transport,
  type WalletClient,
} from 'viem';
import type { LocalAccount } from 'viem/accounts';
import { chainError } from './chain-error.js';
import { minedReceipt } from './mined-receipt.js';

const ABIS = {
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

type Abis = typeof ABIS;
export type ContractName = keyof NetworkAddresses;
type Readable<C extends ContractName> = ContractFunctionName<Abis[C], 'view' | 'pure'>;
type ReadArgs<C extends ContractName, F extends Readable<C>> = ContractFunctionArgs<Abis[C], 'view' | 'pure', F>;
type Writable<C extends ContractName> = ContractFunctionName<Abis[C], 'nonpayable' | 'payable'>;
type WriteArgs<C extends ContractName, F extends Writable<C>> = ContractFunctionArgs<
  Abis[C],
  'nonpayable' | 'payable',
  F
>;

export interface ChainOptions {
  readonly contracts: Readonly<Partial<NetworkAddresses>>;
  /** Either the URL of a node… */
  readonly rpcUrl?: string;
  /** …or clients, as a browser's wallet gives them. */
  readonly publicClient?: PublicClient;
  readonly walletClient?: WalletClient<Transport, Chain | undefined, Account>;
  /** Sends the transactions; without it the chain is only read. */
  readonly account?: LocalAccount;
  /** Where given, the chain must have this id. */
  readonly chainId?: number;
  /** Events before this block are not read. */
  readonly fromBlock?: bigint;
  readonly pollingMs?: number;
  /** How long a transaction may take to be mined. */
  readonly confirmMs?: number;
  /** In place of the platform's `fetch`, where the URL of a node is given. */
  readonly fetch?: typeof fetch;
}

/** How many blocks are asked for in one call. */
const BLOCKS_PER_CALL = 5_000n;
const PERMIT_SECONDS = 3600n;
/** A chain that does not answer a call in this time is away. */
const ANSWER_MS = 6_000;

// biome-ignore lint/suspicious/noExplicitAny: the types are those of the method's signature.
type Loose = any;

export class ChainAccess {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly chainId: number,
    readonly publicClient: PublicClient,
    private readonly walletClient: WalletClient<Transport, Chain | undefined, Account> | undefined,
    private readonly options: ChainOptions,
  ) {}

  /** @throws TransportError `chain`; InputError `no-rpc`, `wrong-chain` */
  static async connect(options: ChainOptions): Promise<ChainAccess> {
    const { rpcUrl, account, pollingMs: pollingInterval = 500 } = options;
    if (rpcUrl === undefined && !options.publicClient) {
      throw new InputError('no-rpc', 'the chain’s RPC is not known', 'give the URL of its JSON-RPC');
    }
    const transport = http(rpcUrl, {
      retryCount: 1,
      timeout: ANSWER_MS,
      ...(options.fetch ? { fetchFn: options.fetch } : {}),
    });
    let chainId: number;
    try {
      chainId = await (options.publicClient ?? createPublicClient({ transport })).getChainId();
    } catch (error) {
      throw chainError(error, 'the chain');
    }
    if (options.chainId !== undefined && options.chainId !== chainId) {
      const hint = 'give the RPC of the network’s chain';
      throw new InputError('wrong-chain', `the RPC is of chain ${chainId}, expected ${options.chainId}`, hint);
    }
    const chain = defineChain({
      id: chainId,
      name: 'dsperse',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: rpcUrl === undefined ? [] : [rpcUrl] } },
    });
    const reader = options.publicClient ?? (createPublicClient({ chain, transport, pollingInterval }) as PublicClient);
    const writer =
      options.walletClient ??
      (account && rpcUrl !== undefined
        ? createWalletClient({ account, chain, transport, pollingInterval })
        : undefined);
    return new ChainAccess(chainId, reader, writer, options);
  }

  /** The account that sends. @throws InputError `read-only` */
  get account(): Account {
    if (!this.walletClient) {
      throw new InputError('read-only', 'no account sends the transaction', 'give an account, or a wallet');
    }
    return this.walletClient.account;
  }

  /** @throws InputError `no-contract` */
  addressOf(contract: ContractName): Address {
    const address = this.options.contracts[contract];
    if (!address) throw new InputError('no-contract', `the address of the ${contract} is not known`, 'give it');
    return address;
  }

  /** What a transaction that is sent now would see, in seconds: a chain that mines on demand has an old latest block. */
  async now(): Promise<bigint> {
    try {
      return (await this.publicClient.getBlock({ blockTag: 'pending' })).timestamp;
    } catch (error) {
      throw chainError(error, 'the next block');
    }
  }

  /**
   * @param at `pending` for what depends on the time: as a transaction that is sent now would see it
   * @throws InputError `refused`, TransportError `chain`
   */
  async read<C extends ContractName, F extends Readable<C>, const A extends ReadArgs<C, F>>(
    contract: C,
    functionName: F,
    args: A,
    at: 'latest' | 'pending' = 'latest',
  ): Promise<ContractFunctionReturnType<Abis[C], 'view' | 'pure', F, A>> {
    const call: Loose = { address: this.addressOf(contract), abi: ABIS[contract], functionName, args, blockTag: at };
    try {
      return (await this.publicClient.readContract(call)) as Loose;
    } catch (error) {
      throw chainError(error, `${contract}.${functionName}`, Object.values(ABIS) as Abi[]);
    }
  }

  /**
   * Sends a call whose gas was estimated first, so that a refusal costs nothing and says why, and waits until it is mined.
   * Calls of one object go one after another.
   * @throws InputError `refused`, `read-only`; TransportError `chain`, `reverted`
   */
  send<C extends ContractName, F extends Writable<C>, const A extends WriteArgs<C, F>>(
    contract: C,
    functionName: F,
    args: A,
  ): Promise<TransactionReceipt> {
    const sent = this.last.then(() => this.sendNow(contract, functionName as string, args as readonly unknown[]));
    this.last = sent.catch(() => undefined);
    return sent;
  }

  /** All events of a kind, oldest first. */
  async events<C extends ContractName, E extends ContractEventName<Abis[C]>>(
    contract: C,
    eventName: E,
    args?: Readonly<Record<string, unknown>>,
  ): Promise<GetContractEventsReturnType<Abis[C], E, true>> {
    const found: unknown[] = [];
    const common: Loose = { address: this.addressOf(contract), abi: ABIS[contract], eventName, args, strict: true };
    try {
      const head = await this.publicClient.getBlockNumber({ cacheTime: 0 });
      for (let from = this.options.fromBlock ?? 0n; from <= head; from += BLOCKS_PER_CALL) {
        const to = from + BLOCKS_PER_CALL - 1n < head ? from + BLOCKS_PER_CALL - 1n : head;
        found.push(...(await this.publicClient.getContractEvents({ ...common, fromBlock: from, toBlock: to })));
      }
    } catch (error) {
      throw chainError(error, `events of the ${contract}`);
    }
    return found as Loose;
  }

  /** Typed data under the domain that the contract says of itself. @throws InputError `read-only` */
  async signFor(
    contract: 'token' | 'governor',
    primaryType: string,
    fields: readonly { readonly name: string; readonly type: string }[],
    message: Record<string, unknown>,
  ): Promise<Hex> {
    const { account } = this;
    const [, name, version] = await this.read(contract, 'eip712Domain', []);
    const domain = { name, version, chainId: this.chainId, verifyingContract: this.addressOf(contract) };
    const wallet = this.walletClient as WalletClient<Transport, Chain | undefined, Account>;
    const types = { [primaryType]: fields };
    return wallet.signTypedData({ account, domain, types, primaryType, message } as Loose);
  }

  /** Lets `spender` take `amount` of the token, by signature. */
  async permit(
    spender: Address,
    amount: bigint,
  ): Promise<{ deadline: bigint; v: number; r: `0x${string}`; s: `0x${string}` }> {
    const owner = this.account.address;
    const [nonce, now] = await Promise.all([this.read('token', 'nonces', [owner]), this.now()]);
    const deadline = now + PERMIT_SECONDS;
    const fields = [
      { name: 'owner', type: 'address' },
      { name: 'spender', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'nonce', type: 'uint256' },
      { name: 'deadline', type: 'uint256' },
    ];
    const message = { owner, spender, value: amount, nonce, deadline };
    const signature = await this.signFor('token', 'Permit', fields, message);
    const { r, s, yParity } = parseSignature(signature);
    return { deadline, v: 27 + yParity, r, s };
  }

  private async sendNow(
    contract: ContractName,
    functionName: string,
    args: readonly unknown[],
  ): Promise<TransactionReceipt> {
    const { account } = this;
    const wallet = this.walletClient as WalletClient<Transport, Chain | undefined, Account>;
    const call: Loose = { address: this.addressOf(contract), abi: ABIS[contract], functionName, args, account };
    try {
      const estimate = await this.publicClient.estimateContractGas(call);
      // The state may have moved on when it is mined; what is not used costs nothing.
      const hash = await wallet.writeContract({ ...call, gas: (estimate * 13n) / 10n });
      const timeout = this.options.confirmMs ?? 120_000;
      const receipt = await minedReceipt(this.publicClient, hash, timeout);
      if (receipt.status === 'success') return receipt;
    } catch (error) {
      throw chainError(error, `${contract}.${functionName}`, Object.values(ABIS) as Abi[]);
    }
    throw new InputError('reverted', `${contract}.${functionName} was reverted when it was mined`, 'try again');
  }
}
