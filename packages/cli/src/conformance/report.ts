/** docs/conformance.md from the results of every case. */
import type { Precision } from '@dsperse/core/program';
import type { CaseName } from './cases.js';
import { FAMILIES } from './cases.js';
import type { CaseResult, Outcome } from './worker.js';

export interface ReportedCase extends CaseName {
  /** A text where the process of the case gave no result. */
  readonly result: CaseResult | string;
}

/** Largest error, as a fraction of the output's range, of a case that conforms. */
const ALLOWED: Readonly<Record<Precision, number>> = { fast: 1, standard: 0.02, high: 0.003 };

const conforms = (o: Outcome): boolean =>
  'measured' in o && o.measured.error <= ALLOWED[o.precision] && o.measured.argmaxAgrees;

const isProven = (c: ReportedCase): boolean =>
  typeof c.result !== 'string' && c.result.outcomes.every((o) => 'measured' in o);

const isConforming = (c: ReportedCase): boolean => typeof c.result !== 'string' && c.result.outcomes.every(conforms);

const percent = (x: number): string =>
  x === 0 ? '0' : x < 1e-5 ? '<0.001' : (100 * x).toPrecision(2).replace(/^(\d+)\.$/, '$1');

function errorCell(o: Outcome | undefined): string {
  if (!o) return '–';
  if (!('measured' in o)) return 'refused';
  const { error, argmaxAgrees } = o.measured;
  return `${percent(error)}${argmaxAgrees ? '' : ', another argmax'}`;
}

/** A table whose columns are as wide as their widest cells. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((h, i) => Math.max(3, h.length, ...rows.map((r) => r[i].length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((x, i) => x.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

function row(c: ReportedCase): string[] {
  if (typeof c.result === 'string') return [c.name, '', '**failed**', '', '', '', '', ''];
  const { operators, outcomes } = c.result;
  const find = (p: Precision) => outcomes.find((o) => o.precision === p);
  const standard = find('standard');
  const m = standard && 'measured' in standard ? standard.measured : undefined;
  const outcome = isConforming(c) ? 'proven' : isProven(c) ? 'proven, inaccurate' : '**refused**';
  return [
    c.name,
    operators.join(' '),
    outcome,
    errorCell(standard),
    errorCell(find('high')),
    m ? m.proveMs.toFixed(0) : '',
    m ? m.verifyMs.toFixed(0) : '',
    m ? (m.proofBytes / 1000).toFixed(m.proofBytes < 10_000 ? 1 : 0) : '',
  ];
}

function reasons(c: ReportedCase): string[] {
  if (typeof c.result === 'string') return [`- **${c.family}/${c.name}**: ${c.result}`];
  const texts = c.result.outcomes.flatMap((o) => ('refused' in o ? [`${o.refused.code}: ${o.refused.message}`] : []));
  return [...new Set(texts)].map((t) => `- **${c.family}/${c.name}**: ${t}`);
}

const HEADER = `# Conformance

Every case of \`../shared/models\` compiled at \`standard\` and \`high\`, calibrated with its own input, proven at the
security preset \`standard\`, verified, and tampered with once for each output (one unit added to a number that the proof
binds), which must be rejected. Written by \`npm run conformance\`.

- **error**: largest difference from the expected output (of onnxruntime, or of the file's test data; for ImageNet, whose
  files come without data, of the float meaning), in percent of the output's range.
- **proven**: both runs accepted, both forgeries rejected, error at most 2 % at \`standard\` and 0.3 % at \`high\`, the same
  argmax.
- Times and sizes are of \`standard\`, on one thread beside a second case, weights committed beforehand.
`;

export function conformanceReport(cases: readonly ReportedCase[]): string {
  const totals = FAMILIES.map((family): string[] => {
    const own = cases.filter((c) => c.family === family);
    const proven = own.filter(isProven);
    const conforming = own.filter(isConforming);
    return [family, own.length, conforming.length, proven.length - conforming.length, own.length - proven.length].map(
      String,
    );
  });
  const parts = [HEADER, table(['family', 'cases', 'proven', 'proven, inaccurate', 'refused'], totals)];
  const refused = cases.filter((c) => !isProven(c));
  if (refused.length > 0) parts.push(['## Refused', '', ...refused.flatMap(reasons)].join('\n'));
  for (const family of FAMILIES) {
    const own = cases.filter((c) => c.family === family);
    if (own.length === 0) continue;
    const head = [
      'case',
      'operators',
      'outcome',
      'error, standard',
      'error, high',
      'prove ms',
      'verify ms',
      'proof kB',
    ];
    parts.push(`## ${family}\n\n${table(head, own.map(row))}`);
  }
  return `${parts.map((p) => p.trimEnd()).join('\n\n')}\n`;
}

export { isConforming, isProven };
