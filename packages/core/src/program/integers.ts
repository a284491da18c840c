/** Between real numbers and the integers of a program's public tensors: real value = integer · scale. */
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { Tensor } from '../graph/graph.js';
import { roundToInt } from '../layers/lowering.js';
import type { BoundaryTensor, CompiledProgram } from './compiled.js';

export interface QuantizedInputs {
  readonly integers: Map<string, Int32Array>;
  /** Inputs that were saturated, and how many of their numbers. */
  readonly clamped: { readonly tensor: string; readonly count: number }[];
}

/**
 * The integers of a program's inputs.
 * @param inputs a tensor for each input, row-major; dims may differ from the program's where the sizes agree
 * @throws InputError `bad-input` (missing, unknown or of another size, not finite), `out-of-range` without `clamp`
 */
export function quantizeInputs(
  program: Pick<CompiledProgram, 'tensors' | 'inputs'>,
  inputs: ReadonlyMap<string, Tensor>,
  options: { readonly clamp?: boolean } = {},
): QuantizedInputs {
  const list = program.inputs.join(', ');
  for (const name of inputs.keys()) {
    if (!program.inputs.includes(name))
      throw new InputError('bad-input', `the model has no input ${name}`, `its inputs are ${list}`);
  }
  const integers = new Map<string, Int32Array>();
  const clamped: { tensor: string; count: number }[] = [];
  for (const name of program.inputs) {
    const tensor = program.tensors.get(name) as BoundaryTensor;
    const given = inputs.get(name);
    if (!given) throw new InputError('bad-input', `input ${name} is missing`, `give ${list}`);
    const size = sizeOf(tensor.dims);
    if (given.data.length !== size) {
      throw new InputError(
        'bad-input',
        `input ${name} has ${given.data.length} numbers, expected ${size} for the shape [${tensor.dims}]`,
        'check the input file',
      );
    }
    const out = new Int32Array(size);
    let count = 0;
    const floor = tensor.saturates ? tensor.lo * tensor.scale : Number.NEGATIVE_INFINITY;
    for (let i = 0; i < size; i++) {
      const x = Math.max(floor, given.data[i]);
      if (!Number.isFinite(x)) {
        throw new InputError('bad-input', `input ${name} holds ${x} at ${i}`, 'give finite numbers');
      }
      const v = roundToInt(x / tensor.scale);
      if (v < tensor.lo || v > tensor.hi) {
        if (!options.clamp) {
          const [lo, hi] = [tensor.lo * tensor.scale, tensor.hi * tensor.scale];
          throw new InputError(
            'out-of-range',
            `input ${name} holds ${x} at ${i}, outside the range [${lo.toPrecision(4)}, ${hi.toPrecision(4)}] that the program was made for`,
            'compile with --calibrate and an input like this one, or use --clamp to saturate it',
          );
        }
        count++;
      }
      out[i] = Math.min(tensor.hi, Math.max(tensor.lo, v));
    }
    integers.set(name, out);
    if (count > 0) clamped.push({ tensor: name, count });
  }
  return { integers, clamped };
}

/** Real numbers of a tensor's integers. */
export function dequantize(tensor: BoundaryTensor, integers: Int32Array): Float64Array {
  return Float64Array.from(integers, (x) => x * tensor.scale);
}
