/** Reading and writing ONNX, and graphs on floats. */
export { InputError } from '../base/errors.js';
export { type DeclaredTensor, type DecodedModel, decodeOnnx } from './decode.js';
export { encodeOnnx } from './encode.js';
export { evaluateGraph } from './evaluate.js';
export type { Attribute, DType, Graph, GraphNode, OpSemantics, Tensor, TensorInfo } from './graph.js';
export { type ResolveOptions, resolveGraph } from './resolve.js';
export { decodeTensor, decodeTensorProto, type ExternalData, halfToNumber } from './tensor-proto.js';
