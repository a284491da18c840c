/** Who takes part, and how they behave. Amounts are token units of 10^-18, costs and asks per million work units. */
import type { Address } from 'viem';

export const TOKEN = 10n ** 18n;

export type Side = 'honest' | 'attacker';

/**
 * `miss`: takes locks and delivers only some. `stall`: delivers none. `forge`: delivers worthless proofs at no cost.
 */
export type ProverConduct = 'honest' | 'miss' | 'stall' | 'forge';

/**
 * `blind`: accepts without verifying. `half`: verifies every second proof and accepts the others. `copy`: says what
 * others said, once it is revealed: then it is too late to commit. `withhold`: says nothing. `collude`: accepts its
 * friends' proofs unseen, verifies the others. `veto`: as `collude`, and rejects what is not its friends'.
 */
export type ValidatorConduct = 'honest' | 'blind' | 'half' | 'copy' | 'withhold' | 'collude' | 'veto';

/**
 * `seen`: by how early proofs were here. `copy`: what others revealed last, as what they say now is not to be read yet.
 * `friends`: everything to the provers of its own side.
 */
export type WeightConduct = 'seen' | 'copy' | 'friends';

/** What several operators of one owner may share. */
export interface Machine {
  busyUntil: number;
  /** Operators that it poses as. */
  readonly parts: number;
}

export interface Prover {
  readonly operator: Address;
  readonly account: Address;
  readonly side: Side;
  readonly conduct: ProverConduct;
  /** Work units per second. */
  readonly rate: number;
  /** Of proving. */
  readonly cost: bigint;
  /** Moves with its utilisation; a fixed one does not. */
  ask: bigint;
  readonly asksFixed: boolean;
  /** Asked for at a gateway that lets nobody else in. */
  readonly askInside?: bigint;
  readonly machine: Machine;
  stake: bigint;
  /** Penalties that are not taken from the stake yet. */
  debt: bigint;
  locked: bigint;
  inFlight: number;
  workInFlight: number;
  /** In this epoch. */
  failures: number;
  busySeconds: number;
}

export interface Validator {
  readonly operator: Address;
  readonly account: Address;
  readonly side: Side;
  readonly conduct: ValidatorConduct;
  readonly weighing: WeightConduct;
  stake: bigint;
  /** Part of the stake that can be moved elsewhere by those whom it belongs to. */
  delegated: bigint;
  readonly commissionBps: number;
  /** Another validator of the same owner that verifies for it. */
  readonly verifiesElsewhere: boolean;
}

/** Of a side in one role. */
export interface Account {
  income: bigint;
  /** Work of proving, machines whether they work or not, verification, and capital. */
  work: bigint;
  machines: bigint;
  verification: bigint;
  capital: bigint;
  penalties: bigint;
  /** Paid for orders from oneself. */
  payments: bigint;
  workUnits: bigint;
}

export const newAccount = (): Account => ({
  income: 0n,
  work: 0n,
  machines: 0n,
  verification: 0n,
  capital: 0n,
  penalties: 0n,
  payments: 0n,
  workUnits: 0n,
});
