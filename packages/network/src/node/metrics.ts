/** Prometheus metrics of a node. Names start with `dsperse_` and end in their unit; counters in `_total`. */
import { InvariantError } from '@dsperse/core/program';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Units that a gauge or a histogram may be in. */
const UNITS = [
  'seconds',
  'bytes',
  'ratio',
  'tokens',
  'units',
  'chunks',
  'orders',
  'rows',
  'slices',
  'connections',
  'info',
];
const NAME = new RegExp(`^dsperse_[a-z0-9_]+_(${UNITS.join('|')})$`);
const COUNTER_NAME = /^dsperse_[a-z0-9_]+_total$/;

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];
const BYTES = [2 ** 10, 2 ** 14, 2 ** 18, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26, 2 ** 28, 2 ** 30];

/** The metrics of one process. Asking again for a name gives the same metric. */
export interface Metrics {
  readonly registry: Registry;
  readonly contentType: string;
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** @param collect called before each reading, to set the gauge */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void | Promise<void>,
  ): Gauge<L>;
  /** Buckets by the unit (seconds, bytes) unless they are given. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
  /** What /metrics answers. */
  text(): Promise<string>;
  /** Ends what observes the process. */
  close(): void;
}

export interface MetricsOptions {
  /** Those of the process: CPU, memory, event loop, garbage collection; true by default. */
  readonly processMetrics?: boolean;
  /** On every metric. */
  readonly labels?: Readonly<Record<string, string>>;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.labels) registry.setDefaultLabels({ ...options.labels });
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry, prefix: 'dsperse_' });
  const known = <M>(name: string, pattern: RegExp, kind: new (...args: never[]) => M): M | undefined => {
    if (!pattern.test(name)) throw new InvariantError(`${name} is no name of a metric: dsperse_…_<unit>`);
    const metric = registry.getSingleMetric(name);
    if (metric !== undefined && !(metric instanceof kind)) throw new InvariantError(`${name} is of another kind`);
    return metric as M | undefined;
  };
  return {
    registry,
    contentType: registry.contentType,
    counter: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      known<Counter<L>>(name, COUNTER_NAME, Counter) ??
      new Counter({ name, help, labelNames: labels, registers: [registry] }),
    gauge: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      collect?: (gauge: Gauge<L>) => void | Promise<void>,
    ) =>
      known<Gauge<L>>(name, NAME, Gauge) ??
      new Gauge<L>({
        name,
        help,
        labelNames: labels,
        registers: [registry],
        ...(collect && {
          collect() {
            return collect(this);
          },
        }),
      }),
    histogram: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      buckets: readonly number[] = name.endsWith('_bytes') ? BYTES : SECONDS,
    ) =>
      known<Histogram<L>>(name, NAME, Histogram) ??
      new Histogram({ name, help, labelNames: labels, registers: [registry], buckets: [...buckets] }),
    text: () => registry.metrics(),
    close: () => registry.clear(),
  };
}
