/** IsNaN and IsInf: always false, as integers are numbers. */
import { sizeOf } from '../../base/dims.js';
import type { OpSemantics, TensorInfo } from '../../graph/graph.js';

export const notANumber: OpSemantics = {
  ops: ['IsNaN', 'IsInf'],
  infer: (_, [x]): TensorInfo[] => {
    const dims = x?.dims ?? [];
    return [{ dtype: 'bool', dims, value: { dtype: 'bool', dims, data: new Float64Array(sizeOf(dims)) } }];
  },
  evaluate: (_, [x]) => [{ dtype: 'bool', dims: x?.dims ?? [], data: new Float64Array(sizeOf(x?.dims ?? [])) }],
};
