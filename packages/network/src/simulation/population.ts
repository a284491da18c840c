/** Provers and validators of a plan, honest ones and attackers with the same means. */
import { type Prover, TOKEN, type Validator } from './agents.js';
import { type SimulationPlan, WORLD } from './plan.js';
import type { Random } from './random.js';

const BPS = 10_000n;
const bps = (amount: bigint, share: number | bigint) => (amount * BigInt(share)) / BPS;

/** What an average prover asks at first: its cost and a margin, over what the fee leaves of a price. */
export function firstAsk(plan: SimulationPlan, cost: bigint = WORLD.costPerMillion): bigint {
  const kept = BigInt(10_000 - plan.parameters.settlement.feeBps);
  return (bps(cost, WORLD.markupBps) * BPS) / kept;
}

/** The lowest ask at which proving costs no more than it brings. */
export function leastAsk(plan: SimulationPlan, cost: bigint): bigint {
  const kept = BigInt(10_000 - plan.parameters.settlement.feeBps);
  return (cost * BPS) / kept + 1n;
}

export function makeProvers(plan: SimulationPlan, random: Random): Prover[] {
  const count = plan.equipment?.length ?? plan.provers;
  const attackers = Math.round((count * plan.attackerBps) / 10_000);
  const { attack } = plan;
  const split = attack.proversEach ?? 1;
  const provers: Prover[] = [];
  for (let k = 0; k < count; k++) {
    const isAttacker = k < attackers;
    const equipment = plan.equipment?.[k];
    const spread = WORLD.costSpreadBps;
    const cost = bps(WORLD.costPerMillion, equipment ? 10_000 : random.between(10_000 - spread, 10_000 + spread));
    const rate = equipment?.rate ?? random.between(WORLD.rate * 0.8, WORLD.rate * 1.2);
    const ask = bps(firstAsk(plan, cost), equipment?.askBps ?? 10_000);
    const fixed = isAttacker && attack.askBps !== undefined ? bps(firstAsk(plan), attack.askBps) : undefined;
    const inside =
      isAttacker && attack.censorAskBps !== undefined ? bps(firstAsk(plan), attack.censorAskBps) : undefined;
    const parts = isAttacker ? split : 1;
    const machine = { busyUntil: 0, parts };
    for (let part = 0; part < parts; part++) {
      const operator = random.address();
      provers.push({
        operator,
        account: operator,
        side: isAttacker ? 'attacker' : 'honest',
        conduct: isAttacker ? (attack.provers ?? 'honest') : 'honest',
        rate,
        cost,
        ask: fixed ?? ask,
        asksFixed: fixed !== undefined || equipment !== undefined,
        ...(inside === undefined ? {} : { askInside: inside }),
        machine,
        stake: (WORLD.proverStake * TOKEN) / BigInt(parts),
        debt: 0n,
        locked: 0n,
        inFlight: 0,
        workInFlight: 0,
        failures: 0,
        busySeconds: 0,
      });
    }
  }
  return provers;
}

/** The attackers' stake is exactly their share of all, whatever their number. */
export function makeValidators(plan: SimulationPlan, random: Random): Validator[] {
  const { attack } = plan;
  const total = WORLD.validatorStakePerProver * BigInt(plan.equipment?.length ?? plan.provers) * TOKEN;
  const theirs = attack.whaleBps === undefined ? bps(total, plan.attackerBps) : bps(total, attack.whaleBps);
  const byShare = Math.max(1, Math.round((plan.validators * plan.attackerBps) / 10_000));
  const attackers = theirs === 0n ? 0 : attack.whaleBps === undefined ? (attack.validatorsEach ?? byShare) : 1;
  return Array.from({ length: plan.validators }, (_, k) => {
    const isAttacker = k < attackers;
    const operator = random.address();
    const stake = isAttacker ? theirs / BigInt(attackers) : (total - theirs) / BigInt(plan.validators - attackers);
    const isWhale = isAttacker && attack.whaleBps !== undefined;
    return {
      operator,
      account: operator,
      side: isAttacker ? 'attacker' : 'honest',
      conduct: isAttacker ? (attack.validators ?? 'honest') : 'honest',
      weighing: isAttacker ? (attack.weights ?? 'seen') : 'seen',
      stake,
      delegated: attack.whaleBps === undefined ? 0n : bps(stake, 8_000),
      commissionBps: isWhale ? 0 : 1_000,
      verifiesElsewhere: isAttacker && attack.validatorsEach !== undefined && k > 0,
    };
  });
}
