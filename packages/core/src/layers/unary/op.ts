import { InputError } from '../../base/errors.js';
import { numberAttribute } from '../../graph/attributes.js';
import { dtypeOf } from '../../graph/dtypes.js';
import type { OpSemantics, Tensor } from '../../graph/graph.js';
import { FUNCTIONS } from './functions.js';

export const unary: OpSemantics = {
  ops: Object.keys(FUNCTIONS),
  infer: (node, [x, ...parameters]) => {
    if (parameters.some((p) => p && !p.value)) {
      throw new InputError(
        'dynamic-parameter',
        `bounds of ${node.name} (${node.op}) are computed at run time`,
        'export them as constants',
        node.name,
      );
    }
    if (node.op === 'Dropout' && parameters[1]?.value?.data[0]) {
      throw new InputError(
        'unsupported-attribute',
        `${node.name} (Dropout) is in training mode`,
        'export the model in inference mode',
        node.name,
      );
    }
    const dtype = node.op === 'Cast' ? dtypeOf(numberAttribute(node, 'to', 1)) : (x?.dtype ?? 'float32');
    return [{ dtype, dims: x?.dims ?? [] }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const f = FUNCTIONS[node.op](node, inputs);
    const dtype = node.op === 'Cast' ? dtypeOf(numberAttribute(node, 'to', 1)) : x.dtype;
    const whole = node.op === 'Cast' && !dtype.includes('float');
    return [
      { dtype, dims: x.dims, data: x.data.map(dtype === 'bool' ? (v) => Number(v !== 0) : whole ? Math.trunc : f) },
    ];
  },
};
