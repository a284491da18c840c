import { decodeOnnx, evaluateGraph, resolveGraph } from '@dsperse/core/graph';
import { describe, expect, it } from 'vitest';
import { semanticsOf } from '../../../core/src/layers/registry.js';
import { BENCH_MODELS, type BenchModel, benchInput, generateModel, isBenchModel, listModels } from './catalogue.js';

const declared = new Map(listModels().map((m) => [m.name, m]));

/** The numbers of the file that training would set, by the names they have in it. */
const trained = (bytes: Uint8Array): number =>
  [...decodeOnnx(bytes).graph.initializers]
    .filter(([name]) => /\.(weight|bias)$/.test(name))
    .reduce((n, [, t]) => n + t.data.length, 0);

/** Outputs and inner values stay near one: neither vanishing nor growing with depth. */
function checkRun(name: BenchModel): void {
  const { bytes, input } = generateModel(name);
  const graph = resolveGraph(decodeOnnx(bytes), { semantics: semanticsOf });
  const powers: number[] = [];
  let finite = true;
  const x = { dtype: 'float32' as const, dims: input.dims, data: input.data };
  const outputs = evaluateGraph(graph, new Map([[input.name, x]]), semanticsOf, (_, t) => {
    finite &&= t.data.every(Number.isFinite);
    powers.push(t.data.reduce((s, v) => s + v * v, 0) / t.data.length);
  });
  expect(finite).toBe(true);
  const [y] = outputs.values();
  const mean = y.data.reduce((s, v) => s + v, 0) / y.data.length;
  expect(y.data.some((v) => Math.abs(v - mean) > 1e-3)).toBe(true);
  expect(Math.max(...y.data.map(Math.abs))).toBeLessThan(100);
  expect(Math.min(...powers)).toBeGreaterThan(1e-6);
}

describe('benchmark models', () => {
  // GPT-2 takes a quarter of a minute to make, and its measurement says its parameters.
  it.each(BENCH_MODELS.filter((m) => !m.startsWith('gpt2-small')))(
    '%s decodes, and has the parameters that its recipe declares',
    (name) => {
      const model = generateModel(name);
      expect(model.parameters).toBe(declared.get(name)?.parameters);
      expect(trained(model.bytes)).toBe(model.parameters);
      const graph = resolveGraph(decodeOnnx(model.bytes), { semantics: semanticsOf });
      expect(graph.inputs).toEqual([model.input.name]);
      expect(graph.tensors.get(model.input.name)?.dims).toEqual([...model.input.dims]);
      expect(model.input.data.length).toBe(model.input.dims.reduce((a, b) => a * b, 1));
    },
  );

  it('has the sizes that the published models have', () => {
    const of = (name: BenchModel) => declared.get(name)?.parameters ?? 0;
    expect(of('resnet18')).toBe(11_689_512);
    expect(of('resnet50')).toBe(25_557_032);
    expect(of('mobilenetv2')).toBe(3_504_872);
    expect(of('vit-tiny')).toBe(5_717_416);
    // 1024 positions, of which the model holds as many as it takes tokens.
    expect(of('gpt2-small-64') + 768 * (1024 - 64)).toBe(124_439_808);
    expect(Math.abs(of('cifar-264k') / 264_000 - 1)).toBeLessThan(0.02);
    expect(Math.abs(of('dense-4m') / 4_000_000 - 1)).toBeLessThan(0.06);
  });

  it.each(['lenet5', 'cifar-62k', 'cifar-264k', 'dense-4m', 'transformer-tiny'] as const)(
    '%s runs on floats',
    checkRun,
  );

  it('shapes end where the architectures say', () => {
    for (const name of ['resnet18', 'resnet50', 'mobilenetv2', 'squeezenet'] as const) {
      const graph = resolveGraph(decodeOnnx(generateModel(name).bytes), { semantics: semanticsOf });
      expect(graph.tensors.get(graph.outputs[0])?.dims).toEqual([1, 1000]);
      const pooled = graph.nodes.find((n) => n.op === 'GlobalAveragePool');
      const side = name === 'squeezenet' ? 13 : 7;
      expect(graph.tensors.get(pooled?.inputs[0] ?? '')?.dims.slice(2)).toEqual([side, side]);
    }
  });

  it('is the same at every call, and inputs differ by index', () => {
    expect(generateModel('lenet5').bytes).toEqual(generateModel('lenet5').bytes);
    expect(benchInput('lenet5', 1).data).toEqual(benchInput('lenet5', 1).data);
    expect(benchInput('lenet5', 1).data).not.toEqual(benchInput('lenet5', 2).data);
  });

  it('knows its names', () => {
    expect(isBenchModel('lenet5')).toBe(true);
    expect(isBenchModel('toString')).toBe(false);
  });
});
