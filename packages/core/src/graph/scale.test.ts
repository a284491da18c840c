/** Large files: time and memory grow with the file, and no list passes through the stack. */
import { describe, expect, it } from 'vitest';
import { buildModel, floats, node, resolveModel } from '../../../../tests/models/build-model.js';
import { decodeOnnx } from './decode.js';
import { Writer } from './protobuf.js';

const SIDE = 2500;

/** Milliseconds that f takes. */
function timed(f: () => unknown): number {
  const start = performance.now();
  f();
  return performance.now() - start;
}

describe('large models', () => {
  it('reads 25 MB of weights, raw and typed, without delay', () => {
    const data = Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.sin(i));
    const bytes = new Uint8Array(data.buffer);
    for (const field of [9, 4]) {
      const w = new Writer().varint(1, SIDE).varint(1, SIDE).varint(2, 1).text(8, 'w').bytes(field, bytes);
      const spec = {
        nodes: [node('MatMul', ['x', 'w'], ['y'])],
        inputs: { x: [1, SIDE] },
        outputs: ['y'],
        initializers: { w },
      };
      const file = buildModel(spec);
      let last = 0;
      const ms = timed(() => {
        last = decodeOnnx(file).graph.initializers.get('w')?.data.at(-1) as number;
      });
      expect(last).toBe(data.at(-1));
      // Far more than it takes: machines differ, and loops that are not linear show nevertheless.
      expect(ms).toBeLessThan(5000);
    }
  });

  it('resolves long chains of nodes, in any order', () => {
    const chain = Array.from({ length: 30_000 }, (_, i) => node(i % 2 ? 'Relu' : 'Identity', [`t${i}`], [`t${i + 1}`]));
    const spec = { nodes: chain.reverse(), inputs: { t0: [1] }, outputs: ['t30000'] };
    let nodes = 0;
    const ms = timed(() => {
      nodes = resolveModel(spec).nodes.length;
    });
    expect(nodes).toBe(15_000);
    expect(ms).toBeLessThan(10_000);
  });

  it('joins and adds very many tensors', () => {
    const names = Array.from({ length: 2000 }, (_, i) => `w${i}`);
    const initializers = Object.fromEntries(names.map((name) => [name, floats([1], [1])]));
    const spec = {
      nodes: [
        node('Concat', names, ['c'], { axis: 0 }),
        node('Sum', names, ['s']),
        node('Add', ['c', 's'], ['d']),
        node('Mul', ['x', 'd'], ['y']),
      ],
      inputs: { x: [1] },
      outputs: ['y'],
      initializers,
    };
    expect(resolveModel(spec).initializers.get('d')?.data[1999]).toBe(2001);
  });
});
