/** The ledger on an EVM chain, through its JSON-RPC. */
import {
  emissionAbi,
  marketAbi,
  type NetworkAddresses,
  type ParameterName,
  parametersAbi,
  settlementAbi,
  stakeManagerAbi,
} from '@dsperse/contracts';
import {
  type Account,
  type Address,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hex,
  http,
  type PublicClient,
  parseEventLogs,
  stringToHex,
} from 'viem';
import { type EpochRoot, hashMessage, type NetworkId, type Order, type Signed } from '../messages/index.js';
import {
  type JudgeStake,
  type Leaf,
  type SlashableRole,
  VALIDATOR_ROLE,
  type ValidatorStake,
} from '../scoring/index.js';
import {
  type LeafProof,
  type Ledger,
  LedgerError,
  type OnChainEmission,
  type OnChainEpoch,
  type OnChainOrder,
  type SettlementHead,
  type Stake,
} from './ledger.js';
import { ledgerError, SendQueue, type Wallet } from './send-queue.js';

const ORDER_STATES = ['none', 'reserved', 'settled', 'exited'] as const;
const REFUSALS = [
  'none',
  'the order is known already',
  'its price curve is malformed',
  'its budget is zero',
  'its deadline is past',
  'its deadline is too far away',
  'the free balance of the requester is below the budget',
  'its signature is not the requester’s',
  'another order of its requester under the same salt was reserved, by another gateway',
];
const KNOWN_ALREADY = 1;
const POOLS_PER_CALL = 100n;
const RESERVED_AT_ONCE = 50;

export interface EvmLedgerOptions {
  readonly rpcUrl: string;
  readonly contracts: NetworkAddresses;
  /** Sends transactions and pays for them; a ledger without one only reads. */
  readonly account?: Account;
  /** How often the chain is asked for a receipt; 100 ms is right for a local chain. */
  readonly pollingMs?: number;
  /** How long stakes and parameters may be remembered: 3 s and 30 s where nothing is said. */
  readonly cacheMs?: number;
  readonly confirmMs?: number;
  /** In place of the platform's `fetch`. */
  readonly fetch?: typeof fetch;
}

const STAKES_MS = 3_000;
/** A change of a parameter is announced days before: that nodes see it some seconds apart is nothing. */
const PARAMETERS_MS = 30_000;

interface Cached<T> {
  readonly value: Promise<T>;
  readonly untilMs: number;
}

interface Reservation {
  readonly order: Signed<Order>;
  readonly id: Hex;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** @throws LedgerError `unreachable`, `no-contracts` */
export async function connectLedger(options: EvmLedgerOptions): Promise<EvmLedger> {
  const transport = http(options.rpcUrl, {
    // What is asked for in one turn of the event loop goes together; what is asked for alone hardly waits.
    batch: { wait: 0 },
    retryCount: 2,
    timeout: 10_000,
    ...(options.fetch ? { fetchFn: options.fetch } : {}),
  });
  const probe = createPublicClient({ transport });
  let chainId: number;
  try {
    chainId = await probe.getChainId();
  } catch (error) {
    throw ledgerError(error, 'the chain');
  }
  const code = await probe.getCode({ address: options.contracts.market });
  if (!code || code === '0x') {
    throw new LedgerError(
      'no-contracts',
      `there is no market at ${options.contracts.market} on chain ${chainId}`,
      false,
      'check RPC_URL and the network file',
    );
  }
  const chain = defineChain({
    id: chainId,
    name: 'dsperse',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [options.rpcUrl] } },
  });
  const pollingInterval = options.pollingMs ?? 1_000;
  const publicClient = createPublicClient({ chain, transport, pollingInterval }) as PublicClient;
  const wallet = options.account && createWalletClient({ account: options.account, chain, transport, pollingInterval });
  return new EvmLedger(publicClient, wallet as Wallet | undefined, chainId, options);
}

export class EvmLedger implements Ledger {
  readonly network: NetworkId;
  readonly contracts: NetworkAddresses;
  readonly #cache = new Map<string, Cached<unknown>>();
  /** When what is too old was dropped last. */
  #droppedMs = 0;
  readonly #cacheMs: number;
  readonly #parametersMs: number;
  readonly #queue: SendQueue | undefined;
  #reserving: Reservation[] = [];
  #reserveLoop: Promise<void> | undefined;

  constructor(
    readonly publicClient: PublicClient,
    readonly wallet: Wallet | undefined,
    chainId: number,
    options: EvmLedgerOptions,
  ) {
    this.contracts = options.contracts;
    this.network = { chainId, market: options.contracts.market, settlement: options.contracts.settlement };
    this.#cacheMs = options.cacheMs ?? STAKES_MS;
    this.#parametersMs = options.cacheMs ?? PARAMETERS_MS;
    this.#queue = wallet && new SendQueue(publicClient, wallet, options.confirmMs ?? 120_000);
  }

