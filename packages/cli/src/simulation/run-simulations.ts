/** Runs strategies and studies one after another. */
import { InputError } from '@dsperse/core/graph';
import {
  blindScore,
  type Comparison,
  cartelByMachines,
  censoringByCustomers,
  committeeCapture,
  compare,
  demandShock,
  otherAsk,
  otherWeights,
  priceAgainstDemand,
  robbery,
  SCENARIOS,
  type Scenario,
  type SimulationResult,
  selfDealing,
  stallingCost,
  twiceAsFast,
  whaleDelegation,
} from '@dsperse/network/simulation';
import type { Progress } from '../terminal/progress.js';
import type { SimulationResults, SimulationSettings, Studies } from './results.js';

/** Validators of every simulation; the other agents are provers. */
const VALIDATORS = 12;
/** Just below a third: from there on a third can stop everything. */
export const THIRD_BPS = 3_300;
const ALL_SHARES = [1_000, THIRD_BPS, 5_000];

type Study = { readonly [N in keyof Studies]: (s: SimulationSettings) => Studies[N] };

const rest = ({ agents, epochs, seed }: SimulationSettings) => {
  return { provers: Math.max(10, agents - VALIDATORS), validators: VALIDATORS, epochs, seed };
};

export const STUDIES: Study = {
  demand: (s) => priceAgainstDemand([2_000, 4_000, 6_000, 8_000, 10_000, 12_000], rest(s)),
  shock: (s) => demandShock(rest(s)),
  speed: (s) => [
    ...twiceAsFast([3_000, 6_000, 9_000, 12_000], 10_000, rest(s)),
    ...twiceAsFast([3_000, 6_000, 9_000, 12_000], 9_000, rest(s)),
  ],
  selfDealing: (s) => [
    ...selfDealing([1_000, 3_300, 6_600, 10_000], false, rest(s)),
    ...selfDealing([1_000, 3_300, 6_600, 10_000], true, rest(s)),
  ],
  weights: (s) => otherWeights(['copy', 'friends'], [1_000, THIRD_BPS, 5_000], rest(s)),
  blind: (s) => blindScore([10, 50, 100, 400], [0, 5_000], s.seed),
  committee: (s) => committeeCapture([8, 16, 32, 64], [1_000, 2_500, 3_300], s.seed),
  machines: (s) => cartelByMachines([0, 2_500, 5_000], THIRD_BPS, rest(s)),
  comparing: (s) => censoringByCustomers([0, 5_000, 9_000, 10_000], THIRD_BPS, rest(s)),
  stalling: (s) => stallingCost([0, 2_500, 5_000], 1_000, rest(s)),
  whale: (s) => whaleDelegation([2_000, 3_334, 10_000], rest(s)),
  asks: (s) => otherAsk([8_500, 10_000, 11_500, 13_000, 15_000], rest(s)),
  robbery: (s) => robbery([3_000, 6_000, 9_000], rest(s)),
};

export const NAMES: readonly string[] = [...SCENARIOS.map(({ name }) => name), ...Object.keys(STUDIES)];

/** @param names of strategies and studies; all where empty */
export function runSimulations(
  names: readonly string[],
  settings: SimulationSettings,
  progress: Progress,
): SimulationResults {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown)
    throw new InputError('usage', `there is no scenario ${unknown}`, `give any of ${[...new Set(NAMES)].join(', ')}`);
  const isWanted = (name: string) => names.length === 0 || names.includes(name);
  const strategies = SCENARIOS.filter(({ name }) => isWanted(name));
  const studies = (Object.keys(STUDIES) as (keyof Studies)[]).filter(isWanted);
  const all = strategies.length * ALL_SHARES.length + studies.length;
  let done = 0;
  const step = (stage: string) => progress.report(stage, done++ / all);
  const comparisons: Comparison[] = [];
  for (const attackerBps of ALL_SHARES) {
    let twin: SimulationResult | undefined;
    for (const scenario of strategies) {
      step(`${scenario.name} at ${attackerBps / 100} %`);
      const found = compareAt(scenario, attackerBps, settings, twin);
      if (!scenario.instead) twin = found.twin;
      comparisons.push(found.comparison);
    }
  }
  const found: Partial<Record<keyof Studies, unknown>> = {};
  for (const name of studies) {
    step(name);
    found[name] = STUDIES[name](settings);
  }
  return { ...settings, comparisons, studies: found as Partial<Studies> };
}

function compareAt(
  scenario: Scenario,
  attackerBps: number,
  settings: SimulationSettings,
  known: SimulationResult | undefined,
): { comparison: Comparison; twin: SimulationResult } {
  const { twin, ...comparison } = compare(scenario, attackerBps, rest(settings), scenario.instead ? undefined : known);
  return { comparison, twin };
}
