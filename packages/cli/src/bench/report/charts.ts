/** The pictures of docs/bench, from results. */
import { formatMs } from '../../terminal/format.js';
import { PHASES } from '../protocol.js';
import type { BenchResults, ModelResult, SlicingResult } from '../results.js';
import { type Axis, linearAxis, logAxis, tickBytes, tickCount, tickMs } from './axis.js';
import { drawPanel, type Panel, type Series } from './panel.js';
import { type Bar, drawStacked, stackedHeight } from './stacked-bars.js';
import { Drawing } from './svg.js';

export interface Chart {
  /** Of the files, without extension. */
  readonly name: string;
  /** In words, for those who do not see it. */
  readonly alt: string;
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

export function charts({ results, slicing }: BenchResults): Chart[] {
  const cut = slicing.filter((s) => s.plans.length > 1);
  return [
    ...(results.length > 0 ? [timeChart(results), memoryChart(results), phaseChart(results)] : []),
    ...(results.some((r) => r.byWorkers.length > 1) ? [workerChart(results)] : []),
    ...(cut.length > 0 ? [slicingChart(cut)] : []),
  ];
}

type Measure = (r: ModelResult) => number;

const SIZES: readonly (readonly [string, Measure])[] = [
  // Nothing has a place on a logarithmic axis.
  ['parameters', (r) => Math.max(1, r.parameters)],
  ['multiplications', (r) => Math.max(1, r.multiplications)],
];

function chartOf(name: string, alt: string, d: Drawing): Chart {
  return { name, alt, svg: d.toString(), width: d.width, height: d.height };
}

/** The same series against both sizes, side by side. */
function bySize(
  name: string,
  alt: string,
  [title, yTick]: readonly [string, Panel['yTick']],
  series: readonly (readonly [string, Measure])[],
  results: readonly ModelResult[],
): Chart {
  const d = new Drawing(1180, 560);
  SIZES.forEach(([size, sizeOf], i) => {
    const all = series.map(([label, of], k): Series => {
      const points = results.map((r) => ({ x: sizeOf(r), y: of(r), ...(k === 0 ? { name: r.model } : {}) }));
      return { name: label, points, hollow: k > 0 };
    });
    const y = logAxis(all.flatMap((s) => s.points.map((p) => p.y)));
    const panel: Panel = {
      title: `${title} against ${size}`,
      xTitle: `${size} of the model (logarithmic)`,
      yTitle: `${title.toLowerCase()} (logarithmic)`,
      x: logAxis(results.map(sizeOf)),
      y,
      xTick: tickCount,
      yTick,
      series: all,
    };
    drawPanel(d, { x: 590 * i, y: 0, width: 590, height: 560 }, panel);
  });
  return chartOf(name, alt, d);
}

const timeChart = (results: readonly ModelResult[]): Chart =>
  bySize(
    'time',
    'Proving time against the size of the model',
    ['Time', tickMs],
    [
      [`prove, ${results[0].workers} workers`, (r) => r.proveMs.median],
      ['float inference, one thread', (r) => r.inferenceMs],
    ],
    results,
  );

const memoryChart = (results: readonly ModelResult[]): Chart =>
  bySize(
    'memory',
    'Peak memory against the size of the model',
    ['Peak resident memory', tickBytes],
    [
      ['prove', (r) => r.peakRssBytes],
      ['compile', (r) => r.compilePeakRssBytes],
    ],
    results,
  );

function phaseChart(results: readonly ModelResult[]): Chart {
  const bars = results.map(
    (r): Bar => ({ name: r.model, parts: PHASES.map((p) => r.phases[p]), total: formatMs(r.proveMs.median) }),
  );
  const d = new Drawing(900, stackedHeight(bars.length));
  drawStacked(d, `Where proving spends its time, ${results[0].workers} workers`, PHASES, bars);
  return chartOf('phases', 'Shares of the phases of proving', d);
}

function workerChart(results: readonly ModelResult[]): Chart {
  const counts = [...new Set(results.flatMap((r) => r.byWorkers.map((w) => w.workers)))].sort((a, b) => a - b);
  const bars = results.filter((r) => r.byWorkers.length > 1);
  const series = bars.map((r, i): Series => {
    const points = r.byWorkers.map((w) => ({ x: w.workers, y: w.proveMs.median }));
    return { name: r.model, points, joined: true, colour: i };
  });
  const d = new Drawing(760, 200 + 30 * Math.max(8, series.length));
  const panel: Panel = {
    title: 'Proving time against workers',
    xTitle: 'workers (threads of one process)',
    yTitle: 'proving time (logarithmic)',
    x: { ...counted(counts), to: counts[counts.length - 1] + 0.5 },
    y: logAxis(series.flatMap((s) => s.points.map((p) => p.y))),
    xTick: String,
    yTick: tickMs,
    series,
  };
  drawPanel(d, { x: 0, y: 0, width: d.width, height: d.height }, { ...panel, namesAtEnd: true });
  return chartOf('workers', 'Proving time against the number of workers', d);
}

const counted = (counts: readonly number[]): Axis => ({
  from: counts[0] - 0.3,
  to: counts[counts.length - 1] + 0.3,
  log: false,
  ticks: counts,
});

/** Doublings are equally far apart. */
const doublings = (counts: readonly number[]): Axis => ({
  from: counts[0] * 0.85,
  to: counts[counts.length - 1] * 1.15,
  log: true,
  ticks: counts,
});

function slicingChart(slicing: readonly SlicingResult[]): Chart {
  const counts = [...new Set(slicing.flatMap((s) => s.plans.map((p) => p.slices)))].sort((a, b) => a - b);
  const time = slicing.flatMap((s, i): Series[] => [
    {
      name: `${s.model}: one process, which is the total work`,
      points: s.plans.map((p) => ({ x: p.slices, y: p.oneProcessMs.median })),
      joined: true,
      colour: i,
    },
    {
      name: `${s.model}: two processes side by side`,
      points: s.plans.flatMap((p) => (p.twoProcessesMs ? [{ x: p.slices, y: p.twoProcessesMs.median }] : [])),
      joined: true,
      hollow: true,
      colour: i,
    },
    {
      name: `${s.model}: the largest slice, one process for each`,
      points: s.plans.map((p) => ({ x: p.slices, y: Math.max(...p.sliceMs) })),
      joined: true,
      colour: i + slicing.length,
    },
  ]);
  const bytes = slicing.map(
    (s, i): Series => ({
      name: s.model,
      points: s.plans.map((p) => ({ x: p.slices, y: p.proofBytes })),
      joined: true,
      colour: i,
    }),
  );
  const memory = slicing.map(
    (s, i): Series => ({
      name: s.model,
      points: s.plans.map((p) => ({ x: p.slices, y: p.peakRssBytes })),
      joined: true,
      colour: i,
    }),
  );
  const d = new Drawing(1180, 980);
  const common = { xTitle: 'slices', x: doublings(counts), xTick: String };
  const ys = (series: readonly Series[]) => series.flatMap((s) => s.points.map((p) => p.y));
  drawPanel(
    d,
    { x: 0, y: 0, width: 1180, height: 560 },
    {
      ...common,
      title: 'Proving time against slices, one thread in each process',
      yTitle: 'time (logarithmic)',
      y: logAxis(ys(time)),
      yTick: tickMs,
      series: time,
    },
  );
  drawPanel(
    d,
    { x: 0, y: 560, width: 590, height: 420 },
    {
      ...common,
      title: 'Proofs of all slices together',
      yTitle: 'bytes',
      y: linearAxis(ys(bytes)),
      yTick: tickBytes,
      series: bytes,
    },
  );
  drawPanel(
    d,
    { x: 590, y: 560, width: 590, height: 420 },
    {
      ...common,
      title: 'Peak memory of the process that proves them all',
      yTitle: 'resident memory',
      y: linearAxis(ys(memory)),
      yTick: tickBytes,
      series: memory,
    },
  );
  return chartOf('slices', 'Time, proof size and memory against the number of slices', d);
}
