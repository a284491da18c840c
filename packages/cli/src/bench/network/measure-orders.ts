/** Time from order to certificate on a network of processes, in turns with proving alone in one process. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { GATEWAY } from '@dsperse/network/local';
import { chunkSlices } from '@dsperse/network/market';
import { HEAP_FLAGS } from '../../local-network/child-node.js';
import { median, spread } from '../spread.js';
import { placeOrder, startBenchNetwork, UNLIMITED } from './bench-network.js';
import { type BenchProgram, measuringProcess } from './bench-program.js';
import {
  ORDER_PHASES,
  ORDER_PROCESSES,
  type OrderPhase,
  type OrderProcess,
  type OrderTimes,
} from './network-results.js';
import { orderPhases } from './order-phases.js';
import { cpuSeconds } from './processor-time.js';

export interface OrdersPlan {
  readonly program: BenchProgram;
  readonly orders: number;
  readonly provers: number;
  readonly validators: number;
  readonly directory: string;
  /** Settings of nodes over those of the benchmark. */
  readonly settings?: (name: string) => Record<string, unknown>;
  tell(step: string, fraction: number): void;
}

/**
 * Orders before those that are counted: the first is told apart, and over the others the engine of each process compiles
 * what it runs most, which takes processor time that a network which has run for a while does not need.
 */
const WARM_UP = 8;

export async function measureOrders(plan: OrdersPlan): Promise<OrderTimes> {
  const { program, tell } = plan;
  const { document } = program.publishable;
  const slices = document.slices.length;
  // One chunk for each prover.
  const targetWorkUnits = Math.max(1_000_000, Math.ceil(program.workUnits / plan.provers));
  const threads = availableParallelism();
  // With the same engine as provers have.
  const alone = measuringProcess(HEAP_FLAGS);
  let network: Awaited<ReturnType<typeof startBenchNetwork>> | undefined;
  try {
    // The same proofs as those of the order.
    const groups = chunkSlices(document.slices, { targetWorkUnits, maxChunks: slices }).map((c) => c.slices);
    await alone.ask({ ask: 'open', directory: program.directory, workers: threads, groups });
    for (let i = 0; i < WARM_UP; i++) await alone.ask({ ask: 'prove' });
    network = await startBenchNetwork({
      directory: join(plan.directory, 'network'),
      provers: plan.provers,
      validators: plan.validators,
      settings: (name) => ({
        ...UNLIMITED,
        'prover.workers': threads,
        'gateway.chunkWorkUnits': targetWorkUnits,
        ...plan.settings?.(name),
      }),
      tell: (step) => tell(step, 0),
    });
    const { client } = network;
    await client.publish(program.publishable);
    const { running } = network;
    const pids: Record<OrderProcess, (number | undefined)[]> = {
      gateway: [running.node(GATEWAY).pid],
      provers: running.members.provers.map((name) => running.node(name).pid),
      validators: running.members.validators.map((name) => running.node(name).pid),
      client: [process.pid],
      chain: [running.anvil?.pid],
    };
    const cpuOf = (kind: OrderProcess): number =>
      pids[kind].reduce<number>((sum, pid) => sum + 1000 * cpuSeconds(pid), 0);
    const cpuMs = { gateway: 0, provers: 0, validators: 0, client: 0, chain: 0, alone: 0 };
    const aloneMs: number[] = [];
    const verifyMs: number[] = [];
    const times: Record<OrderPhase, number>[] = [];
    let chunks = 0;
    for (let i = 0; i < WARM_UP + plan.orders; i++) {
      tell(`${program.model}: order ${i + 1} of ${WARM_UP + plan.orders}`, i / (WARM_UP + plan.orders));
      const before = ORDER_PROCESSES.map(cpuOf);
      const followed = await placeOrder(client, program);
      const after = ORDER_PROCESSES.map(cpuOf);
      chunks = followed.result.view.chunks.length;
      times.push(orderPhases(followed));
      const aloneBefore = cpuSeconds(alone.pid);
      const { proveMs } = await alone.ask({ ask: 'prove' });
      if (i < WARM_UP) continue;
      cpuMs.alone += (1000 * (cpuSeconds(alone.pid) - aloneBefore)) / plan.orders;
      ORDER_PROCESSES.forEach((kind, k) => {
        cpuMs[kind] += (after[k] - before[k]) / plan.orders;
      });
      aloneMs.push(proveMs);
      verifyMs.push((await alone.ask({ ask: 'verify' })).verifyMs);
    }
    const whole = times.map((t) => ORDER_PHASES.reduce((sum, p) => sum + t[p], 0));
    const counted = times.slice(WARM_UP);
    const phases = Object.fromEntries(ORDER_PHASES.map((p) => [p, median(counted.map((t) => t[p]))])) as Record<
      OrderPhase,
      number
    >;
    const certificateMs = spread(whole.slice(WARM_UP));
    const revealMs = phases.verdict;
    const overheadMs = certificateMs.median - revealMs - median(aloneMs);
    return {
      model: program.model,
      slices,
      chunks,
      orders: plan.orders,
      certificateMs,
      firstMs: whole[0],
      phases,
      revealMs,
      aloneMs: spread(aloneMs),
      aloneVerifiedMs: median(aloneMs) + median(verifyMs),
      overheadMs,
      overheadPercent: (overheadMs / median(aloneMs)) * 100,
      cpuMs,
    };
  } finally {
    alone.stop();
    await network?.stop();
  }
}
