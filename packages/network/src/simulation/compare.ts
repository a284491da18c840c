/** A strategy against honest work: the same agents with the same means, once with it and once without. */
import { TOKEN } from './agents.js';
import { addAccounts, incomePerCost, ratio } from './measure.js';
import type { SimulationPlan } from './plan.js';
import { type Accounts, runSimulation, type SimulationResult } from './run-simulation.js';
import { planOf, type Scenario } from './scenarios.js';

export interface Comparison {
  readonly scenario: string;
  readonly role: Scenario['role'];
  readonly attackerBps: number;
  /** Income per unit of cost of the strategy. */
  readonly strategy: number;
  /** Of the same agents where they follow the protocol. */
  readonly honest: number;
  /** Profit of the strategy over that of the same agents where they follow the protocol; costs are taken off both. */
  readonly profit: number;
  /** Of everyone else, beside the strategy. */
  readonly others: number;
  readonly fill: number;
  /** Over the first ask. */
  readonly price: number;
  readonly penalties: bigint;
  /** Epochs from an agent's first wrong until it is seen; undefined where one of them never was, though there was time. */
  readonly detectionEpochs: number | undefined;
  /** Agents that did wrong and were never caught, and all that did wrong. */
  readonly uncaught: number;
  readonly wrongdoers: number;
  /** Of the uncaught, those whose first wrong was in the last epoch, and is settled after it. */
  readonly tooLateToTell: number;
  readonly evicted: number;
  readonly gini: number;
  readonly topShare: number;
}

export function returnOf(accounts: Accounts, role: Scenario['role']): number {
  if (role === 'both') return incomePerCost(addAccounts(accounts.provers, accounts.validators));
  return incomePerCost(accounts[role]);
}

/** In tokens. */
function profitOf(accounts: Accounts, role: Scenario['role']): number {
  const both = addAccounts(accounts.provers, accounts.validators);
  const { income, penalties, payments, work, machines, verification, capital } =
    role === 'both' ? both : accounts[role];
  return ratio(income - penalties - payments - work - machines - verification - capital, TOKEN);
}

export function fillOf({ epochs }: SimulationResult): number {
  const sum = (of: (epoch: (typeof epochs)[number]) => number) => epochs.reduce((total, epoch) => total + of(epoch), 0);
  const chunks = sum((epoch) => epoch.chunks);
  return chunks === 0 ? 0 : sum((epoch) => epoch.paidChunks) / chunks;
}

/** Mean over the second half of the epochs, of those in which anything was paid. */
export function priceOf({ epochs }: SimulationResult): number {
  const late = epochs.slice(Math.floor(epochs.length / 2)).filter(({ paidChunks }) => paidChunks > 0);
  return late.length === 0 ? 0 : late.reduce((sum, { price }) => sum + price, 0) / late.length;
}

/** @param twin the result of the same agents without the strategy, where it is known */
export function compare(
  scenario: Scenario,
  attackerBps: number,
  rest: Partial<SimulationPlan> = {},
  twin?: SimulationResult,
): Comparison & { readonly twin: SimulationResult } {
  const result = runSimulation(planOf(scenario.attack, attackerBps, rest));
  const honest = twin ?? runSimulation(planOf(scenario.instead ?? {}, attackerBps, rest));
  const isValidator = scenario.role === 'validators';
  const detection = isValidator ? result.validatorDetection : result.proverDetection;
  const caught = detection.filter((epochs) => epochs !== undefined);
  const errs = isValidator ? ['half', 'blind'].includes(scenario.attack.validators ?? '') : detection.length > 0;
  return {
    scenario: scenario.name,
    role: scenario.role,
    attackerBps,
    strategy: returnOf(result.attackers, scenario.role),
    honest: returnOf(honest.attackers, scenario.role),
    profit: profitOf(result.attackers, scenario.role) / profitOf(honest.attackers, scenario.role),
    others: returnOf(result.honest, scenario.role),
    fill: fillOf(result),
    price: priceOf(result),
    penalties: result.epochs.reduce((sum, { penalties }) => sum + penalties, 0n),
    detectionEpochs:
      caught.length > 0 && caught.length + (isValidator ? 0 : result.tooLateToTell) === detection.length
        ? Math.max(...caught)
        : undefined,
    uncaught: errs ? detection.length - caught.length : 0,
    wrongdoers: errs ? detection.length : 0,
    tooLateToTell: errs && !isValidator ? result.tooLateToTell : 0,
    evicted: result.evicted,
    gini: result.proverGini,
    topShare: result.proverTopShare,
    twin: honest,
  };
}
