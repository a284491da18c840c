/** Standardize: rows of [R, n], less their mean where `center` is 1, over the root of their mean square plus epsilon. */
import { badShape, numberAttribute } from '../../graph/attributes.js';
import type { OpSemantics, Tensor } from '../../graph/graph.js';

export const standardize: OpSemantics = {
  ops: ['Standardize'],
  infer: (node, [x]) => {
    if (x?.dims.length !== 2) throw badShape(node, `[${x?.dims}] has no rows`);
    return [{ dtype: x.dtype, dims: x.dims }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const [rows, n] = x.dims;
    const epsilon = numberAttribute(node, 'epsilon', 0);
    const center = numberAttribute(node, 'center', 1) === 1;
    const data = new Float64Array(x.data.length);
    for (let r = 0; r < rows; r++) {
      const row = x.data.subarray(r * n, (r + 1) * n);
      const mean = center ? row.reduce((a, b) => a + b, 0) / n : 0;
      const variance = row.reduce((a, b) => a + (b - mean) * (b - mean), 0) / n;
      const root = Math.sqrt(variance + epsilon);
      for (let i = 0; i < n; i++) data[r * n + i] = root > 0 ? (row[i] - mean) / root : 0;
    }
    return [{ dtype: x.dtype, dims: x.dims, data }];
  },
};
