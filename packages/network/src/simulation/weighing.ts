/** What validators say of provers: commitments of an epoch, and the opening of those of the epoch before. */
import { type WeightReveal, weightCommitmentOf } from '../messages/index.js';
import { type EpochTrace, type SeenDelivery, WEIGHT_MAX, weighDeliveries } from '../scoring/index.js';
import type { Prover, Validator } from './agents.js';
import { unsigned } from './marketplace.js';
import type { SimulationPlan } from './plan.js';
import { Random } from './random.js';

/** Milliseconds by which two validators see a proof at different times. */
const SPREAD_MS = 2_000;

export class Weighing {
  /** Committed to and not revealed yet. */
  private open: readonly WeightReveal[] = [];
  private before: readonly SeenDelivery[] = [];
  private revealed: readonly WeightReveal[] = [];
  private readonly random: Random;

  constructor(
    private readonly plan: SimulationPlan,
    private readonly validators: readonly Validator[],
    private readonly provers: readonly Prover[],
  ) {
    // Of its own: what is said of provers moves no order.
    this.random = new Random(plan.seed + 1);
  }

  /** @param previous the number of the epoch that is settled last @param seen accepted in the epoch that ends */
  next(previous: number, seen: readonly SeenDelivery[]): EpochTrace['weights'] {
    // Nothing follows it where nothing is minted.
    if (this.plan.parameters.settlement.emission.cap === 0n) return { commits: [], reveals: [] };
    const reveals = this.open;
    this.open = this.validators.flatMap((validator) => this.weigh(validator, [...this.before, ...seen]) ?? []);
    this.before = seen;
    const commits = this.open.map((reveal) =>
      unsigned({ epoch: previous, validator: reveal.validator, commitment: weightCommitmentOf(reveal) }),
    );
    // Those that were revealed can be read from now on: a copier commits to them in the next epoch.
    this.revealed = reveals;
    return { commits, reveals };
  }

  private weigh(validator: Validator, seen: readonly SeenDelivery[]): WeightReveal | undefined {
    const { lockFloorSeconds } = this.plan.parameters.market;
    const { operator, weighing, conduct, side } = validator;
    if (conduct === 'withhold') return undefined;
    const salt = this.random.hex(8);
    if (weighing === 'copy') {
      const model = this.revealed.find((reveal) => reveal.validator !== operator);
      return model && { ...model, validator: operator, salt };
    }
    if (weighing === 'friends') {
      const own = this.provers.filter((prover) => prover.side === side).map((prover) => prover.operator);
      return own.length === 0
        ? undefined
        : { validator: operator, provers: own.sort(), weights: own.map(() => WEIGHT_MAX), salt };
    }
    const here = seen.map((delivery) => ({
      ...delivery,
      marginMs: delivery.marginMs - this.random.below(SPREAD_MS),
    }));
    const weighed = weighDeliveries(here, lockFloorSeconds);
    return weighed && { validator: operator, ...weighed, salt };
  }
}
