/**
 * The float meaning of whole models against outputs that other runtimes gave: every shared case whose operators are
 * known. Cases with other operators must say which.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  decodeTensor,
  evaluateGraph,
  type Graph,
  InputError,
  type Tensor,
} from '../../packages/core/src/graph/index.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';
import { ezklCase, haveModels, loadGraph, MODELS, modelNames } from './shared-models.js';

/** Cases that must not drop out. */
const REQUIRED = [
  'lenet_5',
  '3l_relu_conv_fc',
  '2l_relu_fc',
  '1l_conv',
  '1l_max_pool',
  '1l_softmax',
  'large_mlp',
  '1l_batch_norm',
  '1l_concat',
  '1l_pad',
  'clip',
];

/** What a model may be refused for. */
const REFUSALS = ['unsupported-operators', 'unsupported-attribute', 'dynamic-parameter'];

/** Largest difference, relative to the largest expected magnitude; the same cells must be NaN. */
function difference(got: Tensor | undefined, expected: ArrayLike<number>): number {
  if (got?.data.length !== expected.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  let range = 1e-6;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(expected[i]) && Number.isNaN(got.data[i])) continue;
    range = Math.max(range, Math.abs(expected[i]));
    const d = Math.abs(got.data[i] - expected[i]);
    if (!(d <= most)) most = d;
  }
  return most / range;
}

/** The graph, or undefined where it is refused for its operators. */
function load(path: string, required: boolean): Graph | undefined {
  try {
    return loadGraph(path);
  } catch (e) {
    if (!(e instanceof InputError) || required) throw e;
    expect(REFUSALS).toContain(e.code);
    expect(e.message).not.toBe('');
    return undefined;
  }
}

const TOLERANCE = 1e-4;

describe.skipIf(!haveModels)('models of ezkl (skipped where the shared models are absent)', () => {
  it.each(modelNames('ezkl'))('%s', (name) => {
    const graph = load(`ezkl/${name}/model.onnx`, REQUIRED.includes(name));
    if (!graph) return;
    const { inputs, expected } = ezklCase(name, graph);
    const outputs = evaluateGraph(graph, inputs, semanticsOf);
    expect([...outputs.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, numbers] of expected) expect(difference(outputs.get(key), numbers)).toBeLessThan(TOLERANCE);
  });
});

describe.skipIf(!haveModels)('models of the ONNX project (skipped where the shared models are absent)', () => {
  it.each(modelNames('onnx'))('%s', (name) => {
    const graph = load(`onnx/${name}/model.onnx`, false);
    if (!graph) return;
    const sets = readdirSync(`${MODELS}onnx/${name}`).filter((d) => d.startsWith('test_data_set_'));
    expect(sets.length).toBeGreaterThan(0);
    for (const set of sets) {
      const read = (file: string) => decodeTensor(readFileSync(`${MODELS}onnx/${name}/${set}/${file}`));
      const inputs = new Map(graph.inputs.map((input, i) => [input, read(`input_${i}.pb`)]));
      const outputs = evaluateGraph(graph, inputs, semanticsOf);
      graph.outputs.forEach((output, i) => {
        const expected = read(`output_${i}.pb`);
        expect(outputs.get(output)?.dims).toEqual(expected.dims);
        expect(difference(outputs.get(output), expected.data)).toBeLessThan(TOLERANCE);
      });
    }
  });
});

describe.skipIf(!existsSync(`${MODELS}imagenet`))('ImageNet (skipped where the shared models are absent)', () => {
  it('SqueezeNet gives a distribution over a thousand classes', () => {
    const graph = loadGraph('imagenet/light_squeezenet.onnx');
    const [name] = graph.inputs;
    const dims = graph.tensors.get(name)?.dims ?? [];
    expect(dims).toEqual([1, 3, 224, 224]);
    const data = Float64Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i));
    const inputs = new Map([[name, { dtype: 'float32' as const, dims, data }]]);
    const [y] = evaluateGraph(graph, inputs, semanticsOf).values();
    expect(y.data).toHaveLength(1000);
    expect(y.data.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
  });
});
