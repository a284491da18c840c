/** A requester's client of one gateway. Runs in browsers and in Node. */
import type { NetworkAddresses } from '@dsperse/contracts';
import type { Tensor } from '@dsperse/core/graph';
import { quantizeInputs } from '@dsperse/core/program';
import { fingerprintOf, InputError, type PublicValues } from '@dsperse/core/verify';
import {
  digestOfBytes,
  type Order,
  type OrderView,
  orderViewSchema,
  type ProgramDocument,
  type QuoteDocument,
  quoteSchema,
  toJson,
} from '@dsperse/network/messages';
import { NodeClient, type NodeClientOptions, TransportError } from '@dsperse/network/transport';
import { type Address, type Hex, stringToHex } from 'viem';
import type { LocalAccount } from 'viem/accounts';
import type { Electorate } from './certificate-chunk.js';
import { ChainAccess, type ChainOptions } from './chain-access.js';
import { type Balances, balancesOf, deposit, forceExit, placeDirect, requestCancel, withdraw } from './deposits.js';
import { electorateOf } from './electorate.js';
import { fetchBlob, fetchKey, findProgram, type PublishableProgram, publishProgram } from './gateway-blobs.js';
import { type ExpectedNetwork, type GatewayIdentity, meetGateway } from './gateway-identity.js';
import { openedKeys } from './opened-keys.js';
import { cancelOrder, OrderHandle, viewOrder } from './order-handle.js';
import { draftOrder, type OrderTerms, type PriceTerms, sealOrder } from './order-terms.js';
import { type ActivationSource, type OrderInHand, openSavedOrder } from './saved-order.js';

export interface ClientOptions {
  readonly gatewayUrl: string;
  /** Signs orders and requests. */
  readonly account: LocalAccount;
  /** The network that the gateway must be of; without it the gateway's word is taken for which network it is. */
  readonly network?: ExpectedNetwork;
  /** The chain, for deposits and exits: the URL of its RPC, or a wallet's clients. */
  readonly chain?: Omit<ChainOptions, 'contracts' | 'account' | 'chainId'>;
  readonly timeoutMs?: number;
  readonly fetch?: NodeClientOptions['fetch'];
}

export interface QuoteRequest {
  readonly fingerprint: string;
  readonly price: PriceTerms;
  readonly deadlineSeconds: number;
}

/** The input: integers by tensor, or real numbers that are quantised here. */
export type OrderInput =
  | { readonly integers: PublicValues }
  | { readonly tensors: ReadonlyMap<string, Tensor>; readonly clamp?: boolean };

export interface OrderRequest extends OrderTerms {
  /** `key`: the verifier key, where the caller has it; it must be that of the fingerprint, as a fetched one must. */
  readonly program: { readonly fingerprint: string; readonly key?: Uint8Array };
  readonly input: OrderInput;
  /** Who runs the integer inference; the gateway where nothing is said. */
  readonly activations?: ActivationSource;
  /** Slice packages by index, for the requester's own inference; fetched by digest where it is not given. */
  readonly readSlice?: (index: number) => Uint8Array | Promise<Uint8Array>;
  /** Called with the handle before the order is sent: the place to save it. */
  readonly onDrafted?: (handle: OrderHandle) => void | Promise<void>;
}

const SUBMIT_TIMEOUT_MS = 300_000;
const MAX_PACKAGE_BYTES = 2 ** 31 - 1;
const submitted = orderViewSchema.pick({ id: true });

/** @throws TransportError `unreachable`, `other-network`, `bad-record`, `not-a-gateway` */
export async function createClient(options: ClientOptions): Promise<Client> {
  const { gatewayUrl: baseUrl, account, timeoutMs, fetch } = options;
  const common = { baseUrl, timeoutMs, fetch };
  const expected = options.network && (await withClockSkew(options.network, options));
  const gateway = await meetGateway(new NodeClient({ ...common, maxRetries: 1 }), expected);
  const { network, address: audience } = gateway;
  return new Client(options, gateway, new NodeClient({ ...common, signer: account, network, audience }));
}

