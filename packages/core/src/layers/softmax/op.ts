/** Softmax and LogSoftmax along an axis (before opset 13: over all axes from it on). */
import { sizeOf } from '../../base/dims.js';
import { exp, log } from '../../base/real.js';
import { normalAxis, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';

/** The tensor seen as [before, length, after], the softmax running along `length`. */
export function softmaxView(node: GraphNode, dims: readonly number[], opset: number): [number, number, number] {
  const axis = normalAxis(node, numberAttribute(node, 'axis', opset < 13 ? 1 : -1), dims.length);
  const before = sizeOf(dims.slice(0, axis));
  return opset < 13 ? [before, sizeOf(dims.slice(axis)), 1] : [before, dims[axis], sizeOf(dims.slice(axis + 1))];
}

export const softmax: OpSemantics = {
  ops: ['Softmax', 'LogSoftmax'],
  infer: (node, [x], opset) => {
    softmaxView(node, x?.dims ?? [], opset);
    return [{ dtype: x?.dtype ?? 'float32', dims: x?.dims ?? [] }];
  },
  evaluate: (node, inputs, opset) => {
    const x = inputs[0] as Tensor;
    const [before, length, after] = softmaxView(node, x.dims, opset);
    const data = new Float64Array(x.data.length);
    for (let b = 0; b < before; b++) {
      for (let a = 0; a < after; a++) {
        const at = (i: number) => (b * length + i) * after + a;
        let max = Number.NEGATIVE_INFINITY;
        for (let i = 0; i < length; i++) max = Math.max(max, x.data[at(i)]);
        let sum = 0;
        for (let i = 0; i < length; i++) sum += exp(x.data[at(i)] - max);
        const logSum = log(sum);
        for (let i = 0; i < length; i++) {
          const d = x.data[at(i)] - max;
          data[at(i)] = node.op === 'Softmax' ? exp(d) / sum : d - logSum;
        }
      }
    }
    return [{ dtype: x.dtype, dims: x.dims, data }];
  },
};
