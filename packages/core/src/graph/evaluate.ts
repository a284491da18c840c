import { sizeOf } from '../base/dims.js';
import { InputError } from '../base/errors.js';
import type { Graph, OpSemantics, Tensor } from './graph.js';

/**
 * Runs a resolved graph on floats, in double precision.
 * @param visit called with every tensor as it is made (calibration, fidelity)
 * @returns the graph's outputs by name
 */
export function evaluateGraph(
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
  semantics: (op: string, domain: string) => OpSemantics | undefined,
  visit?: (name: string, tensor: Tensor) => void,
): Map<string, Tensor> {
  const values = new Map<string, Tensor>(graph.initializers);
  for (const name of graph.inputs) {
    const t = inputs.get(name);
    const info = graph.tensors.get(name);
    if (!t || !info)
      throw new InputError('missing-input', `input ${name} is missing`, `give ${graph.inputs.join(', ')}`);
    if (t.data.length !== sizeOf(info.dims)) {
      throw new InputError(
        'bad-input',
        `input ${name} has ${t.data.length} numbers, expected ${sizeOf(info.dims)} for the shape [${info.dims}]`,
        'check the input file',
      );
    }
    values.set(name, { ...t, dims: info.dims });
    visit?.(name, t);
  }
  const last = new Map<string, number>();
  graph.nodes.forEach((n, k) => {
    for (const i of n.inputs) last.set(i, k);
  });
  for (const o of graph.outputs) last.set(o, graph.nodes.length);
  graph.nodes.forEach((n, k) => {
    const op = semantics(n.op, n.domain) as OpSemantics;
    const results = op.evaluate(
      n,
      n.inputs.map((i) => (i === '' ? undefined : values.get(i))),
      graph.opset,
    );
    n.outputs.forEach((o, j) => {
      if (o === '') return;
      values.set(o, results[j]);
      visit?.(o, results[j]);
    });
    for (const i of n.inputs) if (last.get(i) === k && !graph.initializers.has(i)) values.delete(i);
  });
  return new Map(graph.outputs.map((o) => [o, values.get(o) as Tensor]));
}
