/** Sections of docs/bench/README.md on browsers and on other systems. */
import { formatBytes, formatMs } from '../../terminal/format.js';
import type { BenchResults, ModelResult, PeerResult } from '../results.js';
import { markdownTable, right } from './markdown.js';

const ms = (value: number | undefined): string => (value === undefined ? '' : formatMs(value));

export function browserSection({ browser, browserFailures }: BenchResults): string[] {
  if (browser.length + browserFailures.length === 0) return [];
  const rows = browser.map((b) => [
    b.model,
    String(b.threads),
    `${b.proofs} of ${b.slices}`,
    formatMs(b.compileMs),
    formatMs(b.prepareMs),
    formatMs(b.proveMs.median),
    formatMs(b.verifyMs.median),
    formatBytes(b.proofBytes),
    formatBytes(b.memoryBytes),
    formatMs(b.verifierAloneMs.median),
  ]);
  const columns = [
    { title: 'model' },
    ...right(
      'threads',
      'proofs of slices',
      'compile',
      'weights',
      'prove',
      'verify',
      'proof',
      'kernel memory',
      'verifier alone',
    ),
  ];
  return [
    '## In a browser',
    `${[...new Set(browser.map((b) => b.browser))].join(', ')}, headless, by \`npm run bench:browser\`: compiled, proven and verified in a
cross-origin isolated page. Memory: of the kernels. Verifier alone:
\`@dsperse/core/verify\` in a page without that isolation, on a run made in Node.`,
    markdownTable(columns, rows),
    ...browserFailures.map((f) => `Not measured: ${f.model}: ${f.message} (${f.code}).`),
  ];
}

export function peerSection(peers: readonly PeerResult[], results: readonly ModelResult[]): string[] {
  if (peers.length === 0) return [];
  const rows = peers.map((p) => {
    const ours = results.find((r) => r.model === p.model);
    const ratio = ours && p.proveMs ? `${(p.proveMs / ours.proveMs.median).toFixed(0)}×` : '';
    return [
      `${p.system} ${p.version}`,
      p.model,
      ms(p.setupMs),
      ms(p.srsMs),
      ms(p.witnessMs),
      p.failed ? `${p.failed.code} in ${p.failed.stage}` : ms(p.proveMs),
      ms(p.verifyMs),
      p.proofBytes === undefined ? '' : formatBytes(p.proofBytes),
      p.peakRssBytes === undefined ? '' : formatBytes(p.peakRssBytes),
      ours ? formatMs(ours.proveMs.median) : '',
      ratio,
    ];
  });
  const columns = [
    { title: 'system' },
    { title: 'model' },
    ...right('setup', 'SRS', 'witness', 'prove', 'verify', 'proof', 'memory', 'dsperse proves', 'ratio'),
  ];
  const notes = [...new Set(peers.filter((p) => p.note).map((p) => `- ${p.system}, ${p.model}: ${p.note}`))];
  return [
    '## Other systems on the same machine',
    'By `npm run bench:peers`; the ratio is of proving times. Zero-knowledge, security levels and precision differ between systems.',
    markdownTable(columns, rows),
    ...(notes.length > 0 ? [notes.join('\n')] : []),
  ];
}
