/** Networks of a few layers: LeNet-5, CNNs for 32×32 colour pictures, dense networks. */
import type { Edge, ModelBuilder } from './model-builder.js';

/**
 * LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998, §II.B) with Relu, full connections in the second convolution and a
 * padded 28×28 input: 61 706 parameters. ezkl's `lenet_5` has the same layers on 32×32, with x² + x instead of Relu.
 */
export function lenet5(m: ModelBuilder, x: Edge): Edge {
  let y = m.averagePool(m.relu(m.conv(x, { outputs: 6, kernel: 5, pad: 2 })), 2, 2);
  y = m.averagePool(m.relu(m.conv(y, { outputs: 16, kernel: 5 })), 2, 2);
  return classifier(m, m.flatten(y), [120, 84], 10);
}

/** Conv 5×5 → Relu → MaxPool 2, twice, then dense layers, for 32×32 pictures in colour. */
export const pictureCnn =
  (channels: readonly [number, number], widths: readonly number[]) =>
  (m: ModelBuilder, x: Edge): Edge => {
    let y = x;
    for (const outputs of channels) y = m.maxPool(m.relu(m.conv(y, { outputs, kernel: 5 })), 2, 2);
    return classifier(m, m.flatten(y), widths, 10);
  };

/** Dense layers of one width, each with Relu, then one to `classes`. */
export const dense =
  (layers: number, width: number, classes: number) =>
  (m: ModelBuilder, x: Edge): Edge =>
    classifier(m, x, Array<number>(layers).fill(width), classes);

function classifier(m: ModelBuilder, x: Edge, widths: readonly number[], classes: number): Edge {
  let y = x;
  for (const width of widths) y = m.relu(m.gemm(y, width));
  return m.gemm(y, classes, true);
}
