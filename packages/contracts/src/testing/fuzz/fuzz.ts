/** Sends random calls to the contracts and to the model, and compares what becomes of them. */
import { type Abi, encodeFunctionData, type Hex, hashTypedData, numberToHex } from 'viem';
import { PROVER, VALIDATOR } from '../../encoding.js';
import { parameterDefinitions } from '../../genesis.js';
import { LOCAL_PARAMETERS } from '../../parameters.js';
import { guardianHandlers, parameterHandlers, tokenHandlers } from '../model/governed.js';
import { governorHandlers, takeSnapshots } from '../model/governor.js';
import { marketHandlers } from '../model/market.js';
import { settlementHandlers } from '../model/settlement.js';
import { stakeHandlers } from '../model/stake.js';
import { Model, Refused } from '../model/state.js';
import { ABIS, ACTORS, type Actor, ALLOCATION, type Contract, type TestNetwork, TOKEN } from '../network.js';
import { Random } from '../random.js';
import { type OrderMessage, sign, type Tree, typesOf } from '../signing.js';

export const CAP = 100_000_000n * TOKEN;
export const PARAMETERS = {
  ...LOCAL_PARAMETERS,
  parameterStepSeconds: { value: 20n, min: 1n },
  clockSkewSeconds: { value: 30n, min: 1n },
  challengeSeconds: { value: 60n, min: 10n, max: 300n },
  exitSeconds: { value: 300n, min: 50n, max: 2_000n },
  cancelSeconds: { value: 150n, min: 50n, max: 2_000n },
  exitHoldMaxSeconds: { value: 400n, min: 50n, max: 2_000n },
  settleGraceSeconds: { value: 40n, min: 1n },
  pauseSeconds: { value: 100n, min: 1n },
  pauseCooldownSeconds: { value: 300n, min: 1n },
  unbondingSeconds: { value: 400n, min: 1n },
  commissionDelaySeconds: { value: 50n, min: 1n },
  votingDelaySeconds: { value: 10n, min: 1n },
  votingPeriodSeconds: { value: 1_500n, min: 1n },
  lateQuorumSeconds: { value: 80n, min: 1n },
  proposalThreshold: { value: 25_000n * TOKEN, min: 1n },
  orderSecondsMax: { value: 500n, min: 1n },
  validatorStakeMin: 1_000n * TOKEN,
  proverStakeMin: 100n * TOKEN,
};
/** Parameters that change on the way. */
export const GOVERNED = [
  'challengeSeconds',
  'exitSeconds',
  'cancelSeconds',
  'exitHoldMaxSeconds',
  'bountyBps',
  'penaltyMaxBps',
  'validatorStakeMin',
  'delegationMin',
  'equivocationBps',
  'emissionYearBps',
  'emissionFeeMultipleBps',
  'feeBps',
];
export const requesters = ACTORS.slice(1, 4);
export const provers = ACTORS.slice(4, 6);
export const validators = ACTORS.slice(6, 10);
export const everyone = ACTORS.slice(1, 11);
export const guardian = ACTORS[11];

interface Sent {
  readonly sender: Hex;
  readonly contract: Contract;
  readonly name: string;
  readonly args: readonly unknown[];
}

export class Fuzz {
  readonly random: Random;
  readonly model: Model;
  readonly handlers;
  readonly history: Sent[] = [];
  readonly orders: { readonly id: Hex; readonly message: OrderMessage; readonly signature: Hex }[] = [];
  readonly counts = new Map<string, { done: number; refused: number }>();
  /** By root. */
  readonly trees = new Map<Hex, Tree>();
  readonly cumulative = new Map<string, bigint>();
  now = 0n;
  steps = 0;

