/** A node's connection to one gateway: who it is, who we are to it, and requests that it answers. */
import { InputError } from '@dsperse/core/verify';
import { type Address, hexToBytes, isAddressEqual } from 'viem';
import { z } from 'zod';
import {
  type EndpointDocument,
  type EndpointRules,
  type NetworkId,
  type NodeDocument,
  nodeSchema,
  ROLE,
  toJson,
} from '../../messages/index.js';
import { checkEndpoint, type Identity, type Logger } from '../../node/index.js';
import type { Fetch } from '../../transport/client/exchange.js';
import { type CallOptions, NodeClient, TransportError } from '../../transport/index.js';
import { nodeFetch } from '../../transport/server/node-fetch.js';

export interface GatewayLinkOptions {
  readonly url: string;
  readonly identity: Identity;
  readonly network: NetworkId;
  /** Our contracts by name; those that the gateway names too must be the same. */
  readonly contracts?: Readonly<Record<string, Address>>;
  /** The parameters by which the gateway's record counts. */
  readonly rules: () => Promise<EndpointRules>;
  /** A new endpoint record, with a higher sequence than all before. */
  readonly announce: (nowSeconds: number) => Promise<EndpointDocument>;
  readonly log: Logger;
  readonly fetch?: Fetch;
  readonly nowMs?: () => number;
}

/** Before the record expires, it is renewed. */
const RENEW_MS = 10 * 60_000;
/** A gateway that restarted may have become another: asked again who it is. */
const KNOWN_MS = 5 * 60_000;

const nothing = z.unknown();

export class GatewayLink {
  readonly url: string;
  readonly client: NodeClient;
  #node: NodeDocument | undefined;
  #askedMs = 0;
  #expiresMs = 0;
  #connecting: Promise<void> | undefined;
  #offsetMs = 0;

  constructor(private readonly options: GatewayLinkOptions) {
    this.url = options.url;
    this.client = new NodeClient({
      baseUrl: options.url,
      signer: options.identity.account,
      network: options.network,
      fetch: options.fetch ?? nodeFetch,
      clock: () => this.nowMs(),
    });
  }

  /** The gateway's clock in milliseconds, as far as it is known: its deadlines are in it. */
  nowMs(): number {
    return this.#localMs() + this.#offsetMs;
  }

  #localMs(): number {
    return (this.options.nowMs ?? Date.now)();
  }

  /** Undefined before the first connection. */
  get operator(): Address | undefined {
    return this.#node?.endpoint.message.operator;
  }

  get signer(): Identity['account'] {
    return this.options.identity.account;
  }

  get network(): NetworkId {
    return this.options.network;
  }

  get isConnected(): boolean {
    return this.#node !== undefined;
  }

  /** What is secret is sealed to it. Known once connected, as `call` is. */
  get encryptionKey(): Uint8Array {
    const key = this.#node?.endpoint.message.encryptionKey;
    if (!key) throw new Error(`the gateway ${this.url} is not connected yet`);
    return hexToBytes(key);
  }

  get maxBlobBytes(): number {
    return this.#node?.limits.blobBytes ?? 1 << 30;
  }

  /**
   * Knows the gateway, and is known to it. @throws TransportError; InputError `other-network`, `bad-gateway`
   */
  async connect(signal?: AbortSignal): Promise<void> {
    const now = this.#localMs();
    if (this.#node && now - this.#askedMs < KNOWN_MS && now + RENEW_MS < this.#expiresMs) return;
    this.#connecting ??= this.#connect(signal).finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting;
  }

  async #connect(signal?: AbortSignal): Promise<void> {
    const now = this.#localMs();
    if (!this.#node || now - this.#askedMs >= KNOWN_MS) {
      const node = await this.client.get('/v1/node', nodeSchema, { signal });
      this.#offsetMs = node.clockMs - this.#localMs();
      await this.#check(node);
      this.#node = node;
      this.#askedMs = now;
      this.client.audience = node.endpoint.message.operator;
    }
    if (now + RENEW_MS >= this.#expiresMs) await this.announce(signal);
  }

  async #check(node: NodeDocument): Promise<void> {
    const { network, contracts = {} } = this.options;
    const other = (what: string) =>
      new InputError('other-network', `the gateway ${this.url} is of another network: ${what}`, 'give another gateway');
    if (node.chainId !== network.chainId) throw other(`chain ${node.chainId}, not ${network.chainId}`);
    const ours = { ...contracts, market: network.market, settlement: network.settlement };
    for (const [name, address] of Object.entries(ours)) {
      const theirs = node.contracts[name];
      if (theirs && !isAddressEqual(theirs, address)) throw other(`its contract ${name} is ${theirs}`);
    }
    // Its record has been signed by its clock.
    const nowSeconds = Math.floor(node.clockMs / 1000);
    const rules = await this.options.rules();
    const fault = await checkEndpoint({ network, nowSeconds, rules }, { record: node.endpoint });
    if (fault || (node.endpoint.message.roles & ROLE.gateway) === 0) {
      throw new InputError(
        'bad-gateway',
        `the endpoint record of ${this.url} does not hold: ${fault ?? 'it is no gateway'}`,
        'ask its operator',
      );
    }
    const before = this.operator;
    if (before && before !== node.endpoint.message.operator) {
      this.options.log.warn(
        { gateway: this.url, before, now: node.endpoint.message.operator },
        'the gateway has a new key',
      );
      this.#expiresMs = 0;
    }
  }

  /** Publishes our endpoint record there. */
  async announce(signal?: AbortSignal): Promise<void> {
    const { identity, log } = this.options;
    const document = await this.options.announce(Math.floor(this.nowMs() / 1000));
    const address = identity.account.address.toLowerCase();
    await this.client.put(`/v1/endpoints/${address}`, toJson(document), nothing, { signal });
    const { issuedAt, expiresAt } = document.record.message;
    this.#expiresMs = this.#localMs() + Math.max((expiresAt - issuedAt) * 1000, 2 * RENEW_MS);
    log.info({ gateway: this.url, sequence: document.record.message.sequence }, 'announced');
  }

  /** Whether the refusal was for something that has been put right. */
  async recover(error: unknown, signal?: AbortSignal): Promise<boolean> {
    if (!(error instanceof TransportError)) return false;
    if (error.code === 'unknown-operator' || error.code === 'wrong-role') {
      await this.announce(signal);
      return true;
    }
    if (error.code === 'wrong-audience') {
      this.#askedMs = 0;
      await this.connect(signal);
      return true;
    }
    return false;
  }

  /** A request; where the gateway has forgotten us, we announce ourselves and ask once more. */
  async call<T>(work: (client: NodeClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.connect(signal);
    try {
      return await work(this.client);
    } catch (error) {
      if (!(await this.recover(error, signal))) throw error;
      return work(this.client);
    }
  }

  get<T>(path: string, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.call((client) => client.get(path, schema, options), options.signal);
  }

  post<T>(path: string, body: unknown, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    return this.call((client) => client.post(path, toJson(body), schema, options), options.signal);
  }

  getBytes(path: string, maxBytes: number, options: CallOptions = {}): Promise<Uint8Array> {
    return this.call((client) => client.getBytes(path, maxBytes, options), options.signal);
  }
}
