/** docs/bench/README.md, from results. */
import { JOINED_BYTES } from '../../proving/joined-memory.js';
import { formatBytes, formatCount, formatMs } from '../../terminal/format.js';
import { PHASES } from '../protocol.js';
import type { BenchResults, ModelResult, SlicingResult } from '../results.js';
import type { Spread } from '../spread.js';
import type { Chart } from './charts.js';
import { markdownTable, right } from './markdown.js';
import { browserSection, peerSection } from './page-others.js';

export const range = (s: Spread): string =>
  s.min === s.max ? formatMs(s.median) : `${formatMs(s.median)} (${formatMs(s.min)}–${formatMs(s.max)})`;

export const times = (ratio: number): string => `${ratio < 10 ? ratio.toFixed(1) : ratio.toFixed(0)}×`;

/** @param pictures names of charts that there are PNGs of */
export function page(results: BenchResults, charts: readonly Chart[], pictures: ReadonlySet<string>): string {
  const show = (name: string): string[] => {
    const chart = charts.find((c) => c.name === name);
    return chart ? [`![${chart.alt}](${name}.${pictures.has(name) ? 'png' : 'svg'})`] : [];
  };
  return `${[
    '# Measurements',
    `Written by \`npm run bench:report\` from [results.json](results.json), which \`npm run bench:all\` measures.
Every figure is of the machine below; nothing is taken from elsewhere. What others publish is in
[bench/peers.md](../../bench/peers.md).`,
    machineSection(results),
    '## Models',
    ...modelSection(results),
    ...show('time'),
    ...show('memory'),
    ...phaseSection(results.results, show('phases')),
    ...workerSection(results.results, show('workers')),
    ...slicingSection(results.slicing, show('slices')),
    ...browserSection(results),
    ...peerSection(results.peers, results.results),
  ].join('\n\n')}\n`;
}

function machineSection({ machine, results, slicing }: BenchResults): string {
  const occasions = [...results, ...slicing].map((r) => r.measured);
  const loads = occasions.map((o) => o.load);
  const commits = [...new Set(occasions.map((o) => o.commit))].join(', ');
  const days = [...new Set(occasions.map((o) => o.at.slice(0, 10)))].sort().join(', ');
  const { cpu, cores, memoryBytes, node, platform, arch } = machine;
  const load =
    loads.length > 0 ? `; load before measuring ${Math.min(...loads).toFixed(1)}–${Math.max(...loads).toFixed(1)}` : '';
  return `Machine: ${cpu}, ${cores} cores, ${formatBytes(memoryBytes)}, ${platform} ${arch}, Node ${node}${load}. Measured ${days}
at commit ${commits}.`;
}

function modelSection({ results, failures }: BenchResults): string[] {
  const columns = [
    { title: 'model' },
    ...right(
      'parameters',
      'multiplications',
      'slices',
      'proofs',
      'compile',
      'weights',
      'prove',
      'verify',
      'proof',
      'memory',
    ),
    ...right('inference', 'ratio'),
  ];
  const rows = results.map((r) => [
    r.model,
    formatCount(r.parameters),
    formatCount(r.multiplications),
    String(r.slices),
    String(r.proofs),
    formatMs(r.compileMs),
    formatMs(r.prepareMs),
    range(r.proveMs),
    formatMs(r.verifyMs.median),
    formatBytes(r.proofBytes),
    formatBytes(r.peakRssBytes),
    formatMs(r.inferenceMs),
    times(r.ratio),
  ]);
  const by = [...new Set(results.map((r) => r.inferenceBy))].join('; ');
  const once = results.filter((r) => r.runs === 0).map((r) => r.model);
  const words = `Where a model has fewer proofs than slices, consecutive ones are proven together, as far as an estimated ${formatBytes(JOINED_BYTES)} of
