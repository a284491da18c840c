/** MaxPool, AveragePool and their global forms. */
import { sizeOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { unravel } from '../conv/op.js';
import { type Windows, windows } from '../spatial.js';

export function poolWindows(node: GraphNode, x: readonly number[]): Windows {
  if (x.length < 3) throw badShape(node, `input [${x}] has no spatial axes`);
  const spatial = x.slice(2);
  if (node.op.startsWith('Global')) {
    const ones = spatial.map(() => 1);
    const zeros = spatial.map(() => 0);
    return { kernel: spatial, strides: ones, dilations: ones, begin: zeros, end: zeros, input: spatial, output: ones };
  }
  return windows(node, spatial, listAttribute(node, 'kernel_shape') ?? []);
}

/** Number of cells that an average divides by, for every output position. */
export function averageCounts(node: GraphNode, s: Windows): Float64Array {
  const includePad = numberAttribute(node, 'count_include_pad', 0) === 1;
  const counts = s.output.map((n, d) =>
    Array.from({ length: n }, (_, p) => {
      const start = p * s.strides[d] - s.begin[d];
      let count = 0;
      for (let k = 0; k < s.kernel[d]; k++) {
        const at = start + k * s.dilations[d];
        if (includePad ? at < s.input[d] + s.end[d] : at >= 0 && at < s.input[d]) count++;
      }
      return count;
    }),
  );
  return Float64Array.from({ length: sizeOf(s.output) }, (_, i) =>
    unravel(i, s.output).reduce((n, p, d) => n * counts[d][p], 1),
  );
}

export const pool: OpSemantics = {
  ops: ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  infer: (node, [x]) => {
    const dims = x?.dims ?? [];
    if (node.outputs.length > 1 && node.outputs[1] !== '')
      throw badShape(node, 'the indices output of MaxPool is not supported');
    return [{ dtype: x?.dtype ?? 'float32', dims: [...dims.slice(0, 2), ...poolWindows(node, dims).output] }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const s = poolWindows(node, x.dims);
    const max = node.op.endsWith('MaxPool');
    const planes = x.dims[0] * x.dims[1];
    const inSize = sizeOf(s.input);
    const outSize = sizeOf(s.output);
    const kSize = sizeOf(s.kernel);
    const counts = max ? undefined : averageCounts(node, s);
    const data = new Float64Array(planes * outSize);
    const taps = Array.from({ length: kSize }, (_, k) => unravel(k, s.kernel));
    for (let o = 0; o < outSize; o++) {
      const at = unravel(o, s.output);
      const sources = taps.flatMap((tap) => {
        let offset = 0;
        for (let d = 0; d < tap.length; d++) {
          const p = at[d] * s.strides[d] + tap[d] * s.dilations[d] - s.begin[d];
          if (p < 0 || p >= s.input[d]) return [];
          offset = offset * s.input[d] + p;
        }
        return [offset];
      });
      for (let c = 0; c < planes; c++) {
        let acc = max ? Number.NEGATIVE_INFINITY : 0;
        for (const from of sources) {
          const v = x.data[c * inSize + from];
          acc = max ? Math.max(acc, v) : acc + v;
        }
        data[c * outSize + o] = counts ? acc / counts[o] : acc;
      }
    }
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, 2), ...s.output], data }];
  },
};