  constructor(
    readonly net: TestNetwork,
    seed: number,
  ) {
    this.random = new Random(seed);
    const { market, stake, settlement, treasury, timelock } = net.at;
    this.model = new Model({ market, stake, settlement, treasury, timelock, guardian: guardian.address }, CAP);
    for (const { name, value, min, max, maxStepBps } of parameterDefinitions({ parameters: PARAMETERS })) {
      this.model.parameters.set(name, { value, min, max, maxStepBps, changedAt: 0n, past: [] });
    }
    for (const { address } of ACTORS) this.model.balances.set(address, ALLOCATION);
    this.model.supply = ALLOCATION * BigInt(ACTORS.length);
    this.model.emission.cap = CAP - this.model.supply;
    const digests = {
      order: (m: object) => this.digest('Order', m),
      cancel: (m: object) => this.digest('Cancel', m),
      epochRoot: (m: object) => this.digest('EpochRoot', m),
      verdict: (m: object) => this.digest('Verdict', m),
    };
    this.handlers = {
      token: tokenHandlers,
      parameters: parameterHandlers,
      guardian: guardianHandlers,
      governor: governorHandlers,
      stake: stakeHandlers,
      market: marketHandlers(digests),
      settlement: settlementHandlers(digests),
    };
  }

  digest(name: 'Order' | 'Cancel' | 'EpochRoot' | 'Verdict', message: object): Hex {
    return hashTypedData(typesOf(this.net, name, message));
  }

  async signed(actor: Actor, name: 'Order' | 'Cancel' | 'EpochRoot' | 'Verdict', message: object): Promise<Hex> {
    const signature = await sign(this.net, actor, name, message);
    this.model.signatures.set(signature, { signer: actor.address, digest: this.digest(name, message) });
    return signature;
  }

  rpc(method: string, params: unknown[]): Promise<unknown> {
    return this.net.test.request({ method, params } as never);
  }

  async succeeded(hash: Hex): Promise<boolean> {
    for (;;) {
      const receipt = (await this.rpc('eth_getTransactionReceipt', [hash])) as { status: Hex } | null;
      if (receipt) return receipt.status === '0x1';
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends one transaction and compares what becomes of it with the model. */
  async send(sender: Actor | Hex, contract: Contract, name: string, ...args: readonly unknown[]): Promise<boolean> {
    const from = typeof sender === 'string' ? sender : sender.address;
    this.now += BigInt(1 + this.random.below(6));
    this.steps++;
    takeSnapshots(this.model, this.now);
    let expected = true;
    let reason = '';
    try {
      const handlers = this.handlers[contract as keyof typeof this.handlers];
      handlers[name](this.model, { now: this.now, sender: from }, ...args);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      expected = false;
      reason = error.message;
    }
    const data = encodeFunctionData({ abi: ABIS[contract] as Abi, functionName: name, args });
    await this.rpc('evm_setNextBlockTimestamp', [numberToHex(this.now)]);
    const hash = await this.rpc('eth_sendTransaction', [{ from, to: this.net.at[contract], data, gas: '0xb71b00' }]);
    const done = await this.succeeded(hash as Hex);
    if (done !== expected) {
      const why = done ? `should be refused (${reason})` : await this.net.refusal(sender, contract, name, args);
      throw new Error(`step ${this.steps}: ${contract}.${name} by ${from}: ${why}`);
    }
    const count = this.counts.get(`${contract}.${name}`) ?? { done: 0, refused: 0 };
    this.counts.set(`${contract}.${name}`, count);
    if (done) count.done++;
    else count.refused++;
    this.history.push({ sender: from, contract, name, args });
    return done;
  }

  async begin(): Promise<void> {
    this.now = (await this.net.now()) + 10n;
    this.model.emission.until = await this.net.read<bigint>('emission', 'scheduledUntil');
    this.model.emission.untilBefore = this.model.emission.until;
    for (const actor of everyone) {
      for (const spender of [this.net.at.market, this.net.at.stake]) {
        await this.net.send(actor, 'token', 'approve', [spender, 2n ** 256n - 1n]);
      }
    }
    this.now = (await this.net.now()) + 10n;
    for (const actor of requesters) await this.send(actor, 'market', 'depositFor', actor.address, 10_000n * TOKEN);
    for (const [role, actors] of [
      [VALIDATOR, validators],
      [PROVER, provers],
    ] as const) {
      for (const actor of actors) {
        await this.send(actor, 'stake', 'register', role, actor.address, 1_000n, '0x');
        await this.send(actor, 'stake', 'stake', role, actor.address, 20_000n * TOKEN);
      }
    }
  }

  actor(address: Hex): Actor {
    return ACTORS.find((actor) => actor.address === address) ?? everyone[0];
  }
}
