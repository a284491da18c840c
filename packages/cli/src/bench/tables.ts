/** Results for people, on a terminal. */
import pc from 'picocolors';
import type { PeerFigure } from '../bench-models/peers.js';
import { formatBytes, formatCount, formatMs } from '../terminal/format.js';
import { type Column, renderTable } from '../terminal/table.js';
import { PHASES } from './protocol.js';
import type { BenchResults, BrowserResult, ModelResult, PeerResult, SlicingResult } from './results.js';
import type { Spread } from './spread.js';

const right = (...titles: string[]): Column[] => titles.map((title) => ({ title, align: 'right' }));

const range = (s: Spread): string => `${formatMs(s.median)} (${formatMs(s.min)} … ${formatMs(s.max)})`;

const times = (ratio: number): string => `${ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0)}×`;

export function resultTables(results: BenchResults): string {
  const parts: string[] = [];
  if (results.results.length > 0) parts.push(modelTable(results.results), phaseTable(results.results));
  const failures = [...results.failures, ...results.browserFailures];
  if (failures.length > 0) {
    const rows = failures.map((f) => [f.model, f.stage, f.code, f.message]);
    const columns = [{ title: 'not measured' }, { title: 'stage' }, { title: 'reason' }, { title: '', most: 80 }];
    parts.push(renderTable(columns, rows));
  }
  parts.push(...results.slicing.map(slicingTable));
  if (results.browser.length > 0) parts.push(browserTable(results.browser));
  if (results.peers.length > 0) parts.push(peerTable(results.peers));
  return parts.join('\n\n');
}

function modelTable(results: readonly ModelResult[]): string {
  const columns = [
    { title: 'model' },
    ...right(
      'parameters',
      'mult.',
      'slices',
      'proofs',
      'compile',
      'weights',
      'first',
      'one worker',
      'prove (min … max)',
    ),
    ...right('verify', 'proof', 'memory', 'inference', 'ratio'),
  ];
  const rows = results.map((r) => [
    r.model,
    formatCount(r.parameters),
    formatCount(r.multiplications),
    String(r.slices),
    String(r.proofs),
    formatMs(r.compileMs),
    formatMs(r.prepareMs),
    formatMs(r.firstProveMs),
    formatMs(r.byWorkers[0].proveMs.median),
    range(r.proveMs),
    formatMs(r.verifyMs.median),
    formatBytes(r.proofBytes),
    formatBytes(r.peakRssBytes),
    formatMs(r.inferenceMs),
    times(r.ratio),
  ]);
  return renderTable(columns, rows);
}

function phaseTable(results: readonly ModelResult[]): string {
  const columns = [{ title: 'where proving spends it' }, ...right(...PHASES)];
  return renderTable(
    columns,
    results.map((r) => [r.model, ...PHASES.map((p) => formatMs(r.phases[p]))]),
  );
}

function slicingTable({ model, plans, failed }: SlicingResult): string {
  const columns = [
    { title: `${model}, slices` },
    ...right(
      'one process',
      'two processes',
      'speed-up',
      'largest slice',
      'proofs',
      'between slices',
      'verify',
      'memory',
    ),
  ];
  const rows = plans.map((p) => [
    String(p.slices),
    range(p.oneProcessMs),
    p.twoProcessesMs ? range(p.twoProcessesMs) : '',
    p.twoProcessesMs ? times(p.oneProcessMs.median / p.twoProcessesMs.median) : '',
    formatMs(Math.max(...p.sliceMs)),
    formatBytes(p.proofBytes),
    formatBytes(p.boundaryBytes),
    formatMs(p.verifyMs),
    formatBytes(p.peakRssBytes),
  ]);
  const lost = failed.map((f) => `${f.slices} slices: ${f.message}`);
  return [renderTable(columns, rows), ...lost].join('\n');
}

function peerTable(peers: readonly PeerResult[]): string {
  const ms = (value: number | undefined): string => (value === undefined ? '' : formatMs(value));
  const columns = [
    { title: 'other systems' },
    { title: 'model' },
    ...right('setup', 'SRS', 'witness', 'prove', 'verify', 'proof', 'memory'),
  ];
  const rows = peers.map((p) => [
    `${p.system} ${p.version}`,
    p.model,
    ms(p.setupMs),
    ms(p.srsMs),
    ms(p.witnessMs),
    p.failed ? `${p.failed.code} in ${p.failed.stage}` : ms(p.proveMs),
    ms(p.verifyMs),
    p.proofBytes === undefined ? '' : formatBytes(p.proofBytes),
    p.peakRssBytes === undefined ? '' : formatBytes(p.peakRssBytes),
  ]);
  return renderTable(columns, rows);
}

function browserTable(browser: readonly BrowserResult[]): string {
  const columns = [
    { title: 'in a browser' },
    ...right(
      'threads',
      'slices',
      'proofs',
      'compile',
      'weights',
      'prove',
      'verify',
      'proof',
      'kernels',
      'verifier alone',
    ),
  ];
  const rows = browser.map((b) => [
    b.model,
    String(b.threads),
    String(b.slices),
    String(b.proofs),
    formatMs(b.compileMs),
    formatMs(b.prepareMs),
    range(b.proveMs),
    formatMs(b.verifyMs.median),
    formatBytes(b.proofBytes),
    formatBytes(b.memoryBytes),
    formatMs(b.verifierAloneMs.median),
  ]);
  return renderTable(columns, rows);
}

export function publishedTable(figures: readonly PeerFigure[]): string {
  const rows = figures.map((f) => [
    f.system,
    f.model,
    formatMs(f.proveMs),
    f.verifyMs === undefined ? '' : formatMs(f.verifyMs),
    f.proofBytes === undefined ? '' : formatBytes(f.proofBytes),
    f.machine ?? '',
  ]);
  const columns = [
    { title: 'system' },
    { title: 'model', most: 36 },
    ...right('prove', 'verify', 'proof'),
    { title: 'machine' },
  ];
  return `${pc.bold('Published by others, on other machines: no comparison side by side')}\n${renderTable(columns, rows)}`;
}
