/** What came of an order, for people and for programs. */
import { type OrderView, toJson } from '@dsperse/network/messages';
import { LEFT_OUT_EPOCHS } from '@dsperse/network/scoring';
import type { OrderResult, ReservedOrder } from '@dsperse/sdk';
import pc from 'picocolors';
import type { Outcome } from '../commands/command.js';
import { describeTensors, type TensorDocument } from '../proving/tensor-document.js';
import { EXIT } from '../terminal/describe-error.js';
import { formatIndices, formatMs } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { formatTokens } from './amounts.js';
import { formatTime } from './identifiers.js';

const EXIT_CODES = { accepted: EXIT.done, rejected: EXIT.rejected, undecided: EXIT.undecided } as const;
const COLOURS = { accepted: pc.green, rejected: pc.red, undecided: pc.yellow } as const;

/** How an order ended that was not delivered. */
const ENDINGS: Readonly<Record<string, string>> = {
  failed: 'the order failed; nothing of it that was not accepted is paid',
  expired: 'the order ran past its deadline; the rest of its reserve comes back',
  cancelled: 'the order was cancelled; the rest of its reserve comes back',
  settled: 'the order was settled without being delivered',
};

export function orderOutcome(result: OrderResult, seconds: number, run: string | undefined): Outcome {
  const { id, verdict, code, path, reason, state, certified, view, spent, verifyMs, fingerprint } = result;
  const outputs: Record<string, TensorDocument> = Object.fromEntries(
    [...result.outputs].map(([name, { dims, data }]) => [name, { dims, data: [...data] }]),
  );
  const chunks = certified?.verdict === 'accepted' ? certified.chunks : [];
  const document = toJsonWithFractions(
    {
      order: id,
      verdict,
      code,
      path,
      reason,
      state,
      fingerprint,
      chunks,
      spent,
      budget: view.budget,
      run: verdict === 'accepted' ? run : undefined,
    },
    { outputs, verifyMs, seconds },
  );
  const table = renderTable(
    [
      { title: 'chunk', align: 'right' },
      { title: 'slices' },
      { title: 'prover' },
      { title: 'price', align: 'right' },
      { title: 'validators' },
    ],
    chunks.map((c) => [
      String(c.index),
      formatIndices(c.slices),
      c.prover,
      formatTokens(c.price),
      `${c.accepting.length} accept${c.rejecting.length > 0 ? `, ${c.rejecting.length} reject` : ''}`,
    ]),
  );
  const word = COLOURS[verdict](pc.bold(verdict.toUpperCase()));
  const why = code === undefined ? '' : ` ${code}${path ? ` at ${path}` : ''}`;
  const ending = verdict === 'undecided' && code ? (ENDINGS[code] ?? '') : '';
  const remark = [reason, ending].filter(Boolean).join('; ');
  const text = [
    ...(verdict === 'accepted' ? [describeTensors(outputs), '', table, ''] : []),
    renderFacts([
      ['order', id],
      ['fingerprint', fingerprint],
      ['cost', `${formatTokens(spent)} of a budget of ${formatTokens(view.budget)}`],
      ['time', `${seconds.toFixed(1)} s${verdict === 'accepted' ? `, verified here in ${formatMs(verifyMs)}` : ''}`],
      ...(run !== undefined && verdict === 'accepted' ? [['run', run] as const] : []),
    ]),
    '',
    `${word}${why}${remark ? `: ${remark}` : ''}`,
  ].join('\n');
  return { document, text, exitCode: EXIT_CODES[verdict] };
}

/** Amounts as decimal strings; what has fractions is taken as it is. */
function toJsonWithFractions(exact: object, fractions: object): object {
  return { ...(toJson(exact) as object), ...fractions };
}

export function statusOutcome(view: OrderView, reserved: ReservedOrder | undefined): Outcome {
  const rows = view.chunks.flatMap((c) => {
    const attempts = c.attempts.length > 0 ? c.attempts : [undefined];
    return attempts.map((a, i) => [
      i === 0 ? String(c.index) : '',
      i === 0 ? formatIndices(c.slices) : '',
      i === attempts.length - 1 ? c.state : '',
      a ? String(a.attempt + 1) : '',
      a?.prover ?? '',
      a ? formatTokens(a.price) : '',
      [a?.outcome, a?.reason].filter(Boolean).join(': '),
    ]);
  });
  const titles = ['chunk', 'slices', 'state', 'attempt', 'prover', 'price', 'outcome'];
  const facts: (readonly [string, string])[] = [
    ['order', view.id],
    ['state', `${pc.bold(view.state)}${view.reason ? `: ${view.reason}` : ''}`],
    ['deadline', formatTime(view.deadline)],
    ['spent', `${formatTokens(view.spent)} of ${formatTokens(view.budget)}`],
    ...(view.epoch === undefined ? [] : [['epoch', String(view.epoch)] as const]),
    ...(reserved ? [['on the chain', reservedWords(reserved)] as const] : []),
  ];
  const table =
    rows.length > 0
      ? `\n\n${renderTable(
          titles.map((title) => ({ title })),
          rows,
        )}`
      : '';
  const left = reserved && leftOutWords(reserved, view.id);
  const remark = left === undefined ? '' : `\n\n${pc.yellow(left)}`;
  return { document: toJson({ ...view, chain: reserved }) as object, text: `${renderFacts(facts)}${table}${remark}` };
}

/** What to do about an order that nobody settles; undefined where there is nothing to do. */
export function leftOutWords({ isLeftOut, state, exitableAt }: ReservedOrder, id: string): string | undefined {
  const isExitable = state === 'reserved' && exitableAt * 1000 <= Date.now();
  if (!isLeftOut && !isExitable) return undefined;
  const why = isLeftOut
    ? `${LEFT_OUT_EPOCHS} epochs were settled since its deadline, and it is in none of them: its gateway leaves it out`
    : 'nobody settled it in time';
  const when = isExitable
    ? ''
    : `, at the latest from ${formatTime(exitableAt)} on; until then other gateways may settle what was proven of it`;
  return `${why}. Take its reserve back: \`dsperse order exit ${id}\`${when}`;
}

export function reservedWords(r: ReservedOrder): string {
  if (r.state !== 'reserved') return r.state === 'none' ? 'not known' : r.state;
  const cancelled = r.cancelRequestedAt > 0 ? ', cancellation requested' : '';
  return `${formatTokens(r.budget)} reserved${cancelled}; may leave by itself from ${formatTime(r.exitableAt)} on`;
}
