/** Questions that are not a comparison of a strategy with honest work. */

import { committeeOf, judgeByCommittee, recallScoreBps } from '../scoring/index.js';
import type { WeightConduct } from './agents.js';
import { compare, fillOf, priceOf, returnOf } from './compare.js';
import { incomePerCost, ratio } from './measure.js';
import { networkParameters } from './network-parameters.js';
import { type SimulationPlan, WORLD } from './plan.js';
import { Random } from './random.js';
import { runSimulation } from './run-simulation.js';
import { BASELINE, planOf, SCENARIOS } from './scenarios.js';

type Rest = Partial<SimulationPlan>;

export interface DemandPoint {
  readonly load: number;
  readonly price: number;
  readonly fill: number;
  readonly gini: number;
  readonly topShare: number;
  /** Income per unit of cost of the provers. */
  readonly provers: number;
}

export function priceAgainstDemand(loadsBps: readonly number[], rest: Rest): DemandPoint[] {
  return loadsBps.map((loadBps) => {
    const result = runSimulation(planOf({}, 0, { ...rest, loadBps: [loadBps] }));
    return {
      load: loadBps / 10_000,
      price: priceOf(result),
      fill: fillOf(result),
      gini: result.proverGini,
      topShare: result.proverTopShare,
      provers: incomePerCost(result.honest.provers),
    };
  });
}

export interface ShockPoint {
  readonly epoch: number;
  readonly demand: number;
  readonly price: number;
  readonly fill: number;
}

/** Demand of 0.4, three times that in the epochs 5 to 8, then 0.4 again. */
export function demandShock(rest: Rest): ShockPoint[] {
  const loadBps = [4_000, 4_000, 4_000, 4_000, 12_000, 12_000, 12_000, 12_000, 4_000];
  const { epochs } = runSimulation(planOf({}, 0, { ...rest, loadBps, epochs: 16 }));
  return epochs.map(({ epoch, demand, price, chunks, paidChunks }) => {
    return { epoch, demand, price, fill: chunks === 0 ? 0 : paidChunks / chunks };
  });
}

export interface SpeedPoint {
  readonly load: number;
  /** Of its ask to that of the others. */
  readonly askBps: number;
  /** Income of the fast prover over the mean of the others. */
  readonly multiple: number;
  /** Of all provers' income. */
  readonly share: number;
}

/** One prover twice as fast as seven equals. */
export function twiceAsFast(loadsBps: readonly number[], askBps: number, rest: Rest): SpeedPoint[] {
  const others = Array.from({ length: 7 }, () => ({ rate: WORLD.rate, askBps: 10_000 }));
  const equipment = [{ rate: 2 * WORLD.rate, askBps }, ...others];
  return loadsBps.map((loadBps) => {
    const { incomes } = runSimulation(
      planOf({}, 0, { ...rest, equipment, loadBps: [loadBps], validators: 4, epochs: 20 }),
    );
    const total = incomes.reduce((sum, income) => sum + income, 0n);
    return {
      load: loadBps / 10_000,
      askBps,
      multiple: ratio(7n * incomes[0], total - incomes[0]),
      share: ratio(incomes[0], total),
    };
  });
}

export interface SelfDealingPoint {
  readonly validatorBps: number;
  readonly minting: boolean;
  /** Income per unit of cost with orders from oneself, and without. */
  readonly strategy: number;
  readonly honest: number;
}

/** What is minted where a study says that something is. */
const MINTING = {
  // A cap that gives 4,000 tokens a day.
  cap: (4_000n * 10n ** 18n * 365n * 10_000n) / 1_000n,
  yearBps: 1_000,
  proverBps: 6_000,
  validatorBps: 2_000,
  feeMultipleBps: 9_999,
};

/** With and without an emission of four times what all orders pay in fees. */
export function selfDealing(sharesBps: readonly number[], minting: boolean, rest: Rest): SelfDealingPoint[] {
  const parameters = minting ? networkParameters({}, MINTING) : networkParameters();
  return sharesBps.map((validatorBps) => {
    const run = (selfDealingBps: number) =>
      returnOf(runSimulation(planOf({ selfDealingBps }, validatorBps, { ...rest, parameters })).attackers, 'both');
    return { validatorBps, minting, strategy: run(5_000), honest: run(0) };
  });
}

export interface WeightsPoint {
  readonly conduct: WeightConduct;
  readonly attackerBps: number;
  /** Income per unit of cost of those who weigh so, and of the same agents where they weigh by what they saw. */
  readonly validators: number;
  readonly validatorsHonest: number;
  readonly provers: number;
  readonly proversHonest: number;
}

