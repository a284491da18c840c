/** The models that benchmarks run on: made from seeds, so that nothing needs to be fetched. */
import { type Edge, ModelBuilder } from './model-builder.js';
import { mobileNetV2, resnet18, resnet50, squeezeNet, vgg16Cifar } from './picture-networks.js';
import { Random } from './random.js';
import { dense, lenet5, pictureCnn } from './small-networks.js';
import { gpt2Small, transformer, vitTiny } from './transformer.js';

interface Recipe {
  /** One line, for people. */
  readonly about: string;
  readonly input: readonly number[];
  /** Inputs are drawn uniformly from this range. */
  readonly range: readonly [number, number];
  /** Numbers that training would set. */
  readonly parameters: number;
  readonly build: (m: ModelBuilder, x: Edge) => Edge;
}

function gpt2(tokens: number): Recipe {
  return {
    about: `GPT-2 small on ${tokens} embedded token${tokens > 1 ? 's' : ''}, the vocabulary's scores for the last`,
    input: [1, tokens, 768],
    range: [-2, 2],
    parameters: 123_653_376 + 768 * tokens,
    build: gpt2Small,
  };
}

const RECIPES = {
  lenet5: {
    about: 'LeNet-5, 28×28 grey',
    input: [1, 1, 28, 28],
    range: [0, 1],
    parameters: 61_706,
    build: lenet5,
  },
  'cifar-62k': {
    about: 'the CNN of the DeepProve benchmark script, 32×32 colour',
    input: [1, 3, 32, 32],
    range: [-1, 1],
    parameters: 62_006,
    build: pictureCnn([6, 16], [120, 84]),
  },
  'cifar-264k': {
    about: 'a wider CNN of 264 thousand parameters, 32×32 colour',
    input: [1, 3, 32, 32],
    range: [-1, 1],
    parameters: 263_970,
    build: pictureCnn([16, 32], [256, 168]),
  },
  'dense-64': {
    about: 'one dense layer of width 64, with Relu',
    input: [1, 64],
    range: [-1, 1],
    parameters: 4160,
    build: (m, x) => m.relu(m.gemm(x, 64)),
  },
  'dense-4m': {
    about: 'five dense layers of width 1024',
    input: [1, 4],
    range: [-1, 1],
    parameters: 4_206_595,
    build: dense(5, 1024, 3),
  },
  'vgg16-cifar': {
    about: 'VGG16 with batch normalisation, 32×32 colour',
    input: [1, 3, 32, 32],
    range: [-2, 2],
    parameters: 14_728_266,
    build: vgg16Cifar,
  },
  squeezenet: {
    about: 'SqueezeNet 1.1, 224×224 colour',
    input: [1, 3, 224, 224],
    range: [-2, 2],
    parameters: 1_235_496,
    build: squeezeNet,
  },
  mobilenetv2: {
    about: 'MobileNetV2 1.0, 224×224 colour',
    input: [1, 3, 224, 224],
    range: [-2, 2],
    parameters: 3_504_872,
    build: mobileNetV2,
  },
  resnet18: {
    about: 'ResNet-18, 224×224 colour',
    input: [1, 3, 224, 224],
    range: [-2, 2],
    parameters: 11_689_512,
    build: resnet18,
  },
  resnet50: {
    about: 'ResNet-50, 224×224 colour',
    input: [1, 3, 224, 224],
    range: [-2, 2],
    parameters: 25_557_032,
    build: resnet50,
  },
  'vit-tiny': {
    about: 'ViT-Tiny, 224×224 colour in patches of 16×16',
    input: [1, 3, 224, 224],
    range: [-2, 2],
    parameters: 5_717_416,
    build: vitTiny,
  },
  'transformer-tiny': {
    about: 'two GPT-2-like blocks of width 64, 4 heads, 16 tokens',
    input: [1, 16, 64],
    range: [-2, 2],
    parameters: 100_096,
    build: transformer({ layers: 2, heads: 4 }),
  },
  'gpt2-block': {
    about: 'one block of GPT-2 small: width 768, 12 heads, 64 tokens',
    input: [1, 64, 768],
    range: [-2, 2],
    parameters: 7_089_408,
    build: transformer({ layers: 1, heads: 12 }),
  },
  'gpt2-small-1': gpt2(1),
  'gpt2-small-64': gpt2(64),
  'gpt2-small-256': gpt2(256),
} as const satisfies Record<string, Recipe>;

export type BenchModel = keyof typeof RECIPES;

export const BENCH_MODELS = Object.keys(RECIPES) as BenchModel[];

export const isBenchModel = (name: string): name is BenchModel => Object.hasOwn(RECIPES, name);

export interface GeneratedModel {
  readonly name: BenchModel;
  readonly about: string;
  /** The ONNX file. */
  readonly bytes: Uint8Array;
  /** Trained numbers; statistics of batch normalisation and constants are not among them. */
  readonly parameters: number;
  readonly input: BenchInput;
}

export interface BenchInput {
  readonly name: string;
  readonly dims: readonly number[];
  /** Row-major, single precision. */
  readonly data: Float64Array;
}

const INPUT_NAME = 'input';

/** The same model, byte for byte, at every call. */
export function generateModel(name: BenchModel): GeneratedModel {
  const recipe: Recipe = RECIPES[name];
  const m = new ModelBuilder(name, 1);
  const [low, high] = recipe.range;
  const x = m.input(INPUT_NAME, recipe.input, (low * low + low * high + high * high) / 3);
  const bytes = m.finish(recipe.build(m, x));
  return { name, about: recipe.about, bytes, parameters: m.parameters, input: benchInput(name, 0) };
}

/** An input of the model; `index` gives others (calibration, repeated runs). */
export function benchInput(name: BenchModel, index: number): BenchInput {
  const { input: dims, range }: Recipe = RECIPES[name];
  const random = new Random(1000 + index);
  const length = dims.reduce((a, b) => a * b, 1);
  return {
    name: INPUT_NAME,
    dims,
    data: Float64Array.from({ length }, () => Math.fround(random.between(range[0], range[1]))),
  };
}

/** Name, description and number of parameters of every model, without making any. */
export function listModels(): { name: BenchModel; about: string; parameters: number; input: readonly number[] }[] {
  return BENCH_MODELS.map((name) => {
    const { about, parameters, input }: Recipe = RECIPES[name];
    return { name, about, parameters, input };
  });
}