memory allow. Prove: from inputs to proof, one proof after another, ${results[0]?.workers ?? 0} workers; median (least–most). Proof: all of them together.
Weights: reading them and committing to them, once per program where memory holds them, else each time. Verify: a whole run, warm.
Memory: the most that the proving process had resident. Inference: ${by}; ratio: proving to it.${
    once.length > 0 ? ` One proof, the first of its process, stands for ${once.join(', ')}.` : ''
  }`;
  const lost = failures.map((f) => [f.model, f.stage, f.code, f.message]);
  const failed = ['model', 'stage', 'reason', 'message'].map((title) => ({ title }));
  return [
    markdownTable(columns, rows),
    words,
    ...(lost.length > 0 ? ['Not measured:', markdownTable(failed, lost)] : []),
  ];
}

function phaseSection(results: readonly ModelResult[], picture: readonly string[]): string[] {
  if (results.length === 0) return [];
  const rows = results.map((r) => [r.model, ...PHASES.map((p) => formatMs(r.phases[p]))]);
  return [
    '## Phases of proving',
    `Execute: integer inference. Commit: code words and Merkle trees of the witness and the boundary tensors. Lookups: the tree of
fractions. Contractions: pulling claims back, and the sumchecks of convolutions and products. Opening: one for all claims.`,
    markdownTable([{ title: 'model' }, ...right(...PHASES)], rows),
    ...picture,
  ];
}

function workerSection(results: readonly ModelResult[], picture: readonly string[]): string[] {
  const more = results.filter((r) => r.byWorkers.length > 1);
  if (more.length === 0) return [];
  const counts = [...new Set(more.flatMap((r) => r.byWorkers.map((w) => w.workers)))].sort((a, b) => a - b);
  const of = (r: ModelResult, count: number) => r.byWorkers.find((w) => w.workers === count);
  const rows = more.map((r) => [
    r.model,
    ...counts.map((c) => {
      const found = of(r, c);
      return found ? range(found.proveMs) : '';
    }),
    times(r.byWorkers[0].proveMs.median / r.proveMs.median),
  ]);
  const titles = counts.map((c) => `${c} worker${c > 1 ? 's' : ''}`);
  return ['## Workers', markdownTable([{ title: 'model' }, ...right(...titles, 'speed-up')], rows), ...picture];
}

function slicingSection(slicing: readonly SlicingResult[], picture: readonly string[]): string[] {
  if (slicing.length === 0) return [];
  const tables = slicing.flatMap(({ model, plans, failed }) => {
    const [whole] = plans;
    const rows = plans.map((p) => [
      String(p.slices),
      range(p.oneProcessMs),
      whole?.slices === 1 ? `${((p.oneProcessMs.median / whole.oneProcessMs.median - 1) * 100).toFixed(0)} %` : '',
      p.twoProcessesMs ? range(p.twoProcessesMs) : '',
      p.twoProcessesMs ? times(p.oneProcessMs.median / p.twoProcessesMs.median) : '',
      formatMs(Math.max(...p.sliceMs)),
      formatBytes(p.proofBytes),
      formatBytes(p.boundaryBytes),
      formatMs(p.verifyMs),
      formatBytes(p.peakRssBytes),
    ]);
    const columns = [
      ...right('slices', 'one process', 'more work', 'two processes', 'speed-up', 'largest slice', 'proofs'),
      ...right('between slices', 'verify', 'memory'),
    ];
    const lost = failed.map((f) => `- ${f.slices} slices: ${f.message} (${f.code})`);
    return [`### ${model}`, markdownTable(columns, rows), ...(lost.length > 0 ? [lost.join('\n')] : [])];
  });
  return [
    '## Slices and processes',
    `One thread in each process. One process proves all slices one after another: the total work, and by how much it exceeds that
of one slice. Two processes share the slices, the largest first. Were there a process and a core for each slice, the largest
slice would be the time. Between slices: the tensors that are handed on.`,
    ...tables,
    ...picture,
  ];
}
