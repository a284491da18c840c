/** Integer inference, slice by slice. */
import type { Kernels } from '@dsperse/core/kernels';
import { type ExecutableSlice, executeSlice, type SliceExecution } from '@dsperse/core/prove';

/** What is needed of a program to run it. */
export interface Executable<Slice extends ExecutableSlice> {
  readonly key: {
    readonly outputs: readonly string[];
    readonly slices: readonly { readonly inputs: readonly string[] }[];
  };
  slice(index: number): Slice;
}

/** Called after each slice, with the tensors that it reads and makes, and how long it took. */
export type VisitSlice<Slice extends ExecutableSlice> = (
  slice: Slice,
  values: ReadonlyMap<string, Int32Array>,
  execution: SliceExecution,
  executeMs: number,
) => void | Promise<void>;

/**
 * Runs all slices.
 * @param kernels speed it up; the numbers are the same without
 * @returns integers of the public outputs
 */
export async function executeProgram<Slice extends ExecutableSlice>(
  program: Executable<Slice>,
  inputs: ReadonlyMap<string, Int32Array>,
  kernels: Kernels | undefined,
  visit?: VisitSlice<Slice>,
): Promise<Map<string, Int32Array>> {
  const { key } = program;
  const values = new Map(inputs);
  const lastRead = new Map<string, number>();
  key.slices.forEach((s, i) => {
    for (const name of s.inputs) lastRead.set(name, i);
  });
  for (let index = 0; index < key.slices.length; index++) {
    const slice = program.slice(index);
    const began = performance.now();
    const execution = executeSlice(slice, values, kernels);
    const executeMs = performance.now() - began;
    for (const [name, integers] of execution.outputs) values.set(name, integers);
    await visit?.(slice, values, execution, executeMs);
    for (const name of slice.inputs) {
      if (lastRead.get(name) === index && !key.outputs.includes(name) && !inputs.has(name)) values.delete(name);
    }
  }
  return new Map(key.outputs.map((name) => [name, values.get(name) as Int32Array]));
}
