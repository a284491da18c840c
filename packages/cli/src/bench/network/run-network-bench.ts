/** `dsperse bench --network`: orders beside proving alone, one gateway under load, its memory over many orders. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../../terminal/progress.js';
import { describeMachine, occasion } from '../machine.js';
import type { SlicePlanName } from '../protocol.js';
import type { Occasion } from '../results.js';
import { withScratch } from '../scratch-directory.js';
import { type BenchProgram, compileProgram } from './bench-program.js';
import { measureLoad, measureMemory } from './measure-load.js';
import { measureOrders } from './measure-orders.js';
import type { LoadResult, MemoryResult, NetworkPart, NetworkResults, OrderTimes } from './network-results.js';
import { Standstill } from './standstill.js';
import { startTemporaryPostgres } from './temporary-postgres.js';

export interface NetworkPlan {
  /** Orders of each model that are counted. */
  readonly timed: readonly { readonly model: string; readonly orders: number; readonly slices: SlicePlanName }[];
  readonly provers: readonly number[];
  readonly loadSeconds: number;
  readonly memoryOrders: number;
  /** No order of the memory's part is placed later. */
  readonly memorySeconds: number;
}

export const QUICK_PLAN: NetworkPlan = {
  timed: [
    { model: 'lenet5', orders: 10, slices: 'auto' },
    { model: 'resnet18', orders: 3, slices: 4 },
  ],
  provers: [1, 4, 16],
  loadSeconds: 10,
  memoryOrders: 500,
  memorySeconds: 180,
};
export const FULL_PLAN: NetworkPlan = {
  timed: [
    { model: 'lenet5', orders: 30, slices: 'auto' },
    { model: 'resnet18', orders: 8, slices: 4 },
  ],
  provers: [1, 4, 16],
  loadSeconds: 30,
  memoryOrders: 10_000,
  memorySeconds: 3_600,
};

const LOAD_MODEL = 'digits';
const LOAD_SLICES = 4;
/** One chunk each, of next to no work: what is looked at is what orders leave behind. */
const MEMORY_MODEL = 'dense-64';

export async function runNetworkBench(
  plan: NetworkPlan,
  parts: readonly NetworkPart[],
  progress: Progress,
  keep: (found: NetworkResults) => void,
): Promise<NetworkResults> {
  const machine = describeMachine();
  const measured: Partial<Record<NetworkPart, Occasion>> = {};
  const times: OrderTimes[] = [];
  const load: LoadResult[] = [];
  const memory: MemoryResult[] = [];
  const left: NetworkResults['left'][number][] = [];
  const found = (): NetworkResults => ({ machine, measured, times, load, memory, left });
  const tell = (step: string, fraction: number) => progress.report(step, fraction);
  await withScratch(async (scratch) => {
    const place = (name: string) => mkdtempSync(join(scratch, `${name}-`));
    const measure = async (part: NetworkPart, what: string, work: (directory: string) => Promise<void>) => {
      if (!parts.includes(part)) return;
      measured[part] ??= occasion(describeMachine().load);
      const directory = place('part');
      try {
        await work(directory);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        left.push({ part, what, why, ...(error instanceof Standstill ? { stood: true } : {}) });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
      keep(found());
    };
    for (const { model, orders, slices } of plan.timed) {
      await measure('orders', model, async (directory) => {
        tell(`compiling ${model}`, 0);
        const program = await compileProgram(model, join(directory, 'program'), slices);
        times.push(await measureOrders({ program, orders, provers: 2, validators: 3, directory, tell }));
      });
    }
    let loading: BenchProgram | undefined;
    const loadProgram = async () => {
      loading ??= await compileProgram(LOAD_MODEL, place('program'), LOAD_SLICES);
      return loading;
    };
    const { provers, loadSeconds, memoryOrders: orders, memorySeconds: seconds } = plan;
    await measure('load', 'PGlite', async (directory) => {
      const run = { program: await loadProgram(), directory, database: 'PGlite', tell } as const;
      load.push(...(await measureLoad(run, provers, loadSeconds)));
    });
    await measure('load', 'PostgreSQL', async (directory) => {
      const own = process.env.DATABASE_URL;
      const postgres = own ? undefined : await startTemporaryPostgres();
      const databaseUrl = own ?? postgres?.url;
      if (!databaseUrl) throw new Error('it is not installed here, and DATABASE_URL names none');
      try {
        const run = {
          program: await loadProgram(),
          directory,
          database: 'PostgreSQL',
          databaseUrl,
          tell,
        } as const;
        load.push(...(await measureLoad(run, provers, loadSeconds)));
      } finally {
        await postgres?.stop();
      }
    });
    await measure('memory', 'memory', async (directory) => {
      const program = await compileProgram(MEMORY_MODEL, join(directory, 'program'), 1);
      const run = { program, directory, database: 'PGlite', tell } as const;
      const put = (soFar: MemoryResult) => {
        memory[0] = soFar;
        keep(found());
      };
      memory[0] = await measureMemory(run, { orders, seconds, keep: put });
    });
  });
  return found();
}
