import type { Relation, ValueId } from '../relation/relation.js';
import type { Ranges } from './ranges.js';

export type Precision = 'fast' | 'standard' | 'high';

/** A tensor that crosses a slice boundary or is public: real value = integer · scale. */
export interface BoundaryTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** dtype of the ONNX tensor it stands for. */
  readonly dtype: string;
  readonly scale: number;
  /** Integers lie in [lo, hi]. */
  readonly lo: number;
  readonly hi: number;
  /** Lower numbers, -Infinity among them, mean what `lo` does: an input that is a mask of attention. */
  readonly saturates?: boolean;
}

/** One slice: its relation and the numbers of its constants. */
export interface CompiledSlice {
  readonly index: number;
  /** Names of the ONNX nodes it covers. */
  readonly nodes: readonly string[];
  readonly relation: Relation;
  readonly constants: ReadonlyMap<ValueId, Int32Array>;
  /** Names of the boundary tensors, in the order of relation.inputs and relation.outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Estimated proving cost; the unit by which slices are balanced and priced. */
  readonly workUnits: number;
  /** Model parameters in the slice. */
  readonly parameters: number;
  /** Multiplications of the integer inference of the slice. */
  readonly multiplications: number;
}

/** A quantised, shape-resolved, integer-only model, cut into slices. */
export interface CompiledProgram {
  readonly name: string;
  readonly precision: Precision;
  /** Every boundary tensor by name: public inputs, public outputs, and what crosses a cut. */
  readonly tensors: ReadonlyMap<string, BoundaryTensor>;
  /** Public inputs and outputs, in the model's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In order of execution: a slice reads public inputs and outputs of earlier slices. */
  readonly slices: readonly CompiledSlice[];
  /** The ranges that it was quantised by; compileModel takes them in place of samples. */
  readonly ranges: Ranges;
}
