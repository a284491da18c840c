/** Reading and writing ONNX, and graphs on floats. */
export { InputError } from '../base/errors.js';
export { type DeclaredTensor, type DecodedModel, decodeOnnx } from './decode.js';
export { halfToNumber } from './dtypes.js';
export { encodeOnnx } from './encode.js';
export { evaluateGraph } from './evaluate.js';
export type { ExternalData } from './external-data.js';
export type { Attribute, DType, Graph, GraphNode, OpSemantics, Tensor, TensorInfo } from './graph.js';
export {
  type InspectOptions,
  inspectModel,
  type ModelReport,
  type NodeReport,
  type TensorReport,
  type UnsupportedNode,
} from './inspect.js';
export { type ResolveOptions, resolveGraph } from './resolve.js';
export { decodeTensor, decodeTensorProto } from './tensor-proto.js';
