/** MaxPool, AveragePool and their global forms. */
import { sizeOf } from '../../base/dims.js';
import { badShape, listAttribute, numberAttribute } from '../../graph/attributes.js';
import type { GraphNode, OpSemantics, Tensor } from '../../graph/graph.js';
import { type Windows, windows } from '../../graph/spatial.js';
import { unravel } from '../conv/op.js';

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

/** The input cells of every window, within one plane: those of output o are cells[start[o]] … cells[start[o+1] - 1]. */
function windowCells(s: Windows): { start: Int32Array; cells: Int32Array } {
  const outSize = sizeOf(s.output);
  const taps = Array.from({ length: sizeOf(s.kernel) }, (_, k) => unravel(k, s.kernel));
  const start = new Int32Array(outSize + 1);
  const cells = new Int32Array(outSize * taps.length);
  let count = 0;
  for (let o = 0; o < outSize; o++) {
    const at = unravel(o, s.output);
    for (const tap of taps) {
      let offset = 0;
      for (let d = 0; d < tap.length && offset >= 0; d++) {
        const p = at[d] * s.strides[d] + tap[d] * s.dilations[d] - s.begin[d];
        offset = p < 0 || p >= s.input[d] ? -1 : offset * s.input[d] + p;
      }
      if (offset >= 0) cells[count++] = offset;
    }
    start[o + 1] = count;
  }
  return { start, cells };
}

export const pool: OpSemantics = {
  ops: ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  infer: (node, [x]) => {
    const dims = x?.dims ?? [];
    return [{ dtype: x?.dtype ?? 'float32', dims: [...dims.slice(0, 2), ...poolWindows(node, dims).output] }];
  },
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const s = poolWindows(node, x.dims);
    const max = node.op.endsWith('MaxPool');
    const planes = x.dims[0] * x.dims[1];
    const inSize = sizeOf(s.input);
    const outSize = sizeOf(s.output);
    const counts = max ? undefined : averageCounts(node, s);
    const { start, cells } = windowCells(s);
    const data = new Float64Array(planes * outSize);
    for (let c = 0; c < planes; c++) {
      const from = c * inSize;
      for (let o = 0; o < outSize; o++) {
        const end = start[o + 1];
        let acc = max ? Number.NEGATIVE_INFINITY : 0;
        if (max) {
          for (let t = start[o]; t < end; t++) {
            const v = x.data[from + cells[t]];
            if (v > acc) acc = v;
          }
        } else {
          for (let t = start[o]; t < end; t++) acc += x.data[from + cells[t]];
        }
        data[c * outSize + o] = counts ? acc / counts[o] : acc;
      }
    }
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, 2), ...s.output], data }];
  },
};
