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

/** Integer inference that goes through a program's slices in order; tensors are held while a later slice reads them. */
export class Inference {
  /** Integers of the tensors that are known and still needed, by name. */
  readonly values: Map<string, Int32Array>;
  private readonly lastRead = new Map<string, number>();

  /** @param kernels speed it up; the numbers are the same without */
  constructor(
    private readonly key: Executable<ExecutableSlice>['key'],
    private readonly inputs: ReadonlyMap<string, Int32Array>,
    private readonly kernels: Kernels | undefined,
  ) {
    this.values = new Map(inputs);
    key.slices.forEach((s, i) => {
      for (const name of s.inputs) this.lastRead.set(name, i);
    });
  }

  /** Runs the next slice, or joined ones: what others read of them is known then. */
  run(slice: ExecutableSlice): { readonly execution: SliceExecution; readonly executeMs: number } {
    const began = performance.now();
    const execution = executeSlice(slice, this.values, this.kernels);
    const executeMs = performance.now() - began;
    for (const [name, integers] of execution.outputs) this.values.set(name, integers);
    return { execution, executeMs };
  }

  /** Lets go of what only slices before `next` read. */
  forgetBefore(next: number): void {
    for (const name of this.values.keys()) {
      const last = this.lastRead.get(name);
      if (last === undefined || last >= next || this.key.outputs.includes(name) || this.inputs.has(name)) continue;
      this.values.delete(name);
    }
  }

  /** Integers of the public outputs, once all slices are run. */
  get outputs(): Map<string, Int32Array> {
    return new Map(this.key.outputs.map((name) => [name, this.values.get(name) as Int32Array]));
  }
}

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
  const inference = new Inference(program.key, inputs, kernels);
  for (let index = 0; index < program.key.slices.length; index++) {
    const slice = program.slice(index);
    const { execution, executeMs } = inference.run(slice);
    await visit?.(slice, inference.values, execution, executeMs);
    inference.forgetBefore(index + 1);
  }
  return inference.outputs;
}
