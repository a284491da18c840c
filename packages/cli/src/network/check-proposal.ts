/** Whether a proposal is at the stage that a command needs; else what to do instead. */
import { InputError } from '@dsperse/core/graph';
import type { ProposalStatus } from '@dsperse/sdk';
import { formatTime } from './identifiers.js';

export type Step = 'vote' | 'queue' | 'execute';

const STAGE = { vote: 'active', queue: 'succeeded', execute: 'queued' } as const;

/** What to do with a proposal at this stage. */
const INSTEAD: Readonly<Record<ProposalStatus['state'], (p: ProposalStatus) => string>> = {
  pending: (p) => `the vote begins after ${formatTime(p.voteStart)}`,
  active: (p) => `the vote lasts until ${formatTime(p.voteEnd)}: \`dsperse gov vote ${p.id} for\``,
  cancelled: () => 'propose it anew, with another description',
  defeated: () => 'it found no majority or no quorum: propose it anew, with another description',
  succeeded: (p) => `\`dsperse gov queue ${p.id}\``,
  queued: (p) => `\`dsperse gov execute ${p.id}\` from ${formatTime(p.executableAt)} on`,
  expired: () => 'propose it anew, with another description',
  executed: () => 'nothing is left to do; `dsperse gov params` shows what holds now',
};

/**
 * @param now the chain's time, in seconds
 * @throws InputError `wrong-stage`, `too-early`
 */
export function requireStage(proposal: ProposalStatus, step: Step, now: bigint): void {
  if (proposal.state !== STAGE[step]) {
    const message = `proposal ${proposal.id} is ${proposal.state}, not ${STAGE[step]}`;
    throw new InputError('wrong-stage', message, INSTEAD[proposal.state](proposal));
  }
  if (step === 'execute' && now < BigInt(proposal.executableAt)) {
    const message = `the timelock holds proposal ${proposal.id} back for ${BigInt(proposal.executableAt) - now} s more`;
    throw new InputError('too-early', message, INSTEAD.queued(proposal));
  }
}
