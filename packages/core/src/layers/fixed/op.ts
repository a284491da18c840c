/** Fixed: an output of the model that does not depend on its inputs. */
import type { OpSemantics, Tensor } from '../../graph/graph.js';

export const fixed: OpSemantics = {
  ops: ['Fixed'],
  infer: (_, [x]) => [{ dtype: x?.dtype ?? 'float32', dims: x?.dims ?? [] }],
  evaluate: (_, inputs) => [inputs[0] as Tensor],
};