/** The parameter, where the chain can be asked; what it starts with counts where it cannot. */
async function withClockSkew(network: ExpectedNetwork, { chain }: ClientOptions): Promise<ExpectedNetwork> {
  const { contracts, chainId } = network;
  if (!chain || !contracts.parameters || network.clockSkewSeconds !== undefined) return network;
  try {
    const access = await ChainAccess.connect({ ...chain, contracts, chainId });
    const name = stringToHex('clockSkewSeconds', { size: 32 });
    return { ...network, clockSkewSeconds: Number(await access.read('parameters', 'get', [name])) };
  } catch {
    return network;
  }
}

export class Client {
  private chainAccess: Promise<ChainAccess> | undefined;
  private readonly keys = new Map<string, Promise<Uint8Array>>();
  private readonly programs = new Map<string, ProgramDocument>();

  constructor(
    private readonly options: ClientOptions,
    readonly gateway: GatewayIdentity,
    private readonly http: NodeClient,
  ) {}

  get account(): LocalAccount {
    return this.options.account;
  }

  /** What the gateway says of a program; undefined where it does not have it. */
  program(fingerprint: string): Promise<ProgramDocument | undefined> {
    return findProgram(this.http, fingerprint);
  }

  /** The verifier key of a program, compared with its fingerprint. */
  key(fingerprint: string): Promise<Uint8Array> {
    const known = this.keys.get(fingerprint);
    if (known) return known;
    const fetched = this.requireProgram(fingerprint).then((p) => fetchKey(this.http, p, fingerprint));
    this.keys.set(fingerprint, fetched);
    fetched.catch(() => this.keys.delete(fingerprint));
    return fetched;
  }

  /** Sends what the gateway lacks of a program. @returns whether anything was sent */
  publish(program: PublishableProgram, onBlob?: (done: number, all: number) => void): Promise<boolean> {
    return publishProgram(this.http, program, onBlob);
  }

  quote({ fingerprint, price, deadlineSeconds }: QuoteRequest): Promise<QuoteDocument> {
    const body = {
      fingerprint,
      priceMin: price.min,
      priceMax: price.max,
      rampSeconds: price.rampSeconds,
      deadlineSeconds,
    };
    return this.http.post('/v1/quotes', toJson(body), quoteSchema, { idempotent: true });
  }

  /**
   * Commits to the input, signs and submits an order.
   * @throws InputError `bad-input`, `out-of-range`, `other-program`, `unknown-program`, `bad-price-curve`; TransportError
   */
  async order(request: OrderRequest): Promise<OrderHandle> {
    const { fingerprint, key } = request.program;
    const document = await this.requireProgram(fingerprint);
    if (key) this.holdKey(fingerprint, key);
    const inputs = await this.integersOf(fingerprint, request.input);
    const { account, gateway } = this;
    const drafted = await draftOrder(
      account,
      gateway.network,
      gateway.address,
      document,
      inputs,
      request,
      this.nowSeconds(),
    );
    const order: OrderInHand = { ...drafted, inputs, activations: request.activations ?? 'gateway' };
    const handle = this.handleOf(order);
    await request.onDrafted?.(handle);
    await this.submit(order, document, request.readSlice);
    return handle;
  }

  /**
   * An order from what `handle.save()` gave; it is sent again where the gateway does not know it.
   * @throws InputError `bad-saved-order`, `other-network`, `other-account`
   */
  async resume(saved: unknown, readSlice?: OrderRequest['readSlice']): Promise<OrderHandle> {
    const order = openSavedOrder(saved, this.gateway.network);
    const { requester, fingerprint } = order.order.message;
    if (requester.toLowerCase() !== this.account.address.toLowerCase()) {
      throw new InputError('other-account', `the order is of ${requester}`, 'use the key that signed it');
    }
    const handle = this.handleOf(order);
    try {
      await handle.view();
    } catch (error) {
      if (!(error instanceof TransportError) || error.status !== 404) throw error;
      await this.submit(order, await this.requireProgram(fingerprint.slice(2)), readSlice);
    }
    return handle;
  }

  /** State, chunks and attempts of an order of this account. */
  view(id: Hex): Promise<OrderView> {
    return viewOrder(this.http, id);
  }

  /** No further work on an order of this account. */
  cancel(id: Hex): Promise<OrderView> {
    return cancelOrder(this.http, this.account, this.gateway.network, id, this.nowSeconds());
  }

