/** The results as tables of a Markdown page, and as lines for the terminal. */
import { formatBytes, formatCount } from '../../terminal/format.js';
import { median } from '../spread.js';
import {
  type MemoryResult,
  type MemorySample,
  type NetworkResults,
  ORDER_PHASES,
  ORDER_PROCESSES,
  type OrderPhase,
} from './network-results.js';

type Row = readonly (string | number)[];

export function markdownTable(head: Row, rows: readonly Row[]): string {
  const line = (row: Row) => `| ${row.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

const ms = (x: number): string => (x < 10_000 ? `${Math.round(x)} ms` : `${(x / 1000).toFixed(1)} s`);
const of = (x: number): string => (x < 10 ? x.toFixed(2) : x.toFixed(1));

/** What each step is, from the end of the one before it. */
const MEANING: Record<OrderPhase, string> = {
  submitted: 'the client commits, seals, signs; the gateway checks',
  reserved: 'a transaction on the chain',
  chunked: 'slices grouped',
  offered: 'the gateway’s inference, until all chunks are offered',
  locked: 'until all provers have signed locks',
  proven: 'boundary values, proving, upload, receipt',
  committed: 'three validators fetch, verify, and commit',
  verdict: 'revealed and counted: the commit–reveal wait',
  delivered: 'the order ends',
  certified: 'the client fetches the certificate and verifies it',
};

export function timesTable({ times }: NetworkResults): string {
  return markdownTable(
    ['', ...times.map((t) => t.model)],
    [
      ['slices, chunks', ...times.map((t) => `${t.slices}, ${t.chunks}`)],
      ['orders counted', ...times.map((t) => t.orders)],
      ['order to certificate, median', ...times.map((t) => ms(t.certificateMs.median))],
      ['least, most', ...times.map((t) => `${ms(t.certificateMs.min)}, ${ms(t.certificateMs.max)}`)],
      ['proving alone, median', ...times.map((t) => ms(t.aloneMs.median))],
      ['proving and verifying alone', ...times.map((t) => ms(t.aloneVerifiedMs))],
      ['commit–reveal wait', ...times.map((t) => ms(t.revealMs))],
      ['overhead besides it', ...times.map((t) => `${ms(t.overheadMs)} (${Math.round(t.overheadPercent)} %)`)],
      ['the first order', ...times.map((t) => ms(t.firstMs))],
    ],
  );
}

export function phasesTable({ times }: NetworkResults): string {
  return markdownTable(
    ['step', ...times.map((t) => t.model), 'what it is'],
    ORDER_PHASES.map((p) => [p, ...times.map((t) => ms(t.phases[p])), MEANING[p]]),
  );
}

/** Undefined where no processor times were kept. */
export function processorTable({ times }: NetworkResults): string | undefined {
  const known = times.filter((t) => t.cpuMs !== undefined);
  if (known.length === 0) return undefined;
  const row = (title: string, of: (cpu: NonNullable<(typeof known)[number]['cpuMs']>) => number) => [
    title,
    ...known.map((t) => ms(of(t.cpuMs as never))),
  ];
  return markdownTable(
    ['processor time of an order', ...known.map((t) => t.model)],
    [
      ...ORDER_PROCESSES.map((process) => row(process, (cpu) => cpu[process])),
      row('all of them', (cpu) => ORDER_PROCESSES.reduce((sum, process) => sum + cpu[process], 0)),
      row('proving alone', (cpu) => cpu.alone),
    ],
  );
}

export function loadTable({ load }: NetworkResults): string {
  return markdownTable(
    ['database', 'provers', 'orders/s', 'chunks/s', 'an order takes', 'gateway’s processor time for a chunk'],
    load.map((l) => [
      l.database,
      l.provers,
      of(l.ordersPerSecond),
      of(l.chunksPerSecond),
      ms(l.orderMs),
      ms(l.gatewayCpuMsPerChunk),
    ]),
  );
}

/** Of the second quarter of the orders and of the last. What was not looked at has no row. */
export function memoryTable({ memory }: NetworkResults): string {
  return memory.map(memoryRows).join('\n\n');
}

/** Code, stacks, what allocators hold, and what no metric tells; less than nothing where parts are reserved and untouched. */
function besides(s: MemorySample): number | undefined {
  const parts = [s.heapHeldBytes, s.externalBytes, s.inferenceBytes].filter((x) => x !== undefined);
  return parts.length < 3 ? undefined : s.rssBytes - parts.reduce((sum, x) => sum + x, 0);
}

function buffers({ externalBytes, databaseMemoryBytes }: MemorySample): number | undefined {
  if (externalBytes === undefined || databaseMemoryBytes === undefined) return undefined;
  return Math.max(externalBytes - databaseMemoryBytes, 0);
}

function memoryRows(m: MemoryResult): string {
  const quarters = [0.25, 0.75].map((from) => {
    return m.samples.filter((s) => s.orders > from * m.orders && s.orders <= (from + 0.25) * m.orders);
  });
  const row = (title: string, cell: (samples: readonly MemorySample[]) => string | undefined): Row[] => {
    const cells = quarters.map(cell);
    return cells.includes(undefined) ? [] : [[title, ...(cells as string[])]];
  };
  /** A figure of each sample, put together; no row where a quarter has none. */
  const figure = (
    title: string,
    pick: (s: MemorySample) => number | undefined,
    together: (values: readonly number[]) => number = median,
    format: (value: number) => string = formatBytes,
  ) =>
    row(title, (samples) => {
      const known = samples.map(pick).filter((x) => x !== undefined);
      return known.length === 0 ? undefined : format(together(known));
    });
  const least = (values: readonly number[]) => Math.min(...values);
  const most = (values: readonly number[]) => Math.max(...values);
  const rate = (samples: readonly MemorySample[]) => {
    const [first, last] = [samples[0], samples.at(-1)];
    if (first?.seconds === undefined || last?.seconds === undefined || last.seconds <= first.seconds) return undefined;
    return of((last.orders - first.orders) / (last.seconds - first.seconds));
  };
  return markdownTable(
    [`${m.database}, ${m.orders} orders in ${ms(m.seconds * 1000)}`, 'second quarter', 'last quarter'],
    [
      ['resident, median', formatBytes(m.earlyBytes), formatBytes(m.lateBytes)],
      ...figure('JavaScript heap, least', (s) => s.heapBytes, least),
      ...figure('held for it, garbage and free places included, median', (s) => s.heapHeldBytes),
      ...figure('buffers outside of it, median', buffers),
      ...figure('WebAssembly memory of the database, most', (s) => s.databaseMemoryBytes, most),
      ...figure('inference thread, median', (s) => s.inferenceBytes),
      ...figure('resident besides all of these, median', besides),
      ...figure('files of the database, median', (s) => s.databaseBytes),
      ...figure('rows of its tables after a sweep, median', (s) => s.rows, median, formatCount),
      ...largestTables(m, (s) => s.tableRows, MANY_ROWS).flatMap((table) =>
        figure(`rows of \`${table}\`, median`, (s) => s.tableRows?.[table], median, formatCount),
      ),
      ...largestTables(m, (s) => s.tableBytes, LARGE_TABLE).flatMap((table) =>
        figure(`table \`${table}\` with indices, median`, (s) => s.tableBytes?.[table]),
      ),
      ...row('orders a second', rate),
    ],
  );
}

const LARGE_TABLE = 1e6;
const MANY_ROWS = 1_000;
const TABLES_TOLD = 5;

/** Names, the largest at the end first. */
function largestTables(
  { samples }: MemoryResult,
  sizesOf: (sample: MemorySample) => Readonly<Record<string, number>> | undefined,
  least: number,
): string[] {
  const sizes = samples.map(sizesOf).findLast((s) => s !== undefined) ?? {};
  const large = Object.entries(sizes).filter(([, size]) => size >= least);
  return large
    .sort((a, b) => b[1] - a[1])
    .slice(0, TABLES_TOLD)
    .map(([table]) => table);
}

export function resultText(found: NetworkResults): string {
  const { times, load, memory, left } = found;
  const processors = processorTable(found);
  return [
    ...(times.length > 0 ? [timesTable(found), phasesTable(found)] : []),
    ...(processors ? [processors] : []),
    ...(load.length > 0 ? [loadTable(found)] : []),
    ...(memory.length > 0 ? [memoryTable(found)] : []),
    ...(left.length > 0 ? [left.map((l) => `not measured: ${l.what}: ${l.why}`).join('\n')] : []),
  ].join('\n\n');
}
