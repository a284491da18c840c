/** `dsperse stake history`: everything that was taken of an operator's stake, and why. */
import type { NetworkAddresses } from '@dsperse/contracts';
import { connectLedger, settlementParameters } from '@dsperse/network/chain';
import { toJson } from '@dsperse/network/messages';
import { type Explanation, explainPenalty, type SettlementParameters } from '@dsperse/network/scoring';
import { type ChainAccess, roleNumber, type StakeLoss, stakeLosses } from '@dsperse/sdk';
import pc from 'picocolors';
import type { Outcome } from '../commands/command.js';
import { renderFacts } from '../terminal/table.js';
import { formatTokens } from './amounts.js';
import { fetchSettlement } from './epoch-settlement.js';
import { formatTime } from './identifiers.js';
import { findNetwork, type NetworkPlace, openChain } from './network-access.js';
import { type StakeOptions, subjectOf } from './stake-options.js';

interface ExplainedLoss extends StakeLoss {
  readonly explanations: readonly Explanation[];
  /** Why there are none. */
  readonly unexplained?: string;
}

/** Losses whose evidence anyone could bring. */
const ON_EVIDENCE: Readonly<Record<string, string>> = {
  'wrong-attestation': 'It signed an epoch root that cannot be true; the leaf that shows it was brought to the chain.',
  'equivocated-verdict': 'It signed two different verdicts on one proof; both were brought to the chain.',
  'equivocated-epoch': 'It signed two different roots of one epoch; both were brought to the chain.',
};

export async function explainLosses(options: StakeOptions): Promise<Outcome> {
  const place = findNetwork(options);
  const chain = await openChain(place);
  const { operator, role } = await subjectOf(options, place);
  const losses = await stakeLosses(chain, operator, role);
  const explained: ExplainedLoss[] = [];
  for (const loss of losses) explained.push({ ...loss, ...(await explain(loss, place, chain)) });
  const total = losses.reduce((sum, l) => sum + l.fromActive + l.fromThawing, 0n);
  const head = renderFacts([
    ['operator', `${operator}, ${role}`],
    ['taken', `${formatTokens(total)} in ${losses.length} slashes`],
  ]);
  return {
    document: toJson({ operator, role, total, losses: explained }) as object,
    text: [head, ...explained.map(describeLoss)].join('\n\n'),
  };
}

async function explain(
  loss: StakeLoss,
  place: NetworkPlace,
  chain: ChainAccess,
): Promise<Pick<ExplainedLoss, 'explanations' | 'unexplained'>> {
  if (loss.epoch === undefined) return { explanations: [] };
  if (place.gatewayUrl === undefined) return { explanations: [], unexplained: 'give --gateway to see why' };
  try {
    const { penalties, postedAt } = await fetchSettlement(place.gatewayUrl, chain, loss.epoch);
    const penalty = penalties.find(
      (p) => p.operator === loss.operator.toLowerCase() && p.role === roleNumber(loss.role),
    );
    if (!penalty) return { explanations: [], unexplained: `the gateway knows nothing of it in epoch ${loss.epoch}` };
    return { explanations: explainPenalty(penalty, loss.epoch, await parametersAt(place, postedAt)).items };
  } catch (error) {
    return { explanations: [], unexplained: error instanceof Error ? error.message : String(error) };
  }
}

/** As the epoch was settled with. */
async function parametersAt(place: NetworkPlace, at: number): Promise<SettlementParameters> {
  const contracts = place.file?.contracts as unknown as NetworkAddresses;
  return settlementParameters(await connectLedger({ rpcUrl: place.rpcUrl as string, contracts }), at);
}

function describeLoss(loss: ExplainedLoss): string {
  const { at, reason, fromActive, fromThawing, bounty, epoch, transaction, evidence, explanations, unexplained } = loss;
  const taken = fromActive + fromThawing;
  const facts: (readonly [string, string])[] = [
    ['when', formatTime(at)],
    ['taken', `${formatTokens(taken)}${fromThawing > 0n ? `, ${formatTokens(fromThawing)} of it thawing` : ''}`],
    ...(taken < loss.requested ? [['owed', `${formatTokens(loss.requested)}: no more was slashable`] as const] : []),
    ...(bounty > 0n ? [['bounty', formatTokens(bounty)] as const] : []),
    ...(epoch === undefined ? [] : [['epoch', String(epoch)] as const]),
    ['transaction', transaction],
    ['evidence', evidence],
  ];
  const parts = [pc.bold(pc.red(`${reason}  −${formatTokens(taken)}`)), renderFacts(facts)];
  if (ON_EVIDENCE[reason]) parts.push(ON_EVIDENCE[reason]);
  if (unexplained) parts.push(pc.yellow(unexplained));
  return [...parts, ...explanations.map(describeExplanation)].join('\n');
}

function describeExplanation(e: Explanation): string {
  return [
    '',
    pc.bold(e.title),
    e.summary,
    `Rule: ${e.rule}`,
    `Amount: ${e.reckoning}`,
    renderFacts(e.facts.map(({ label, value }) => [`  ${label}`, value] as const)),
    'What to look at:',
    ...e.advice.map((line) => `  - ${line}`),
    `To contest it: ${e.challenge}`,
  ].join('\n');
}