  /** The network's contracts. @throws InputError `no-rpc`, `wrong-chain` */
  chain(): Promise<ChainAccess> {
    const { chainId } = this.gateway.network;
    const contracts = { ...this.gateway.contracts, ...this.options.network?.contracts } as Partial<NetworkAddresses>;
    this.chainAccess ??= ChainAccess.connect({ ...this.options.chain, contracts, chainId, account: this.account });
    this.chainAccess.catch(() => {
      this.chainAccess = undefined;
    });
    return this.chainAccess;
  }

  async balance(): Promise<Balances> {
    return balancesOf(await this.chain(), this.account.address);
  }

  /** Token units. @returns the transaction's hash */
  async deposit(amount: bigint): Promise<Hex> {
    return deposit(await this.chain(), amount);
  }

  async withdraw(amount: bigint, to?: Address): Promise<Hex> {
    return withdraw(await this.chain(), amount, to);
  }

  /** On the chain, where the gateway does not answer. */
  async requestCancel(id: Hex): Promise<Hex> {
    return requestCancel(await this.chain(), id);
  }

  async forceExit(id: Hex): Promise<Hex> {
    return forceExit(await this.chain(), id);
  }

  /** Reserves and publishes an order on the chain, where the gateway censors it. */
  async placeDirect(order: Order): Promise<Hex> {
    return placeDirect(await this.chain(), order);
  }

  private nowSeconds(): number {
    return Math.floor((Date.now() + this.gateway.clockAheadMs) / 1000);
  }

  /** What a fingerprint stands for does not change: it is asked for once. */
  private async requireProgram(fingerprint: string): Promise<ProgramDocument> {
    const known = this.programs.get(fingerprint);
    if (known) return known;
    const document = await this.program(fingerprint);
    if (document?.fingerprint === fingerprint) {
      this.programs.set(fingerprint, document);
      return document;
    }
    const hint = 'publish it there first';
    throw new InputError('unknown-program', `the gateway has no program ${fingerprint}`, hint);
  }

  private holdKey(fingerprint: string, key: Uint8Array): void {
    if (fingerprintOf(key) !== fingerprint) {
      throw new InputError('other-program', 'the key is of another program', 'give the key of this fingerprint');
    }
    this.keys.set(fingerprint, Promise.resolve(key));
  }

  private async integersOf(fingerprint: string, input: OrderInput): Promise<PublicValues> {
    if ('integers' in input) return input.integers;
    const bytes = await this.key(fingerprint);
    const key = openedKeys.decode(bytes, digestOfBytes(bytes));
    return quantizeInputs(key, input.tensors, { clamp: input.clamp }).integers;
  }

  private async submit(order: OrderInHand, program: ProgramDocument, readSlice: OrderRequest['readSlice']) {
    const activations = order.activations === 'own' ? await this.activationsOf(order, program, readSlice) : undefined;
    const document = sealOrder(order, order.inputs, this.gateway.encryptionKey, activations);
    // Sent twice it is one order: its id says so.
    const { id } = await this.http.post('/v1/orders', toJson(document), submitted, {
      idempotent: true,
      timeoutMs: SUBMIT_TIMEOUT_MS,
    });
    if (id !== order.id) {
      throw new TransportError('bad-response', 'the gateway took another order than was sent', { retryable: false });
    }
  }

  private async activationsOf(order: OrderInHand, program: ProgramDocument, readSlice: OrderRequest['readSlice']) {
    const { computeActivations } = await import('./own-activations.js');
    const read =
      readSlice ??
      ((index: number) => {
        const { package: digest, packageBytes } = program.slices[index];
        return fetchBlob(this.http, digest, Math.min(packageBytes, MAX_PACKAGE_BYTES));
      });
    return computeActivations(program, order.inputs, read);
  }

  /** What the validators say is a second opinion on what is verified here: without a chain it is not weighed. */
  private async electorate(order: Hex): Promise<Electorate | undefined> {
    if (!this.options.chain) return undefined;
    try {
      return await electorateOf(await this.chain(), order);
    } catch {
      return undefined;
    }
  }

  private handleOf(order: OrderInHand): OrderHandle {
    const { http, gateway, account: signer } = this;
    const fingerprint = order.order.message.fingerprint.slice(2);
    return new OrderHandle(
      {
        http,
        gateway,
        gatewayUrl: this.options.gatewayUrl,
        network: gateway.network,
        signer,
        nowSeconds: () => this.nowSeconds(),
        key: () => this.key(fingerprint),
        electorate: (order) => this.electorate(order),
      },
      order,
    );
  }
}
