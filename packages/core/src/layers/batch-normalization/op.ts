/** BatchNormalization at inference: a scale and a shift for each channel (axis 1). */

import { sizeOf } from '../../base/dims.js';
import { InputError } from '../../base/errors.js';
import { badShape, numberAttribute } from '../../graph/attributes.js';
import { batchNormalizationAffine } from '../../graph/fold-batch-normalization.js';
import type { OpSemantics, Tensor } from '../../graph/graph.js';

export const batchNormalization: OpSemantics = {
  ops: ['BatchNormalization'],
  required: () => 5,
  infer: (node, [x, ...parameters]) => {
    if (numberAttribute(node, 'training_mode', 0) !== 0 || numberAttribute(node, 'spatial', 1) !== 1) {
      throw new InputError(
        'unsupported-attribute',
        `${node.name} (BatchNormalization) is in training mode or not spatial`,
        'export the model in inference mode',
        node.name,
      );
    }
    if (parameters.slice(0, 4).some((p) => !p?.value)) {
      throw new InputError(
        'dynamic-parameter',
        `${node.name} (BatchNormalization) has parameters that are computed at run time`,
        'export the model in inference mode',
        node.name,
      );
    }
    const dims = x?.dims ?? [];
    if (dims.length < 2 || parameters.slice(0, 4).some((p) => p?.dims.length !== 1 || p.dims[0] !== dims[1]))
      throw badShape(node, `parameters [${parameters.map((p) => p?.dims).join('], [')}] do not fit [${dims}]`);
    return [{ dtype: x?.dtype ?? 'float32', dims }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const { scale, shift } = batchNormalizationAffine(node, (i) => inputs[i] as Tensor);
    const inner = sizeOf(x.dims.slice(2));
    const channels = x.dims[1];
    const data = new Float64Array(x.data.length);
    for (let p = 0, i = 0; i < data.length; p++) {
      const a = scale[p % channels];
      const b = shift[p % channels];
      for (const end = i + inner; i < end; i++) data[i] = a * x.data[i] + b;
    }
    return [{ dtype: x.dtype, dims: x.dims, data }];
  },
};
