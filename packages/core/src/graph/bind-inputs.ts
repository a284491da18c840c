/** Shapes of a model's inputs: what the file says, with its open dimensions bound. */
import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { DeclaredTensor, DecodedModel } from './decode.js';
import type { TensorInfo } from './graph.js';
import { MAX_RANK } from './tensor-proto.js';

export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** Most cells of a tensor. */
const MAX_CELLS = 2 ** 28;

/** @throws InputError (bad-shape) on a tensor that cannot be computed with */
export function checkDims(name: string, dims: readonly number[], node?: string): void {
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 1)) {
    const message = `tensor ${name} has the shape [${dims}]`;
    throw new InputError('bad-shape', message, 'every dimension must be at least 1', node);
  }
  if (dims.length > MAX_RANK || !(sizeOf(dims) <= MAX_CELLS)) {
    const message = `tensor ${name} of shape [${dims}] is too large`;
    throw new InputError('bad-shape', message, 'use a smaller model or input', node);
  }
}

const isOpen = (d: number | string): d is string | 0 => typeof d === 'string' || d <= 0;

const shown = (dims: readonly (number | string)[]): string => dims.map((d) => (isOpen(d) ? d || '?' : d)).join(', ');

function openShape(name: string, declared: DeclaredTensor): InputError {
  const example = declared.unknownRank ? '1,N' : declared.dims.map((d, i) => (isOpen(d) ? (i ? 'N' : 1) : d)).join(',');
  const message = declared.unknownRank
    ? `the model does not say the shape of input ${name}`
    : `input ${name} has the open shape [${shown(declared.dims)}]`;
  return new InputError('open-shape', message, `bind it with --input-shape ${name}=${example}`);
}

/** Values of symbolic dimensions that the given shapes fix. */
function bindSymbols(model: DecodedModel, shapes: InputShapes): Map<string, number> {
  const symbols = new Map<string, number>();
  for (const [name, given] of Object.entries(shapes)) {
    const declared = model.declared.get(name);
    if (!declared || !model.graph.inputs.includes(name)) {
      const inputs = model.graph.inputs.join(', ');
      throw new InputError('unknown-input', `the model has no input ${name}`, `its inputs are ${inputs}`);
    }
    if (declared.unknownRank) continue;
    const fits = given.length === declared.dims.length && declared.dims.every((d, i) => isOpen(d) || d === given[i]);
    if (!fits) {
      const message = `input ${name} has the shape [${shown(declared.dims)}], not [${given.join(', ')}]`;
      throw new InputError('bad-shape', message, 'give a matching --input-shape');
    }
    declared.dims.forEach((d, i) => {
      if (typeof d !== 'string' || d === '') return;
      const before = symbols.get(d) ?? given[i];
      if (before !== given[i]) {
        const message = `the dimension ${d} is given as ${before} and, in input ${name}, as ${given[i]}`;
        throw new InputError('bad-shape', message, 'give it one size in every --input-shape');
      }
      symbols.set(d, given[i]);
    });
  }
  return symbols;
}

/**
 * Shape and dtype of every input. A symbol that a given shape binds holds in every input; an open first dimension is
 * taken as a batch of one.
 * @throws InputError (open-shape, bad-shape, unknown-input)
 */
export function bindInputs(model: DecodedModel, shapes: InputShapes = {}): Map<string, TensorInfo> {
  const symbols = bindSymbols(model, shapes);
  const infos = new Map<string, TensorInfo>();
  for (const name of model.graph.inputs) {
    const declared = model.declared.get(name) as DeclaredTensor;
    const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (!given && declared.unknownRank) throw openShape(name, declared);
    const dims =
      given ??
      declared.dims.map((d, i): number => {
        if (!isOpen(d)) return d;
        const size = symbols.get(String(d)) ?? (i === 0 ? 1 : undefined);
        if (size === undefined) throw openShape(name, declared);
        return size;
      });
    checkDims(name, dims);
    infos.set(name, { dtype: declared.dtype, dims });
  }
  return infos;
}
