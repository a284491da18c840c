/** What one gateway carries: orders and chunks in a second, and its memory over many orders. */
import { onFirstSignal } from '../../terminal/on-stop.js';
import { median } from '../spread.js';
import type { BenchProgram } from './bench-program.js';
import { startLoadNetwork } from './load-network.js';
import type { DatabaseName, LoadResult, MemoryResult, MemorySample } from './network-results.js';
import { placeLoad } from './place-load.js';

export interface LoadRun {
  readonly program: BenchProgram;
  readonly directory: string;
  readonly database: DatabaseName;
  readonly databaseUrl?: string;
  tell(step: string, fraction: number): void;
}

const AT_ONCE_PER_PROVER = 4;
const MOST_AT_ONCE = 32;
const WARM_UP_ORDERS = 10;

/** @param provers ascending: more are started, none is stopped */
export async function measureLoad(
  run: LoadRun,
  provers: readonly number[],
  seconds: number,
): Promise<readonly LoadResult[]> {
  const { program, directory, database, databaseUrl, tell } = run;
  const network = await startLoadNetwork({
    directory,
    databaseUrl,
    provers: Math.max(...provers),
    validators: 3,
    tell: (step) => tell(step, 0),
  });
  try {
    const { client } = network;
    await network.add(network.validators);
    await client.publish(program.publishable);
    const results: LoadResult[] = [];
    let started = 0;
    for (const [i, count] of provers.entries()) {
      await network.add(network.provers.slice(started, count));
      started = count;
      const atOnce = Math.min(MOST_AT_ONCE, count * AT_ONCE_PER_PROVER);
      const load = { client, program, atOnce, faults: () => network.gatewayFaults() };
      await placeLoad({ ...load, orders: WARM_UP_ORDERS, seconds: Number.POSITIVE_INFINITY });
      tell(`${database}: ${count} provers`, i / provers.length);
      const cpuBefore = network.gatewayCpuSeconds();
      const done = await placeLoad({ ...load, orders: Number.POSITIVE_INFINITY, seconds });
      const cpu = network.gatewayCpuSeconds() - cpuBefore;
      results.push({
        database,
        provers: count,
        orders: done.orders,
        chunks: done.chunks,
        seconds: done.seconds,
        ordersPerSecond: done.orders / done.seconds,
        chunksPerSecond: done.chunks / done.seconds,
        gatewayCpuMsPerChunk: (cpu * 1000) / done.chunks,
        orderMs: median(done.orderMs),
      });
    }
    return results;
  } finally {
    await network.stop();
  }
}

const SAMPLES = 200;
const MEMORY_AT_ONCE = 16;
/** Orders and epochs are forgotten while others run, so that what stays behind is seen. */
const RETAIN_SECONDS = 60;
const MEMORY_PROVERS = 4;

export interface MemoryPlan {
  readonly orders: number;
  /** No order is placed later: what was measured until then is told. */
  readonly seconds: number;
  /** Told now and then what there is so far. */
  keep(soFar: MemoryResult): void;
}

/** Of as many orders as there were. */
export function memoryResult(
  database: DatabaseName,
  orders: number,
  seconds: number,
  samples: readonly MemorySample[],
): MemoryResult {
  const part = (from: number, to: number) => {
    const found = samples.filter((s) => s.orders > from * orders && s.orders <= to * orders);
    return found.length === 0 ? 0 : median(found.map((s) => s.rssBytes));
  };
  return { database, orders, seconds, samples, earlyBytes: part(0.25, 0.5), lateBytes: part(0.75, 1) };
}

/** The first Ctrl-C ends it with what there is. */
export async function measureMemory(run: LoadRun, plan: MemoryPlan): Promise<MemoryResult> {
  const { program, directory, database, databaseUrl, tell } = run;
  const network = await startLoadNetwork({
    directory,
    databaseUrl,
    provers: MEMORY_PROVERS,
    // More would send the gateway the same again.
    validators: 1,
    settings: { 'gateway.retainSeconds': RETAIN_SECONDS, 'gateway.retainEpochsSeconds': RETAIN_SECONDS },
    tell: (step) => tell(step, 0),
  });
  let isEnding = false;
  const release = onFirstSignal(() => {
    isEnding = true;
    tell('memory: ending with what there is', 1);
  });
  try {
    const { client } = network;
    await network.add([...network.validators, ...network.provers]);
    await client.publish(program.publishable);
    const samples: MemorySample[] = [];
    const every = Math.max(1, Math.floor(plan.orders / SAMPLES));
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const sample = async (count: number, at: number) => {
      const rssBytes = network.gatewayRssBytes();
      const [parts, databaseBytes] = await Promise.all([network.gatewayParts(), network.databaseBytes()]);
      samples.push({ orders: count, seconds: at, rssBytes, ...parts, databaseBytes });
    };
    let sampling = Promise.resolve();
    const done = await placeLoad({
      client,
      program,
      atOnce: MEMORY_AT_ONCE,
      orders: plan.orders,
      seconds: plan.seconds,
      isEnding: () => isEnding,
      faults: () => network.gatewayFaults(),
      onOrder(count) {
        if (count % every === 0) sampling = sampling.then(() => sample(count, seconds()));
        if (count % (every * 10) === 0) plan.keep(memoryResult(database, count, seconds(), [...samples]));
        const rate = count / seconds();
        tell(`memory: ${count} of ${plan.orders} orders, ${rate.toFixed(1)} a second`, count / plan.orders);
      },
    });
    await sampling;
    return memoryResult(database, done.orders, done.seconds, samples);
  } finally {
    release();
    await network.stop();
  }
}
