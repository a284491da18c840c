/** What a validator says about a proof, and whether it has verified it. */
import type { Side, Validator } from './agents.js';
import type { Random } from './random.js';

export interface ProofSeen {
  readonly isValid: boolean;
  /** Whose proof it is; of a canary nobody's. */
  readonly of: Side;
}

export interface Vote {
  /** Undefined: no verdict that counts. */
  readonly accepted: boolean | undefined;
  readonly verified: boolean;
}

export function voteOn({ isValid, of }: ProofSeen, validator: Validator, random: Random): Vote {
  const verified = (accepted: boolean): Vote => ({ accepted, verified: true });
  const unseen = (accepted: boolean | undefined): Vote => ({ accepted, verified: false });
  switch (validator.conduct) {
    case 'honest':
      return verified(isValid);
    case 'blind':
      return unseen(true);
    case 'half':
      return random.chance(5_000) ? verified(isValid) : unseen(true);
    case 'copy':
      // Until the others reveal there is nothing to copy; then no commitment is taken any more.
      return unseen(undefined);
    case 'withhold':
      return unseen(undefined);
    case 'collude':
      return of === 'attacker' ? unseen(true) : verified(isValid);
    case 'veto':
      return of === 'attacker' ? unseen(true) : unseen(false);
  }
}
