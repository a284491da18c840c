/** A typed graph: what the importer makes of an ONNX file, and what every later stage reads. */

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

/** A row-major tensor. Numbers of every dtype are held as doubles (64-bit integers beyond 2^53 are saturated). */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export interface TensorInfo {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** The numbers, where they are known when the program is made. */
  readonly value?: Tensor;
}

export type Attribute = number | string | Tensor | readonly number[] | readonly string[];

/** A graph within a node: the body of a loop or a branch. It also reads tensors of the graphs around it, by name. */
export interface Subgraph {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** As they stand in the file. */
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}

export interface GraphNode {
  /** Unique in the graph; made up from operator and output where the file gives none. */
  readonly name: string;
  readonly op: string;
  /** '' for the standard operators. */
  readonly domain: string;
  /** '' marks an omitted optional input. */
  readonly inputs: readonly string[];
  /** '' marks an unused optional output. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** By attribute name; only of Loop, Scan, If and the like. */
  readonly subgraphs?: Readonly<Record<string, Subgraph>>;
}

export interface Graph {
  readonly name: string;
  /** Version of the standard operator set. */
  readonly opset: number;
  /** Inputs that are not initialisers, in the file's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In topological order. */
  readonly nodes: readonly GraphNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Shape and dtype of every tensor, once shapes are resolved. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * What an operator means on floats. The registry (layers/registry.ts) holds one for each; shape inference, constant
 * folding and calibration are written over this interface.
 */
export interface OpSemantics {
  /** ONNX operator types that this room handles. */
  readonly ops: readonly string[];
  /** How many leading inputs must be there; 1 where it is not said. */
  required?(op: string): number;
  /** Shapes and dtypes of the outputs. Throws InputError on a shape the operator does not allow. */
  infer(node: GraphNode, inputs: readonly (TensorInfo | undefined)[], opset: number): TensorInfo[];
  /** The outputs, in double precision and a fixed order of operations. */
  evaluate(node: GraphNode, inputs: readonly (Tensor | undefined)[], opset: number): Tensor[];
}
