/** How fast this machine proves: one small slice, the same on every machine, measured when a prover starts. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx, type GraphNode, type Tensor } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { compileModel, quantizeInputs } from '@dsperse/core/program';
import { commitProgram, decodeSlicePackage, executeSlice, prepareSlice, provePackage } from '@dsperse/core/prove';
import { PROTOCOL_VERSION } from '@dsperse/core/verify';
import { z } from 'zod';
import type { Capability } from '../messages/index.js';
import { writePrivateFile } from './write-private-file.js';

const MEASURED = z.object({
  workUnitsPerSecond: z.number().int().positive(),
  workers: z.number().int().positive(),
  memoryBytes: z.number().int().positive(),
  cpu: z.string(),
  cores: z.number().int().positive(),
  protocolVersion: z.number().int().nonnegative(),
});

export type MeasuredCapability = Readonly<z.output<typeof MEASURED>>;

const CACHED = z.object({ measuredAtMs: z.number(), node: z.string(), capability: MEASURED });

export interface MeasureOptions {
  /** Threads; one for each core by default, at most eight. */
  readonly workers?: number;
  /** What the prover may take; the machine's memory by default. */
  readonly memoryBytes?: number;
}

export interface CachedMeasureOptions extends MeasureOptions {
  readonly dataDirectory: string;
  /** A week by default. */
  readonly maxAgeMs?: number;
  readonly nowMs?: number;
}

export const CAPABILITY_FILE = 'capability.json';
const WEEK_MS = 7 * 24 * 3600 * 1000;

/** Four dense layers of width 128 with Relu on 256 rows: a hundred million work units. */
const [ROWS, WIDTH, LAYERS] = [256, 128, 4];
const [MAX_RUNS, ENOUGH_MS] = [3, 700];

function describeMachine({ workers = Math.min(8, availableParallelism()), memoryBytes = totalmem() }: MeasureOptions) {
  const [{ model } = { model: 'unknown' }] = cpus();
  return { workers, memoryBytes, cpu: model.trim(), cores: availableParallelism(), protocolVersion: PROTOCOL_VERSION };
}

/** The measurement of the data folder, where it is of this machine and not too old; else a new one, kept there. */
export async function measuredCapability(options: CachedMeasureOptions): Promise<MeasuredCapability> {
  const { dataDirectory, maxAgeMs = WEEK_MS, nowMs = Date.now() } = options;
  const path = join(dataDirectory, CAPABILITY_FILE);
  const machine = describeMachine(options);
  const cached = readCache(path);
  if (cached) {
    const { workUnitsPerSecond, ...of } = cached.capability;
    const age = nowMs - cached.measuredAtMs;
    const same = (Object.keys(machine) as (keyof typeof machine)[]).every((k) => machine[k] === of[k]);
    if (same && cached.node === process.version && age >= 0 && age < maxAgeMs)
      return { ...machine, workUnitsPerSecond };
  }
  const capability = await measureCapability(options);
  const content = { measuredAtMs: nowMs, node: process.version, capability };
  await writePrivateFile(path, `${JSON.stringify(content, null, 2)}\n`);
  return capability;
}

function readCache(path: string): z.output<typeof CACHED> | undefined {
  try {
    return CACHED.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Proves the slice up to three times, under two seconds in all on a usual machine, and takes the fastest. */
export async function measureCapability(options: MeasureOptions = {}): Promise<MeasuredCapability> {
  const machine = describeMachine(options);
  const input = tensor([ROWS, WIDTH], 0);
  const inputs = new Map([['x', input]]);
  const program = compileModel(syntheticModel(), { calibration: [inputs], slices: 1, precision: 'standard' });
  const kernels = await createKernels({ threads: machine.workers });
  try {
    const { packages } = commitProgram(kernels, program, { preset: 'standard' });
    const slice = decodeSlicePackage(packages[0].bytes);
    const prepared = prepareSlice(kernels, slice);
    const { integers } = quantizeInputs(program, inputs);
    const zeros = new Uint8Array(32);
    const began = performance.now();
    let leastMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < MAX_RUNS && performance.now() - began < ENOUGH_MS; run++) {
      const start = performance.now();
      const execution = executeSlice(slice, integers, kernels);
      const boundary = new Map(
        [...integers, ...execution.outputs].map(([name, values]) => [name, { values, salt: zeros }]),
      );
      provePackage(kernels, slice, boundary, { nonce: zeros, prover: '', execution, prepared });
      leastMs = Math.min(leastMs, performance.now() - start);
    }
    return { ...machine, workUnitsPerSecond: Math.max(1, Math.round((slice.workUnits / leastMs) * 1000)) };
  } finally {
    await kernels.close();
  }
}

/** What the endpoint record says of a measured machine. */
export function capabilityOf(
  measured: MeasuredCapability,
  prover: { readonly ask: bigint; readonly capacity: number },
): Capability {
  const { protocolVersion, workUnitsPerSecond, memoryBytes, cores } = measured;
  return { protocolVersion, workUnitsPerSecond, capacity: prover.capacity, ask: prover.ask, memoryBytes, cores };
}

function tensor(dims: readonly number[], seed: number, scale = 1): Tensor {
  const size = dims.reduce((a, b) => a * b, 1);
  const number = (_: unknown, i: number) => Math.fround(scale * Math.sin(seed * 17.3 + i * 1.7));
  return { dtype: 'float32', dims, data: Float64Array.from({ length: size }, number) };
}

function syntheticModel(): Uint8Array {
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, Tensor>();
  let from = 'x';
  const add = (op: string, inputs: string[], output: string): void => {
    nodes.push({ name: output, op, domain: '', inputs, outputs: [output], attributes: {} });
    from = output;
  };
  for (let layer = 0; layer < LAYERS; layer++) {
    initializers.set(`w${layer}`, tensor([WIDTH, WIDTH], layer + 1, Math.sqrt(4 / WIDTH)));
    add('MatMul', [from, `w${layer}`], `z${layer}`);
    add('Relu', [from], `y${layer}`);
  }
  const tensors = new Map([['x', { dtype: 'float32' as const, dims: [ROWS, WIDTH] }]]);
  return encodeOnnx({ name: 'capability', opset: 13, inputs: ['x'], outputs: [from], nodes, initializers, tensors });
}
