/** A small network with branches: convolutions around a residual, a concatenation, a pool and a classifier. */
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { buildModel, ints, type ModelSpec, node, wave } from '../models/build-model.js';

export const RESIDUAL: ModelSpec = {
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1, 1, 1, 1] }, 'conv1'),
    node('Relu', ['c1'], ['r1'], {}, 'relu1'),
    node('Conv', ['r1', 'w2'], ['c2'], { pads: [1, 1, 1, 1] }, 'conv2'),
    node('Add', ['c2', 'r1'], ['a'], {}, 'add'),
    node('Relu', ['a'], ['r2'], {}, 'relu2'),
    node('Conv', ['r2', 'w4'], ['c3'], {}, 'conv3'),
    node('Concat', ['c3', 'r1'], ['k'], { axis: 1 }, 'concat'),
    node('MaxPool', ['k'], ['m'], { kernel_shape: [2, 2], strides: [2, 2] }, 'pool'),
    node('Reshape', ['m', 'shape'], ['f'], {}, 'flatten'),
    node('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1 }, 'classifier'),
  ],
  inputs: { x: [1, 2, 6, 6] },
  outputs: ['y'],
  initializers: {
    w1: wave([4, 2, 3, 3], 2),
    b1: wave([4], 3),
    w2: wave([4, 4, 3, 3], 4),
    w3: wave([5, 72], 5),
    b3: wave([5], 6),
    w4: wave([4, 4, 1, 1], 7),
    shape: ints([1, -1]),
  },
};

export const residualModel = (): Uint8Array => buildModel(RESIDUAL);

export const picture = (seed = 1): Map<string, Tensor> => new Map([['x', wave([1, 2, 6, 6], seed)]]);
