/** What the demo shows. */
import pc from 'picocolors';
import { formatBytes, formatList, formatMs } from '../terminal/format.js';
import { renderTable } from '../terminal/table.js';
import type { Forgery } from './forgeries.js';
import type { ProverReport } from './prove-apart.js';

export function proverTable(
  reports: readonly ProverReport[],
  slices: readonly { readonly nodes: readonly string[] }[],
): string {
  return renderTable(
    [
      { title: 'prover' },
      { title: 'process', align: 'right' },
      { title: 'slice', align: 'right' },
      { title: 'layers', most: 40 },
      { title: 'time', align: 'right' },
      { title: 'proof', align: 'right' },
    ],
    reports.map((p) => [
      p.prover,
      String(p.pid),
      String(p.slice),
      formatList(slices[p.slice].nodes),
      formatMs(p.proveMs),
      formatBytes(p.proofBytes),
    ]),
  );
}

export function forgeryTable(tampered: readonly Forgery[]): string {
  return renderTable(
    [{ title: 'what was tried' }, { title: 'verdict' }, { title: 'reason' }],
    tampered.map((t) => [
      t.what,
      t.verdict === 'accepted' ? pc.red('ACCEPTED') : pc.green(t.verdict),
      `${t.code} at ${t.path}`,
    ]),
  );
}
