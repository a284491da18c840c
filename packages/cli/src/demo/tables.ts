/** What the demo shows. */
import pc from 'picocolors';
import { formatAmount } from '../network/amounts.js';
import { renderTable } from '../terminal/table.js';
import type { Forgery } from './forgeries.js';
import type { NetworkBooks } from './network-books.js';

/** Tokens with four digits behind the point. */
export const tokens = (units: bigint): string => {
  const step = 10n ** 14n;
  return formatAmount(((units + step / 2n) / step) * step);
};

const WHY: Readonly<Record<string, string>> = {
  rejected: 'its proof was wrong',
  missed: 'it took the lock and vanished',
  unlinked: 'its proof was of other values',
  released: 'gave it back',
  ended: 'the order ended first',
};

export function booksTable({ provers, validators }: NetworkBooks): string {
  const slashed = (amount: bigint) => (amount > 0n ? pc.red(tokens(amount)) : '');
  const rows = [
    ...provers.map((p) => [
      p.name,
      p.address,
      [
        ...(p.chunks.length > 0 ? [pc.green(`proved chunk ${p.chunks.join(', ')}`)] : []),
        ...p.failed.map((f) => pc.red(`chunk ${f.chunk}: ${WHY[f.outcome] ?? f.outcome}`)),
      ].join('; ') || 'was not needed',
      tokens(p.paid),
      slashed(p.slashed),
    ]),
    ...validators.map((v) => [
      v.name,
      v.address,
      `judged ${v.verified} proofs, rejected ${v.rejected}`,
      tokens(v.paid),
      '',
    ]),
  ];
  return renderTable(
    [
      { title: 'who' },
      { title: 'operator' },
      { title: 'did' },
      { title: 'tokens paid', align: 'right' },
      { title: 'slashed', align: 'right' },
    ],
    rows,
  );
}

export function forgeryTable(forgeries: readonly Forgery[]): string {
  return renderTable(
    [{ title: 'forgery' }, { title: 'verdict' }, { title: 'found as' }],
    forgeries.map((f) => [
      f.what,
      f.verdict === 'accepted' ? pc.red(pc.bold('ACCEPTED')) : pc.green(f.verdict),
      [f.code, f.path].filter((x) => x !== '').join(' at '),
    ]),
  );
}
