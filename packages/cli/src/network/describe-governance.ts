/** Parameters and proposals, for people and for programs. */
import { PARAMETERS } from '@dsperse/contracts';
import { toJson } from '@dsperse/network/messages';
import type { GovernedCall, ParameterChange, ParameterRow, ProposalStatus } from '@dsperse/sdk';
import pc from 'picocolors';
import type { Outcome } from '../commands/command.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { formatAmount, formatTokens } from './amounts.js';
import { formatTime } from './identifiers.js';

const UNITS: Readonly<Record<string, string>> = { 'token units': 'tokens' };

const inUnit = (row: ParameterRow, value: bigint): string =>
  row.unit === 'token units' ? formatAmount(value) : String(value);

export function parameterOutcome(rows: readonly ParameterRow[]): Outcome {
  return {
    document: { parameters: toJson(rows) },
    text: renderTable(
      [
        { title: 'parameter' },
        { title: 'value', align: 'right' },
        { title: 'unit' },
        { title: 'from', align: 'right' },
        { title: 'to', align: 'right' },
        { title: 'step', align: 'right' },
        { title: 'meaning' },
      ],
      rows.map((r) => [
        r.name,
        pc.bold(inUnit(r, r.value)),
        UNITS[r.unit] ?? r.unit,
        inUnit(r, r.min),
        inUnit(r, r.max),
        `${Number(r.maxStepBps) / 100}%`,
        r.meaning,
      ]),
    ),
  };
}

/** What to do next with a proposal. */
const NEXT: Partial<Record<ProposalStatus['state'], (p: ProposalStatus) => string>> = {
  pending: (p) => `the vote begins at ${formatTime(p.voteStart)}`,
  active: (p) => `dsperse gov vote ${p.id} for   (until ${formatTime(p.voteEnd)})`,
  succeeded: (p) => `dsperse gov queue ${p.id}`,
  queued: (p) => `dsperse gov execute ${p.id}   (from ${formatTime(p.executableAt)} on)`,
};

const callWords = (call: GovernedCall, change: ParameterChange | undefined): string =>
  change ? `${change.name} = ${valueWords(change)}` : `${call.target} ${call.data}`;

function valueWords({ name, value }: ParameterChange): string {
  const unit = PARAMETERS.find((p) => p.name === name)?.unit;
  return unit === 'token units' ? formatTokens(value) : String(value);
}

export function proposalOutcome(p: ProposalStatus): Outcome {
  const next = NEXT[p.state]?.(p);
  return {
    document: toJson(p) as object,
    text: [
      renderFacts([
        ['proposal', String(p.id)],
        ['state', pc.bold(p.state)],
        ['proposer', p.proposer],
        ['vote', `${formatTime(p.voteStart)} to ${formatTime(p.voteEnd)}`],
        ['for', formatTokens(p.votes.for)],
        ['against', formatTokens(p.votes.against)],
        ['abstain', formatTokens(p.votes.abstain)],
        ...(p.quorum === undefined ? [] : [['quorum', formatTokens(p.quorum)] as const]),
        ...p.calls.map((c, i): [string, string] => ['call', callWords(c, p.changes[i])]),
        ...(next ? [['next', next] as const] : []),
      ]),
      '',
      p.description,
    ].join('\n'),
  };
}

export function proposalsOutcome(proposals: readonly ProposalStatus[]): Outcome {
  const table = renderTable(
    [{ title: 'proposal' }, { title: 'state' }, { title: 'for', align: 'right' }, { title: 'description', most: 60 }],
    proposals.map((p) => [String(p.id), p.state, formatAmount(p.votes.for), p.description.split('\n')[0]]),
  );
  return {
    document: { proposals: toJson(proposals) },
    text: proposals.length === 0 ? 'nothing was ever proposed' : table,
  };
}