/** Validators that verify everything, but copy the weights of others, or give all weight to provers who are their friends. */
export function otherWeights(conducts: readonly WeightConduct[], sharesBps: readonly number[], rest: Rest) {
  const parameters = networkParameters({}, MINTING);
  return conducts.flatMap((conduct) =>
    sharesBps.map((attackerBps): WeightsPoint => {
      const run = (weights: WeightConduct) => {
        const { attackers } = runSimulation(planOf({ weights }, attackerBps, { ...rest, parameters }));
        return [incomePerCost(attackers.validators), incomePerCost(attackers.provers)];
      };
      const [[validators, provers], [validatorsHonest, proversHonest]] = [run(conduct), run('seen')];
      return { conduct, attackerBps, validators, validatorsHonest, provers, proversHonest };
    }),
  );
}

export interface BlindPoint {
  readonly duties: number;
  /** Of the proofs it verifies; it accepts the others unseen. */
  readonly verifiesBps: number;
  /** Mean share of the full income that it keeps: in the first epoch, over all of them, in the last. */
  readonly first: number;
  readonly all: number;
  readonly last: number;
  /** Epochs until its first wrong answer, as a mean; those that never gave one count as all epochs. */
  readonly untilSeen: number;
}

/** What accepting unseen leaves of a validator's income, by the number of proofs of an epoch. */
export function blindScore(
  dutiesOf: readonly number[],
  verifiesBps: readonly number[],
  seed: number,
  epochs = 12,
  { canaryBps, settlement: { recallFloorBps, canaryMemory } } = networkParameters(),
): BlindPoint[] {
  const random = new Random(seed);
  const rounds = 200;
  return verifiesBps.flatMap((verifies) =>
    dutiesOf.map((duties): BlindPoint => {
      const kept = new Array<number>(epochs).fill(0);
      let seen = 0;
      for (let k = 0; k < rounds; k++) {
        let answers = '';
        for (let epoch = 0; epoch < epochs; epoch++) {
          for (let duty = 0; duty < duties; duty++) {
            if (random.chance(canaryBps)) answers = `${answers}${random.chance(verifies) ? 1 : 0}`.slice(-canaryMemory);
          }
          kept[epoch] += Number(recallScoreBps(answers, recallFloorBps)) / (10_000 * rounds);
          if (!answers.includes('0')) seen += 1 / rounds;
        }
      }
      const all = kept.reduce((sum, score) => sum + score, 0) / epochs;
      const untilSeen = Math.min(epochs, seen + 1);
      return { duties, verifiesBps: verifies, first: kept[0], all, last: kept[epochs - 1], untilSeen };
    }),
  );
}

export interface CommitteePoint {
  readonly seats: number;
  readonly colludingBps: number;
  /** Of committees: those that accept the colluders' forged proof. */
  readonly captured: number;
  /** Honest proofs that everyone has to judge, as colluders reject them. */
  readonly escalated: number;
}

/** Of 200 equal validators. */
export function committeeCapture(
  seatsOf: readonly number[],
  sharesBps: readonly number[],
  seed: number,
  rounds = 500,
): CommitteePoint[] {
  const random = new Random(seed);
  const all = Array.from({ length: 200 }, () => ({ operator: random.address(), stake: 1n }));
  return seatsOf.flatMap((seats) =>
    sharesBps.map((colludingBps): CommitteePoint => {
      const count = Math.round((all.length * colludingBps) / 10_000);
      const colluders = new Set(all.slice(0, count).map(({ operator }) => operator));
      let [captured, escalated] = [0, 0];
      for (let k = 0; k < rounds; k++) {
        const committee = committeeOf({ order: random.hex(8), chunk: 0, attempt: 0 }, all, seats);
        const votes = (theirs: boolean) =>
          [...(committee?.keys() ?? [])].map((operator) => {
            const validator = operator as (typeof all)[number]['operator'];
            return { validator, accepted: colluders.has(validator) === theirs };
          });
        if (judgeByCommittee(votes(true), all, committee).by === 'committee') captured++;
        if (judgeByCommittee(votes(false), all, committee).by !== 'committee') escalated++;
      }
      return { seats, colludingBps, captured: captured / rounds, escalated: escalated / rounds };
    }),
  );
}

export interface SharePoint {
  /** What is varied, of 10,000. */
  readonly bps: number;
  readonly strategy: number;
  readonly honest: number;
  /** Profit of the strategy over that of the same agents at honest work. */
  readonly profit: number;
}