  #send(call: object): ReturnType<SendQueue['send']> {
    if (!this.#queue) throw new LedgerError('read-only', 'this ledger has no account to send from', false);
    return this.#queue.send(call);
  }

  /** Remembered for a moment: what is asked for every chunk changes with blocks at most. */
  #cached<T>(key: string, read: () => Promise<T>, forMs = this.#cacheMs): Promise<T> {
    const now = Date.now();
    const known = this.#cache.get(key);
    if (known && known.untilMs > now) return known.value as Promise<T>;
    if (now - this.#droppedMs >= this.#cacheMs) {
      this.#droppedMs = now;
      for (const [k, c] of this.#cache) if (c.untilMs <= now) this.#cache.delete(k);
    }
    const value = read().catch((error) => {
      this.#cache.delete(key);
      throw ledgerError(error, key);
    });
    this.#cache.set(key, { value, untilMs: now + forMs });
    return value;
  }

  async #read<T>(what: string, read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      throw ledgerError(error, what);
    }
  }

  async now(): Promise<number> {
    // A chain that mines on demand has an old latest block: the next one is what a transaction would see.
    const block = await this.#read('the next block', this.publicClient.getBlock({ blockTag: 'pending' }));
    return Number(block.timestamp);
  }

  async parameters<N extends ParameterName>(names: readonly N[], at?: number): Promise<Record<N, bigint>> {
    const read = (name: N) => {
      const common = { address: this.contracts.parameters, abi: parametersAbi } as const;
      const key = stringToHex(name, { size: 32 });
      return at === undefined
        ? this.publicClient.readContract({ ...common, functionName: 'get', args: [key] })
        : this.publicClient.readContract({ ...common, functionName: 'getAt', args: [key, BigInt(at)] });
    };
    // Of a time that the chain has not reached the answer may still change.
    const ms = at === undefined ? this.#parametersMs : this.#cacheMs;
    const values = await Promise.all(
      names.map((name) => this.#cached(`parameter ${name} ${at}`, () => read(name), ms)),
    );
    return Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<N, bigint>;
  }

  validators(): Promise<readonly ValidatorStake[]> {
    return this.#cached('validators', async () => {
      const found: ValidatorStake[] = [];
      for (let from = 0n; ; from += POOLS_PER_CALL) {
        const page = await this.publicClient.readContract({
          address: this.contracts.stake,
          abi: stakeManagerAbi,
          functionName: 'pools',
          args: [VALIDATOR_ROLE, from, POOLS_PER_CALL],
        });
        const active = page.filter((p) => p.active > 0n);
        const shared = await Promise.all(active.map((p) => this.#isShared(VALIDATOR_ROLE, p)));
        active.forEach((p, i) => {
          const payee = { account: lower(p.owner), ...(shared[i] ? { toPool: true } : {}) };
          found.push({ operator: lower(p.operator), ...payee, stake: p.active });
        });
        if (BigInt(page.length) < POOLS_PER_CALL) break;
      }
      return found.sort((a, b) => (a.operator < b.operator ? -1 : 1));
    });
  }

  electorate(order: Hex): Promise<readonly JudgeStake[]> {
    return this.#cached(`electorate of ${order}`, async () => {
      const before = await this.#beforeReserve(order);
      return before === undefined ? [] : this.#stakesAt(BigInt(before));
    });
  }

  committeeSeats(order: Hex): Promise<number> {
    return this.#cached(`seats of ${order}`, async () => {
      const { committeeSeats } = await this.parameters(['committeeSeats'], await this.#beforeReserve(order));
      return Number(committeeSeats);
    });
  }

  /** The second before an order was reserved: nothing that comes with the reserve in its block can change what was then. */
  #beforeReserve(order: Hex): Promise<number | undefined> {
    return this.#cached(`reserve of ${order}`, async () => {
      const { reservedAt } = await this.publicClient.readContract({
        address: this.contracts.market,
        abi: marketAbi,
        functionName: 'orderOf',
        args: [order],
      });
      return reservedAt === 0 ? undefined : Number(reservedAt) - 1;
    });
  }

  #stakesAt(time: bigint): Promise<readonly JudgeStake[]> {
    return this.#cached(`stakes at ${time}`, async () => {
      const found: JudgeStake[] = [];
      for (let from = 0n; ; from += POOLS_PER_CALL) {
        const [operators, stakes] = await this.publicClient.readContract({
          address: this.contracts.stake,
          abi: stakeManagerAbi,
          functionName: 'activeStakesAt',
          args: [VALIDATOR_ROLE, time, from, POOLS_PER_CALL],
        });
        operators.forEach((operator, i) => {
          if (stakes[i] > 0n) found.push({ operator: lower(operator), stake: stakes[i] });
        });
        if (BigInt(operators.length) < POOLS_PER_CALL) break;
      }
      return found.sort((a, b) => (a.operator < b.operator ? -1 : 1));
    });
  }

  stakeOf(role: SlashableRole, operator: Address): Promise<Stake> {
    return this.#cached(`stake ${role} ${operator}`, async () => {
      const common = { address: this.contracts.stake, abi: stakeManagerAbi } as const;
      const pool = await this.publicClient.readContract({ ...common, functionName: 'poolOf', args: [role, operator] });
      return { owner: lower(pool.owner), active: pool.active, toPool: await this.#isShared(role, pool) };
    });
  }

  /** Whether others than the owner hold shares of a pool. */
  async #isShared(
    role: SlashableRole,
    pool: { readonly operator: Address; readonly owner: Address; readonly shares: bigint },
  ): Promise<boolean> {
    if (pool.shares === 0n) return false;
    const common = { address: this.contracts.stake, abi: stakeManagerAbi } as const;
    const args = [role, pool.operator, pool.owner] as const;
    return (await this.publicClient.readContract({ ...common, functionName: 'sharesOf', args })) < pool.shares;
  }

  async order(id: Hex): Promise<OnChainOrder> {
    const common = { address: this.contracts.market, abi: marketAbi } as const;
    const entry = await this.#read(
      'the order',
      this.publicClient.readContract({ ...common, functionName: 'orderOf', args: [id] }),
    );
    return {
      state: ORDER_STATES[entry.state],
      reserved: entry.budget,
      cancelRequested: entry.cancelRequestedAt > 0n,
      deadline: Number(entry.deadline),
      exitAt: Number(entry.exitAt),
    };
  }

  balanceOf(requester: Address): Promise<bigint> {
    const common = { address: this.contracts.market, abi: marketAbi } as const;
    return this.#read(
      'the balance',
      this.publicClient.readContract({ ...common, functionName: 'balanceOf', args: [requester] }),
    );
  }

  /** Those that come while a transaction is on its way go together in the next. */
  reserve(order: Signed<Order>): Promise<void> {
    const id = hashMessage(this.network, 'Order', order.message);
    return new Promise((resolve, reject) => {
      this.#reserving.push({ order, id, resolve, reject });
      this.#reserveLoop ??= this.#reserveAll().finally(() => {
        this.#reserveLoop = undefined;
      });
    });
  }

  async #reserveAll(): Promise<void> {
    // Whatever was asked for in this turn of the event loop comes along.
    await Promise.resolve();
    while (this.#reserving.length > 0) {
      const batch = this.#reserving.splice(0, RESERVED_AT_ONCE);
      await this.#reserveBatch(batch).catch((error: Error) => {
        for (const r of batch) r.reject(error);
      });
    }
  }

  async #reserveBatch(batch: readonly Reservation[]): Promise<void> {
    const states = await Promise.all(batch.map((r) => this.order(r.id)));
    const open = batch.filter((r, i) => {
      if (states[i].state === 'reserved') r.resolve();
      else if (states[i].state !== 'none') {
        r.reject(new LedgerError('refused', `the order is ${states[i].state} on the chain`, false, 'sign a new order'));
      } else return true;
      return false;
    });
    if (open.length === 0) return;
    const receipt = await this.#send({
      address: this.contracts.market,
      abi: marketAbi,
      functionName: 'reserveMany',
      args: [open.map((r) => r.order.message), open.map((r) => r.order.signature)],
    });
    const refused = parseEventLogs({ abi: marketAbi, logs: receipt.logs, eventName: 'OrderRefused' });
    for (const r of open) {
      const no = refused.find((e) => e.args.id === r.id);
      // Another gateway's transaction may have been the first: the order is reserved all the same.
      const isThere = no?.args.reason === KNOWN_ALREADY && (await this.order(r.id)).state === 'reserved';
      if (no && !isThere)
        r.reject(new LedgerError('refused', `not reserved: ${REFUSALS[no.args.reason]}`, false, 'sign it anew'));
      else r.resolve();
    }
  }

  async settlementHead(): Promise<SettlementHead> {
    const common = { address: this.contracts.settlement, abi: settlementAbi } as const;
    const [[exists, last], next, root] = await this.#read(
      'the settlement',
      Promise.all([
        this.publicClient.readContract({ ...common, functionName: 'lastEpoch' }),
        this.publicClient.readContract({ ...common, functionName: 'nextEpoch' }),
        this.publicClient.readContract({ ...common, functionName: 'lastRoot' }),
      ]),
    );
    return { last: exists ? Number(last) : -1, next: Number(next), root };
  }

  async emission(): Promise<OnChainEmission> {
    const common = { address: this.contracts.emission, abi: emissionAbi } as const;
    const [cap, minted, closedAt] = await this.#read(
      'the emission',
      Promise.all([
        this.publicClient.readContract({ ...common, functionName: 'cap' }),
        this.publicClient.readContract({ ...common, functionName: 'scheduled' }),
        this.publicClient.readContract({ ...common, functionName: 'scheduledUntil' }),
      ]),
    );
    return { cap, minted, closedAt: Number(closedAt) };
  }

  async epoch(epoch: number): Promise<OnChainEpoch | undefined> {
    const found = await this.#read(
      'the epoch',
      this.publicClient.readContract({
        address: this.contracts.settlement,
        abi: settlementAbi,
        functionName: 'epochOf',
        args: [BigInt(epoch)],
      }),
    );
    if (found.postedAt === 0n) return undefined;
    const { root, cancelled } = found;
    return { epoch, root, postedAt: Number(found.postedAt), finalAt: Number(found.finalAt), cancelled };
  }

  async postEpoch(
    message: EpochRoot,
    signatures: readonly { readonly validator: Address; readonly signature: Hex }[],
  ): Promise<void> {
    if ((await this.settlementHead()).last >= message.epoch) return;
    const ascending = [...signatures].sort((a, b) => (a.validator.toLowerCase() < b.validator.toLowerCase() ? -1 : 1));
    await this.#send({
      address: this.contracts.settlement,
      abi: settlementAbi,
      functionName: 'post',
      args: [
        { ...message, epoch: BigInt(message.epoch), closedAt: BigInt(message.closedAt) },
        ascending.map((s) => s.signature),
      ],
    });
  }

  async settleOrders(epoch: number, leaves: readonly LeafProof[]): Promise<void> {
    const states = await Promise.all(leaves.map(({ leaf }) => this.order(leafOf(leaf, 1).order)));
    const open = leaves.filter((_, i) => states[i].state === 'reserved');
    if (open.length === 0) return;
    await this.#send({
      address: this.contracts.settlement,
      abi: settlementAbi,
      functionName: 'settleOrders',
      args: [
        BigInt(epoch),
        open.map(({ leaf }) => {
          const { order, spent, delivered } = leafOf(leaf, 1);
          return { order, spent, delivered };
        }),
        open.map((l) => l.proof),
      ],
    });
  }

  async penalise(epoch: number, leaves: readonly LeafProof[]): Promise<void> {
    for (const { leaf, proof } of leaves) {
      const { operator, role, cumulative, evidence } = leafOf(leaf, 3);
      const done = await this.penalised(role, operator);
      if (done >= cumulative) continue;
      await this.#send({
        address: this.contracts.settlement,
        abi: settlementAbi,
        functionName: 'penalise',
        args: [BigInt(epoch), operator, role, cumulative, evidence, proof],
      }).catch((error: LedgerError) => {
        // Done by another node meanwhile, or nothing is left to take.
        if (error.retryable) throw error;
      });
    }
  }

  penalised(role: SlashableRole, operator: Address): Promise<bigint> {
    const common = { address: this.contracts.settlement, abi: settlementAbi } as const;
    return this.#read(
      'the penalties',
      this.publicClient.readContract({ ...common, functionName: 'penalised', args: [role, operator] }),
    );
  }

  claimed(account: Address): Promise<bigint> {
    const common = { address: this.contracts.settlement, abi: settlementAbi } as const;
    return this.#read(
      'the claims',
      this.publicClient.readContract({ ...common, functionName: 'claimed', args: [account] }),
    );
  }

  async claim(epoch: number, { leaf, proof }: LeafProof): Promise<void> {
    const { account, role, cumulative } = leafOf(leaf, 2);
    const common = { address: this.contracts.settlement, abi: settlementAbi } as const;
    if (role === undefined) {
      if ((await this.claimed(account)) >= cumulative) return;
      await this.#send({ ...common, functionName: 'claim', args: [BigInt(epoch), account, cumulative, proof] });
      return;
    }
    const claimed = await this.#read(
      'the claims',
      this.publicClient.readContract({ ...common, functionName: 'claimedByPool', args: [role, account] }),
    );
    if (claimed >= cumulative) return;
    const args = [BigInt(epoch), role, account, cumulative, proof];
    await this.#send({ ...common, functionName: 'claimToPool', args });
  }
}

const lower = (address: Address): Address => address.toLowerCase() as Address;

function leafOf<K extends Leaf['kind']>(leaf: Leaf, kind: K): Extract<Leaf, { kind: K }> {
  if (leaf.kind !== kind) throw new LedgerError('wrong-leaf', `a leaf of kind ${leaf.kind}, not ${kind}`, false);
  return leaf as Extract<Leaf, { kind: K }>;
}
