import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, ints, node, resolveModel, runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells } from '../../../../../tests/models/cells.js';
import type { Tensor } from '../graph.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;

interface Weights {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly r: Tensor;
  readonly b?: Tensor;
  readonly h0?: Tensor;
  readonly c0?: Tensor;
}

/** States and cells after every step of a direction, [step][batch][hidden], by the operators' formulas. */
function naive(op: keyof typeof GATES, t: Weights, d: number, reverse: boolean, late: boolean) {
  const [steps, batch, width] = t.x.dims;
  const hidden = t.r.dims[2];
  const gates = GATES[op];
  const bias = (k: number) => (t.b ? (cell(t.b, [d, k]) as number) : 0);
  const states: number[][][] = new Array(steps);
  let h = Array.from({ length: batch }, (_, n) =>
    Array.from({ length: hidden }, (_, j) => (t.h0 ? (cell(t.h0, [d, n, j]) as number) : 0)),
  );
  let c = Array.from({ length: batch }, (_, n) =>
    Array.from({ length: hidden }, (_, j) => (t.c0 ? (cell(t.c0, [d, n, j]) as number) : 0)),
  );
  for (let k = 0; k < steps; k++) {
    const s = reverse ? steps - 1 - k : k;
    const next = h.map((row) => [...row]);
    const nextC = c.map((row) => [...row]);
    for (let n = 0; n < batch; n++) {
      const input = (g: number, j: number) => {
        let sum = bias(g * hidden + j);
        for (let i = 0; i < width; i++)
          sum += (cell(t.w, [d, g * hidden + j, i]) as number) * (cell(t.x, [s, n, i]) as number);
        return sum;
      };
      const recurrent = (g: number, j: number, state: number[]) => {
        let sum = bias((gates + g) * hidden + j);
        for (let i = 0; i < hidden; i++) sum += (cell(t.r, [d, g * hidden + j, i]) as number) * state[i];
        return sum;
      };
      const gate = (g: number, j: number) => input(g, j) + recurrent(g, j, h[n]);
      const reset = h[n].map((v, i) => v * sigmoid(op === 'GRU' ? gate(1, i) : 0));
      for (let j = 0; j < hidden; j++) {
        if (op === 'RNN') next[n][j] = Math.tanh(gate(0, j));
        else if (op === 'GRU') {
          const z = sigmoid(gate(0, j));
          const inner = late ? sigmoid(gate(1, j)) * recurrent(2, j, h[n]) : recurrent(2, j, reset);
          next[n][j] = (1 - z) * Math.tanh(input(2, j) + inner) + z * h[n][j];
        } else {
          nextC[n][j] = sigmoid(gate(2, j)) * c[n][j] + sigmoid(gate(0, j)) * Math.tanh(gate(3, j));
          next[n][j] = sigmoid(gate(1, j)) * Math.tanh(nextC[n][j]);
        }
      }
    }
    [h, c] = [next, nextC];
    states[s] = h;
  }
  return { states, h, c };
}

const shape = fc.record({
  op: fc.constantFrom(...(Object.keys(GATES) as (keyof typeof GATES)[])),
  direction: fc.constantFrom('forward', 'reverse', 'bidirectional'),
  steps: fc.integer({ min: 1, max: 4 }),
  batch: fc.integer({ min: 1, max: 2 }),
  width: fc.integer({ min: 1, max: 3 }),
  hidden: fc.integer({ min: 1, max: 3 }),
  bias: fc.boolean(),
  start: fc.boolean(),
  late: fc.boolean(),
});

describe('recurrent operators', () => {
  it('agree with their formulas', () => {
    fc.assert(
      fc.property(shape, ({ op, direction, steps, batch, width, hidden, bias, start, late }) => {
        const reverses = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
        const dirs = reverses.length;
        const t: Weights = {
          x: wave([steps, batch, width]),
          w: wave([dirs, GATES[op] * hidden, width], 2),
          r: wave([dirs, GATES[op] * hidden, hidden], 3),
          b: bias ? wave([dirs, 2 * GATES[op] * hidden], 4) : undefined,
          h0: start ? wave([dirs, batch, hidden], 5) : undefined,
          c0: start && op === 'LSTM' ? wave([dirs, batch, hidden], 6) : undefined,
        };
        const constants: (Tensor | '')[] = [t.w, t.r, t.b ?? '', '', t.h0 ?? ''];
        if (op === 'LSTM') constants.push(t.c0 ?? '');
        const attributes = {
          direction,
          hidden_size: hidden,
          ...(op === 'GRU' ? { linear_before_reset: Number(late) } : {}),
        };
        const outputs = runNode(op, [t.x], attributes, { opset: 14, constants, outputs: op === 'LSTM' ? 3 : 2 });
        const want = reverses.map((reverse, d) => naive(op, t, d, reverse, late));
        expectCells(outputs[0], [steps, dirs, batch, hidden], ([s, d, n, j]) => want[d].states[s][n][j]);
        expectCells(outputs[1], [dirs, batch, hidden], ([d, n, j]) => want[d].h[n][j]);
        if (op === 'LSTM') expectCells(outputs[2], [dirs, batch, hidden], ([d, n, j]) => want[d].c[n][j]);
      }),
      { numRuns: 150 },
    );
  });

  it('write out only what is read', () => {
    const spec = {
      nodes: [node('RNN', ['x', 'w', 'r'], ['', 'y'])],
      inputs: { x: [2, 1, 1] },
      outputs: ['y'],
      initializers: { w: wave([1, 1, 1]), r: wave([1, 1, 1], 2) },
    };
    expect(resolveModel(spec).nodes.filter((n) => n.op === 'Concat')).toHaveLength(1);
  });

  it('say what they do not support', () => {
    const x = wave([2, 1, 1]);
    const run = (attributes: Parameters<typeof runNode>[2], constants: Parameters<typeof runNode>[3]) => () =>
      runNode('LSTM', [x], attributes, { opset: 14, ...constants });
    const weights = [wave([1, 4, 1]), wave([1, 4, 1], 2)];
    expect(run({}, { constants: weights })).not.toThrow();
    expect(run({ layout: 1 }, { constants: weights })).toThrow(/layout/);
    expect(run({ input_forget: 1 }, { constants: weights })).toThrow(/input_forget/);
    expect(run({ direction: 'sideways' }, { constants: weights })).toThrow(/sideways/);
    expect(run({}, { constants: [...weights, '', ints([1])] })).toThrow(/lengths/);
    expect(run({}, { constants: [...weights, '', '', '', '', floats([1, 3], [1, 2, 3])] })).toThrow(/peepholes/);
    expect(run({}, { constants: [wave([1, 3, 1]), wave([1, 3, 1], 2)] })).toThrow(/do not match/);
  });
});