const strategyNamed = (name: string) => SCENARIOS.find((scenario) => scenario.name === name) ?? BASELINE;

/** A cartel, by the part of its costs that machines have whether they work or not. */
export function cartelByMachines(machinesBps: readonly number[], attackerBps: number, rest: Rest): SharePoint[] {
  return machinesBps.map((machineBps) => {
    const { strategy, honest, profit } = compare(strategyNamed('cartel'), attackerBps, { ...rest, machineBps });
    return { bps: machineBps, strategy, honest, profit };
  });
}

/** A censoring gateway, by how many customers compare gateways. */
export function censoringByCustomers(comparesBps: readonly number[], attackerBps: number, rest: Rest): SharePoint[] {
  return comparesBps.map((comparingBps) => {
    const { strategy, honest, profit } = compare(strategyNamed('censoring-gateway'), attackerBps, {
      ...rest,
      comparingBps,
    });
    return { bps: comparingBps, strategy, honest, profit };
  });
}

export interface StallPoint {
  readonly priceMinBps: number;
  readonly stallersBps: number;
  readonly fill: number;
  /** Stake that the stallers lost for each lock of an average first ask that they let lapse. */
  readonly lostPerChunk: number;
}

/** Stallers that ask next to nothing, by how low the price curve begins. */
export function stallingCost(priceMinsBps: readonly number[], stallersBps: number, rest: Rest): StallPoint[] {
  return priceMinsBps.map((priceMinBps) => {
    const plan = planOf({ provers: 'stall', askBps: 0 }, stallersBps, { ...rest, priceMinBps });
    const result = runSimulation(plan);
    return {
      priceMinBps,
      stallersBps,
      fill: fillOf(result),
      lostPerChunk:
        result.stalled === 0 ? 0 : ratio(result.proverStakeLost, BigInt(result.stalled) * result.firstChunkPrice),
    };
  });
}

export interface WhalePoint {
  readonly stakeCapBps: number;
  /** Share of the largest pool by epoch. */
  readonly topStake: readonly number[];
}

/** A pool without commission that begins with half of all stake, four fifths of which is delegated. */
export function whaleDelegation(capsBps: readonly number[], rest: Rest): WhalePoint[] {
  return capsBps.map((stakeCapBps) => {
    const base = networkParameters();
    const parameters = { ...base, settlement: { ...base.settlement, stakeCapBps } };
    const plan = planOf({ whaleBps: 5_000 }, 0, { ...rest, parameters, epochs: 16, provers: 40 });
    return { stakeCapBps, topStake: runSimulation(plan).epochs.map(({ topStake }) => topStake) };
  });
}

export interface MarkupPoint {
  readonly askBps: number;
  /** Income per unit of cost, and profit over that of the same agents at the usual ask. */
  readonly perCost: number;
  readonly profit: number;
}

/** One prover in twenty asks something else than the others. */
export function otherAsk(asksBps: readonly number[], rest: Rest): MarkupPoint[] {
  return asksBps.map((askBps) => {
    const { provers } = runSimulation(planOf({ askBps }, 500, rest)).attackers;
    const profit = provers.income - provers.penalties - provers.work - provers.machines - provers.capital;
    return { askBps, perCost: incomePerCost(provers), profit: ratio(profit, 10n ** 18n) };
  });
}

export interface RobberyPoint {
  readonly load: number;
  /** Reserves that are not settled at the end of an epoch, in tokens: the most that one false root takes. */
  readonly reserved: number;
  /** That over what an epoch pays, and over two thirds of the validators' stake. */
  readonly epochs: number;
  readonly overStake: number;
}

/** More than two thirds of the stake sign that every open order is spent to them. */
export function robbery(loadsBps: readonly number[], rest: Rest): RobberyPoint[] {
  return loadsBps.map((loadBps) => {
    const result = runSimulation(planOf({}, 0, { ...rest, loadBps: [loadBps] }));
    const late = result.epochs.slice(Math.floor(result.epochs.length / 2));
    const most = late.reduce((max, { reserved }) => (reserved > max ? reserved : max), 0n);
    const spent = late.reduce((sum, epoch) => sum + epoch.spent, 0n) / BigInt(late.length);
    const stake = WORLD.validatorStakePerProver * BigInt(result.plan.provers) * 10n ** 18n;
    return {
      load: loadBps / 10_000,
      reserved: ratio(most, 10n ** 18n),
      epochs: ratio(most, spent),
      overStake: ratio(3n * most, 2n * stake),
    };
  });
}
