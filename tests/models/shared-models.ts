/** Test models that stand beside the checkout (never copied into it). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeOnnx, type Graph, resolveGraph, type Tensor } from '../../packages/core/src/graph/index.js';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';

export const MODELS = fileURLToPath(new URL('../../../shared/models/', import.meta.url));
export const haveModels = existsSync(MODELS);
if (!haveModels) console.warn('tests on shared models are skipped: ../shared/models is not there');

export const modelNames = (family: string): string[] => (haveModels ? readdirSync(`${MODELS}${family}`).sort() : []);

export function loadGraph(path: string): Graph {
  return resolveGraph(decodeOnnx(readFileSync(`${MODELS}${path}`)), { semantics: semanticsOf });
}

const json = (path: string) => JSON.parse(readFileSync(`${MODELS}${path}`, 'utf8'));

/** One of ezkl's examples: its input and expected output, by name. */
export function ezklCase(name: string, graph: Graph): { inputs: Map<string, Tensor>; expected: Map<string, number[]> } {
  const raw = json(`ezkl/${name}/input.json`).input_data as unknown[];
  const expected = json(`ezkl/${name}/expected.json`);
  const inputs = new Map(
    graph.inputs.map((n, i) => {
      const info = graph.tensors.get(n);
      const flat = [raw[i]].flat(9).map(Number);
      return [n, { dtype: info?.dtype ?? 'float32', dims: info?.dims ?? [], data: Float64Array.from(flat) }] as const;
    }),
  );
  const outputs = new Map<string, number[]>(
    Object.entries(expected.outputs as Record<string, { data: unknown }>).map(([k, v]) => [
      k,
      [v.data].flat(9).map(Number),
    ]),
  );
  return { inputs, expected: outputs };
}
