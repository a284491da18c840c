/** The strategies that are set against honest work. */

import { type NetworkParameters, networkParameters } from './network-parameters.js';
import type { Attack, SimulationPlan } from './plan.js';

export interface Scenario {
  readonly name: string;
  /** What the attackers do. */
  readonly about: string;
  /** Whose income is compared with that of honest work. */
  readonly role: 'provers' | 'validators' | 'both';
  readonly attack: Attack;
  /** What the same agents do otherwise; follow the protocol where nothing is said. */
  readonly instead?: Attack;
}

/** At which the attackers behave like everyone. */
export const BASELINE: Scenario = { name: 'honest', about: 'everyone follows the protocol', role: 'both', attack: {} };

export const SCENARIOS: readonly Scenario[] = [
  BASELINE,
  {
    name: 'lazy-prover',
    about: 'takes locks and delivers six in ten',
    role: 'provers',
    attack: { provers: 'miss', missBps: 4_000 },
  },
  {
    name: 'lazy-validator',
    about: 'verifies every second proof, accepts the rest unseen',
    role: 'validators',
    attack: { validators: 'half' },
  },
  { name: 'blind-validator', about: 'accepts everything unseen', role: 'validators', attack: { validators: 'blind' } },
  {
    name: 'copying-validator',
    about: 'waits for the verdicts of others and repeats them',
    role: 'validators',
    attack: { validators: 'copy' },
  },
  {
    name: 'colluding',
    about: 'provers forge proofs, their validators accept them',
    role: 'both',
    attack: { provers: 'forge', validators: 'collude' },
  },
  {
    name: 'rejecting',
    about: 'as colluding, and rejects the proofs of all others',
    role: 'both',
    attack: { provers: 'forge', validators: 'veto' },
  },
  {
    name: 'stalling',
    about: 'bids a tenth of the market price, locks and vanishes',
    role: 'provers',
    attack: { provers: 'stall', askBps: 1_000 },
  },
  {
    name: 'self-dealing',
    about: 'orders half of the demand again from itself, at its own validators',
    role: 'both',
    attack: { selfDealingBps: 5_000 },
  },
  { name: 'cartel', about: 'provers agree to ask twice the market price', role: 'provers', attack: { askBps: 20_000 } },
  {
    name: 'censoring-gateway',
    about:
      'one of two gateways quotes the other’s price, lets only its own provers in, and asks up to 1.5 times as much',
    role: 'provers',
    attack: { censorAskBps: 15_000 },
  },
  { name: 'withholding', about: 'validators that say nothing', role: 'validators', attack: { validators: 'withhold' } },
  {
    name: 'sybil-validators',
    about: 'an owner splits its stake among four operators and verifies once, instead of one operator',
    role: 'validators',
    attack: { validatorsEach: 4 },
    instead: { validatorsEach: 1 },
  },
  {
    name: 'sybil-provers',
    about: 'one machine poses as four provers, with a quarter of the stake each',
    role: 'provers',
    attack: { proversEach: 4 },
  },
];

/** 100 provers and 12 validators over 8 epochs at half of the capacity. */
export function planOf(
  attack: Attack,
  attackerBps: number,
  rest: Partial<SimulationPlan> & { parameters?: NetworkParameters } = {},
): SimulationPlan {
  return {
    seed: 1,
    epochs: 8,
    provers: 100,
    validators: 12,
    loadBps: [5_000],
    attack,
    attackerBps,
    priceMinBps: 2_500,
    machineBps: 5_000,
    comparingBps: 10_000,
    parameters: networkParameters(),
    ...rest,
  };
}
