import type { ProposalStatus } from '@dsperse/sdk';
import { describe, expect, it } from 'vitest';
import { requireStage, type Step } from './check-proposal.js';

const proposal = (state: ProposalStatus['state'], executableAt = 0): ProposalStatus => ({
  id: 7n,
  proposer: `0x${'12'.repeat(20)}`,
  state,
  description: 'a higher fee',
  calls: [],
  changes: [],
  voteStart: 1_000,
  voteEnd: 2_000,
  executableAt,
  votes: { for: 0n, against: 0n, abstain: 0n },
});

describe('a step of a proposal', () => {
  it('is taken at its stage', () => {
    expect(() => requireStage(proposal('active'), 'vote', 1_500n)).not.toThrow();
    expect(() => requireStage(proposal('succeeded'), 'queue', 2_500n)).not.toThrow();
    expect(() => requireStage(proposal('queued', 3_000), 'execute', 3_000n)).not.toThrow();
  });

  it.each<[ProposalStatus['state'], Step, RegExp]>([
    ['pending', 'vote', /begins after 1970-01-01T00:16:40Z/],
    ['succeeded', 'vote', /gov queue 7/],
    ['executed', 'vote', /gov params/],
    ['active', 'queue', /gov vote 7 for/],
    ['defeated', 'queue', /propose it anew/],
    ['queued', 'queue', /gov execute 7/],
    ['succeeded', 'execute', /gov queue 7/],
    ['executed', 'execute', /gov params/],
    ['expired', 'execute', /propose it anew/],
    ['cancelled', 'execute', /propose it anew/],
  ])('%s: no %s, and what to do instead', (state, step, hint) => {
    expect(() => requireStage(proposal(state), step, 1_500n)).toThrow(
      expect.objectContaining({ code: 'wrong-stage', hint: expect.stringMatching(hint) }),
    );
  });

  it('is not taken before the timelock’s time', () => {
    expect(() => requireStage(proposal('queued', 3_000), 'execute', 2_990n)).toThrow(
      expect.objectContaining({ code: 'too-early', message: expect.stringContaining('10 s more') }),
    );
  });
});
