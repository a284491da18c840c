/** Convolutional networks for colour pictures: 224×224 and 1000 classes, but for VGG16. */
import type { ConvOptions, Edge, ModelBuilder } from './model-builder.js';

const CLASSES = 1000;

const convNorm = (m: ModelBuilder, x: Edge, o: ConvOptions, gain = 1): Edge =>
  m.batchNormalization(m.conv(x, { ...o, bias: false }), gain);

/** ResNet-18 (He, Zhang, Ren, Sun 2016, table 1), projections where shapes change: 11 689 512 parameters. */
export function resnet18(m: ModelBuilder, x: Edge): Edge {
  let y = m.relu(convNorm(m, x, { outputs: 64, kernel: 7, stride: 2, pad: 3 }));
  y = m.maxPool(y, 3, 2, 1);
  for (const [stage, outputs] of [64, 128, 256, 512].entries()) {
    y = basicBlock(m, y, outputs, stage === 0 ? 1 : 2);
    y = basicBlock(m, y, outputs, 1);
  }
  return m.gemm(m.flatten(m.globalAveragePool(y)), CLASSES, true);
}

function basicBlock(m: ModelBuilder, x: Edge, outputs: number, stride: number): Edge {
  const inner = m.relu(convNorm(m, x, { outputs, kernel: 3, stride, pad: 1 }));
  const branch = convNorm(m, inner, { outputs, kernel: 3, pad: 1 }, 0.5);
  const same = stride === 1 && x.dims[1] === outputs;
  return m.relu(m.add(branch, same ? x : convNorm(m, x, { outputs, kernel: 1, stride })));
}

/** ResNet-50 (the same, table 1, with the stride in the 3×3 convolution as later versions have it): 25 557 032 parameters. */
export function resnet50(m: ModelBuilder, x: Edge): Edge {
  let y = m.relu(convNorm(m, x, { outputs: 64, kernel: 7, stride: 2, pad: 3 }));
  y = m.maxPool(y, 3, 2, 1);
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 * 2 ** stage;
    for (let k = 0; k < blocks; k++) y = bottleneck(m, y, width, k === 0 && stage > 0 ? 2 : 1);
  }
  return m.gemm(m.flatten(m.globalAveragePool(y)), CLASSES, true);
}

function bottleneck(m: ModelBuilder, x: Edge, width: number, stride: number): Edge {
  const outputs = 4 * width;
  const narrow = m.relu(convNorm(m, x, { outputs: width, kernel: 1 }));
  const inner = m.relu(convNorm(m, narrow, { outputs: width, kernel: 3, stride, pad: 1 }));
  const branch = convNorm(m, inner, { outputs, kernel: 1 }, 0.5);
  const same = stride === 1 && x.dims[1] === outputs;
  return m.relu(m.add(branch, same ? x : convNorm(m, x, { outputs, kernel: 1, stride })));
}

/**
 * VGG16 (Simonyan, Zisserman 2015, table 1, D) for 32×32 pictures and ten classes, with batch normalisation and one dense
 * layer, as is common on CIFAR-10: 14 728 266 parameters.
 */
export function vgg16Cifar(m: ModelBuilder, x: Edge): Edge {
  let y = x;
  for (const [outputs, times] of [
    [64, 2],
    [128, 2],
    [256, 3],
    [512, 3],
    [512, 3],
  ]) {
    for (let k = 0; k < times; k++) y = m.relu(m.batchNormalization(m.conv(y, { outputs, kernel: 3, pad: 1 })));
    y = m.maxPool(y, 2, 2);
  }
  return m.gemm(m.flatten(y), 10, true);
}

/** Expansion, channels, repetitions and first stride of the stages (Sandler et al. 2018, table 2). */
const INVERTED: readonly (readonly [number, number, number, number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** MobileNetV2 of width 1.0 (Sandler, Howard, Zhu, Zhmoginov, Chen 2018, table 2): 3 504 872 parameters. */
export function mobileNetV2(m: ModelBuilder, x: Edge): Edge {
  let y = m.relu6(convNorm(m, x, { outputs: 32, kernel: 3, stride: 2, pad: 1 }));
  for (const [expansion, outputs, times, stride] of INVERTED) {
    for (let k = 0; k < times; k++) y = invertedResidual(m, y, expansion, outputs, k === 0 ? stride : 1);
  }
  y = m.relu6(convNorm(m, y, { outputs: 1280, kernel: 1 }));
  return m.gemm(m.flatten(m.globalAveragePool(y)), CLASSES, true);
}

function invertedResidual(m: ModelBuilder, x: Edge, expansion: number, outputs: number, stride: number): Edge {
  const channels = x.dims[1] * expansion;
  let y = expansion === 1 ? x : m.relu6(convNorm(m, x, { outputs: channels, kernel: 1 }));
  y = m.relu6(convNorm(m, y, { outputs: channels, kernel: 3, stride, pad: 1, groups: channels }));
  const residual = stride === 1 && x.dims[1] === outputs;
  y = convNorm(m, y, { outputs, kernel: 1 }, residual ? 0.5 : 1);
  return residual ? m.add(x, y) : y;
}

/** SqueezeNet 1.1 (Iandola et al. 2016, §3, in the version of the authors' repository): 1 235 496 parameters. */
export function squeezeNet(m: ModelBuilder, x: Edge): Edge {
  let y = m.maxPool(m.relu(m.conv(x, { outputs: 64, kernel: 3, stride: 2 })), 3, 2, 0, true);
  y = m.maxPool(fire(m, fire(m, y, 16, 64), 16, 64), 3, 2, 0, true);
  y = m.maxPool(fire(m, fire(m, y, 32, 128), 32, 128), 3, 2, 0, true);
  for (const squeeze of [48, 48, 64, 64]) y = fire(m, y, squeeze, 4 * squeeze);
  y = m.relu(m.conv(y, { outputs: CLASSES, kernel: 1 }));
  return m.flatten(m.globalAveragePool(y));
}

function fire(m: ModelBuilder, x: Edge, squeeze: number, expand: number): Edge {
  const narrow = m.relu(m.conv(x, { outputs: squeeze, kernel: 1 }));
  const one = m.relu(m.conv(narrow, { outputs: expand, kernel: 1 }));
  const three = m.relu(m.conv(narrow, { outputs: expand, kernel: 3, pad: 1 }));
  return m.concat([one, three], 1);
}
