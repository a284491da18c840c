/** TableLookup: cells of a constant list at computed whole numbers, negative ones counted from its end. */
import { badShape } from '../../graph/attributes.js';
import type { OpSemantics, Tensor } from '../../graph/graph.js';

export const tableLookup: OpSemantics = {
  ops: ['TableLookup'],
  required: () => 2,
  infer: (node, [table, index]) => {
    if (!table?.value || table.dims.length !== 1) throw badShape(node, 'its table is no constant list');
    return [{ dtype: table.dtype, dims: index?.dims ?? [] }];
  },
  evaluate: (node, inputs) => {
    const [table, index] = inputs as Tensor[];
    const [n] = table.dims;
    const data = index.data.map((i) => {
      if (!(i >= -n && i < n)) throw badShape(node, `index ${i} is outside a table of ${n}`);
      return table.data[i < 0 ? i + n : i];
    });
    return [{ dtype: table.dtype, dims: index.dims, data }];
  },
};
