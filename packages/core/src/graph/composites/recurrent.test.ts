import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, ints, node, resolveModel, runNode, wave } from '../../../../../tests/models/build-model.js';
import { cell, expectCells, indices } from '../../../../../tests/models/cells.js';
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
  /** Weights of the cells on the gates, [dirs, 3·hidden]: input, output, forget. */
  readonly p?: Tensor;
  readonly clip?: number;
  /** Steps of each sequence, where not all are meant. */
  readonly lengths?: readonly number[];
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
  const clipped = (x: number) => (t.clip ? Math.min(t.clip, Math.max(-t.clip, x)) : x);
  const tanh = (x: number) => Math.tanh(clipped(x));
  const f = (x: number) => sigmoid(clipped(x));
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
      const reset = h[n].map((v, i) => v * f(op === 'GRU' ? gate(1, i) : 0));
      if (t.lengths && s >= t.lengths[n]) continue;
      const peep = (g: number, j: number, cells: number) =>
        t.p ? (cell(t.p, [d, g * hidden + j]) as number) * cells : 0;
      for (let j = 0; j < hidden; j++) {
        if (op === 'RNN') next[n][j] = tanh(gate(0, j));
        else if (op === 'GRU') {
          const z = f(gate(0, j));
          const inner = late ? f(gate(1, j)) * recurrent(2, j, h[n]) : recurrent(2, j, reset);
          next[n][j] = (1 - z) * tanh(input(2, j) + inner) + z * h[n][j];
        } else {
          const before = c[n][j];
          const keeps = f(gate(2, j) + peep(2, j, before)) * before;
          nextC[n][j] = keeps + f(gate(0, j) + peep(0, j, before)) * tanh(gate(3, j));
          next[n][j] = f(gate(1, j) + peep(1, j, nextC[n][j])) * tanh(nextC[n][j]);
        }
      }
    }
    [h, c] = [next, nextC];
    states[s] = h.map((row, n) => (t.lengths && s >= t.lengths[n] ? row.map(() => 0) : row));
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
  peepholes: fc.boolean(),
  clip: fc.constantFrom(undefined, 0.5),
  short: fc.boolean(),
  batchFirst: fc.boolean(),
});

/** The tensor with its axes in another order. */
function permuted(t: Tensor, perm: readonly number[]): Tensor {
  const dims = perm.map((p) => t.dims[p]);
  const data = indices(dims).map((index) => {
    const own = new Array<number>(perm.length);
    perm.forEach((p, i) => {
      own[p] = index[i];
    });
    return cell(t, own) as number;
  });
  return { ...t, dims, data: Float64Array.from(data) };
}

describe('recurrent operators', () => {
  it('agree with their formulas', () => {
    fc.assert(
      fc.property(shape, ({ op, direction, steps, batch, width, hidden, bias, start, late, ...more }) => {
        const reverses = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
        const dirs = reverses.length;
        const t: Weights = {
          x: wave([steps, batch, width]),
          w: wave([dirs, GATES[op] * hidden, width], 2),
          r: wave([dirs, GATES[op] * hidden, hidden], 3),
          b: bias ? wave([dirs, 2 * GATES[op] * hidden], 4) : undefined,
          h0: start ? wave([dirs, batch, hidden], 5) : undefined,
          c0: start && op === 'LSTM' ? wave([dirs, batch, hidden], 6) : undefined,
          p: more.peepholes && op === 'LSTM' ? wave([dirs, 3 * hidden], 7) : undefined,
          clip: more.clip,
          lengths: more.short ? Array.from({ length: batch }, (_, n) => Math.max(1, steps - 1 - n)) : undefined,
        };
        const given = (x: Tensor, perm: number[]) => (more.batchFirst ? permuted(x, perm) : x);
        const state = (x: Tensor | undefined) => (x ? given(x, [1, 0, 2]) : '');
        const lengths = t.lengths ? { ...ints(t.lengths), dtype: 'int32' as const } : '';
        const constants: (Tensor | '')[] = [t.w, t.r, t.b ?? '', lengths, state(t.h0)];
        if (op === 'LSTM') constants.push(state(t.c0), t.p ?? '');
        const attributes = {
          direction,
          hidden_size: hidden,
          ...(op === 'GRU' ? { linear_before_reset: Number(late) } : {}),
          ...(t.clip ? { clip: { float: t.clip } } : {}),
          layout: Number(more.batchFirst),
        };
        const x = given(t.x, [1, 0, 2]);
        const made = runNode(op, [x], attributes, { opset: 14, constants, outputs: op === 'LSTM' ? 3 : 2 });
        const outputs = made.map((y, i) => given(y, i === 0 ? [1, 2, 0, 3] : [1, 0, 2]));
        const want = reverses.map((reverse, d) => naive(op, t, d, reverse, late));
        expectCells(outputs[0], [steps, dirs, batch, hidden], ([s, d, n, j]) => want[d].states[s][n][j]);
        expectCells(outputs[1], [dirs, batch, hidden], ([d, n, j]) => want[d].h[n][j]);
        if (op === 'LSTM') expectCells(outputs[2], [dirs, batch, hidden], ([d, n, j]) => want[d].c[n][j]);
      }),
      { numRuns: 150 },
    );
  });

  it('take functions with parameters, and gates that share one', () => {
    const x = wave([1, 1, 1]);
    const [w, r] = [floats([1, 1, 1], [2]), floats([1, 1, 1], [0])];
    const rnn = (name: string, alpha: number, beta?: number) => {
      const parameters = {
        activation_alpha: { floats: [alpha] },
        ...(beta === undefined ? {} : { activation_beta: { floats: [beta] } }),
      };
      const attributes = { activations: { strings: [name] }, ...parameters };
      return runNode('RNN', [x], attributes, { opset: 14, constants: [w, r] })[0].data[0];
    };
    const v = 2 * x.data[0];
    expect(rnn('Affine', 0.5, 0.25)).toBeCloseTo(0.5 * v + 0.25, 6);
    expect(rnn('ScaledTanh', 0.5, 0.25)).toBeCloseTo(0.5 * Math.tanh(0.25 * v), 6);
    expect(rnn('LeakyRelu', 0.5)).toBeCloseTo(v < 0 ? 0.5 * v : v, 6);
    expect(rnn('HardSigmoid', 0.1, 0.3)).toBeCloseTo(Math.min(1, Math.max(0, 0.1 * v + 0.3)), 6);
    const gates = [wave([1, 4, 1], 2), floats([1, 4, 1], [0, 0, 0, 0]), '', '', '', floats([1, 1, 1], [0.7])] as const;
    const [, , c] = runNode('LSTM', [x], { input_forget: 1 }, { opset: 14, constants: gates, outputs: 3 });
    const [i, , , g] = gates[0].data.map((k) => k * x.data[0]);
    expect(c.data[0]).toBeCloseTo(sigmoid(i) * Math.tanh(g) + (1 - sigmoid(i)) * 0.7, 6);
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
    expect(run({ direction: 'sideways' }, { constants: weights })).toThrow(/sideways/);
    expect(run({ activations: { strings: ['Exp', 'Tanh', 'Tanh'] } }, { constants: weights })).toThrow(/Exp/);
    expect(run({}, { constants: [...weights, '', ints([3])] })).toThrow(/lengths/);
    expect(run({}, { constants: [...weights, '', '', '', '', floats([1, 2], [1, 2])] })).toThrow(/do not match/);
    expect(run({}, { constants: [wave([1, 3, 1]), wave([1, 3, 1], 2)] })).toThrow(/do not match/);
  });
});
