/** Integer inference, slice by slice. */
import { executeSlice, type SliceExecution, type SlicePackage } from '@dsperse/core/prove';

/** What is needed of a program to run it. */
export interface Executable {
  readonly key: {
    readonly outputs: readonly string[];
    readonly slices: readonly { readonly inputs: readonly string[] }[];
  };
  slice(index: number): SlicePackage;
}

/** Called after each slice, with the tensors that it reads and makes. */
export type VisitSlice = (
  slice: SlicePackage,
  values: ReadonlyMap<string, Int32Array>,
  execution: SliceExecution,
) => void | Promise<void>;

/**
 * Runs all slices.
 * @returns integers of the public outputs
 */
export async function executeProgram(
  program: Executable,
  inputs: ReadonlyMap<string, Int32Array>,
  visit?: VisitSlice,
): Promise<Map<string, Int32Array>> {
  const { key } = program;
  const values = new Map(inputs);
  const lastRead = new Map<string, number>();
  key.slices.forEach((s, i) => {
    for (const name of s.inputs) lastRead.set(name, i);
  });
  for (let index = 0; index < key.slices.length; index++) {
    const slice = program.slice(index);
    const execution = executeSlice(slice, values);
    for (const [name, integers] of execution.outputs) values.set(name, integers);
    await visit?.(slice, values, execution);
    for (const name of slice.inputs) {
      if (lastRead.get(name) === index && !key.outputs.includes(name) && !inputs.has(name)) values.delete(name);
    }
  }
  return new Map(key.outputs.map((name) => [name, values.get(name) as Int32Array]));
}
