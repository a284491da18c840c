/** Programs: quantised, shape-resolved, integer-only models, cut into slices. */
export { InputError, InvariantError, ProvingError } from '../base/errors.js';
export { semanticsOf } from '../layers/registry.js';
export { type CompileOptions, compileModel, importModel } from './compile.js';
export type { BoundaryTensor, CompiledProgram, CompiledSlice, Precision } from './compiled.js';
export { dequantize, type QuantizedInputs, quantizeInputs } from './integers.js';
export { unsupportedIn } from './lower-graph.js';
export { saturated, tameMasks } from './masks.js';
export type { Ranges, Sample } from './ranges.js';
export type { SlicePlan } from './slice-plan.js';
