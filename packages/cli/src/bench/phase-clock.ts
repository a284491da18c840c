/** How long a prover is in each phase. */
import type { ProvePhase } from '@dsperse/core/prove';
import { PHASES, type Phases } from './protocol.js';

export class PhaseClock {
  private readonly ms: Record<ProvePhase, number> = Object.fromEntries(PHASES.map((p) => [p, 0])) as Phases;
  private phase: ProvePhase | undefined;
  private since = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The phase before ends; undefined: nothing begins. */
  readonly enter = (phase: ProvePhase | undefined): void => {
    const now = this.now();
    if (this.phase) this.ms[this.phase] += now - this.since;
    this.phase = phase;
    this.since = now;
  };

  get phases(): Phases {
    return { ...this.ms };
  }
}
