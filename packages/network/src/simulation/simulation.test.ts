import { describe, expect, it } from 'vitest';
import {
  BASELINE,
  blindScore,
  cartelByMachines,
  censoringByCustomers,
  compare,
  networkParameters,
  otherWeights,
  planOf,
  runSimulation,
  SCENARIOS,
  type SimulationResult,
  selfDealing,
  twiceAsFast,
} from './index.js';

const SMALL = { provers: 30, validators: 6, epochs: 4 };
const THIRD_BPS = 3_300;
const scenarioOf = (name: string) => SCENARIOS.find((s) => s.name === name) ?? BASELINE;
const text = (result: SimulationResult) =>
  JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? String(value) : value));

describe('a simulation', () => {
  it('is the same for the same seed and another for another', () => {
    const plan = planOf(scenarioOf('lazy-prover').attack, THIRD_BPS, { ...SMALL, epochs: 2 });
    const first = text(runSimulation(plan));
    expect(text(runSimulation(plan))).toBe(first);
    expect(text(runSimulation({ ...plan, seed: 2 }))).not.toBe(first);
  }, 60_000);

  it('gives out what customers spend, and no more', () => {
    const { honest, epochs } = runSimulation(planOf({}, 0, SMALL));
    const spent = epochs.reduce((sum, epoch) => sum + epoch.spent, 0n);
    const earned = honest.provers.income + honest.validators.income;
    // All but what is burned and goes to the treasury: three tenths of the fee of a tenth.
    expect(Number(earned) / Number(spent)).toBeCloseTo(0.97, 6);
    expect(honest.provers.penalties).toBe(0n);
  }, 60_000);

  it.each([1_000, THIRD_BPS])(
    'finds no strategy that earns over 2 % more for its cost than honest work, at %i of 10,000',
    (bps) => {
      let twin: SimulationResult | undefined;
      for (const scenario of SCENARIOS) {
        const found = compare(scenario, bps, SMALL, scenario.instead ? undefined : twin);
        if (!scenario.instead) twin = found.twin;
        // Splitting validators, and a gateway whose customers leave it, earn what honest work does: give or take what a
        // small network draws.
        expect(found.strategy, scenario.name).toBeLessThanOrEqual(found.honest * 1.02);
      }
    },
    240_000,
  );

  it('catches provers that forge or miss, and validators that accept unseen, within two epochs', () => {
    for (const name of ['colluding', 'lazy-prover', 'stalling', 'lazy-validator', 'blind-validator']) {
      const found = compare(scenarioOf(name), THIRD_BPS, SMALL, undefined);
      expect(found.wrongdoers, name).toBeGreaterThan(1);
      expect(found.uncaught, name).toBe(0);
      expect(found.detectionEpochs, name).toBeLessThanOrEqual(2);
    }
  }, 240_000);

  it('makes a loss of orders from oneself, at any share of the validators, and with an emission too', () => {
    for (const minting of [false, true]) {
      for (const { strategy, honest } of selfDealing([1_000, THIRD_BPS, 6_600, 10_000], minting, SMALL)) {
        expect(strategy).toBeLessThan(honest);
      }
    }
  }, 120_000);

  it('gives a prover twice as fast as seven equals about twice their income, at any load', () => {
    for (const { multiple, share } of twiceAsFast([3_000, 12_000], 10_000, {})) {
      expect(multiple).toBeGreaterThan(1.7);
      expect(multiple).toBeLessThan(2.4);
      expect(share).toBeLessThan(0.26);
    }
  }, 60_000);

  it('stops where exactly a third says nothing, and goes on just below', () => {
    const withholding = scenarioOf('withholding').attack;
    const run = (bps: number) => {
      const { epochs } = runSimulation(planOf(withholding, bps, { ...SMALL, epochs: 3 }));
      return epochs.reduce((sum, epoch) => sum + epoch.paidChunks, 0);
    };
    expect(run(3_334)).toBe(0);
    expect(run(THIRD_BPS)).toBeGreaterThan(0);
  }, 60_000);

  it('pays validators less for weights that they copied, and for weights of friends alone', () => {
    for (const { validators, validatorsHonest } of otherWeights(['copy', 'friends'], [1_000, THIRD_BPS], SMALL)) {
      expect(validators).toBeLessThan(validatorsHonest);
    }
  }, 120_000);

  it('lets colluders through with two thirds, and no sooner', () => {
    const run = (bps: number) => runSimulation(planOf(scenarioOf('colluding').attack, bps, { ...SMALL, epochs: 3 }));
    expect(run(6_600).attackers.provers.income).toBe(0n);
    expect(run(7_000).attackers.provers.income).toBeGreaterThan(0n);
  }, 60_000);

  it('leaves a blind validator nothing of many proofs, and soon nothing of few', () => {
    const [few, many, half] = [...blindScore([10, 400], [0], 1), ...blindScore([100], [5_000], 1)];
    expect(many.all).toBeLessThan(0.01);
    expect(few.first).toBeGreaterThan(0.4);
    expect(few.last).toBeLessThan(0.02);
    expect(few.untilSeen).toBeLessThan(4);
    expect(half.all).toBeLessThan(0.05);
  });

  it('finds that a censoring gateway pays where customers do not compare, and a cartel only where waiting is free', () => {
    const [none, all] = censoringByCustomers([0, 10_000], THIRD_BPS, SMALL);
    expect(none.strategy).toBeGreaterThan(none.honest * 1.2);
    expect(all.strategy).toBeLessThanOrEqual(all.honest * 1.02);
    const [free, dear] = cartelByMachines([0, 5_000], THIRD_BPS, { ...SMALL, provers: 60 });
    expect(free.profit).toBeLessThan(1);
    expect(dear.strategy).toBeLessThan(dear.honest);
    expect(dear.strategy).toBeLessThan(free.strategy);
  }, 120_000);

  it('takes the governed defaults, and what is changed of them', () => {
    expect(networkParameters().settlement.feeBps).toBe(1_000);
    expect(networkParameters({ feeBps: 500n }).settlement.feeBps).toBe(500);
  });
});
