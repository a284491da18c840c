/**
 * RNN, GRU and LSTM, unrolled over the sequence. With H the state before a step and G the gates' inputs X_t·Wᵀ + b,
 *
 *     RNN   H' = f(G + H·Rᵀ)
 *     GRU   z, r = f(…), h = g(G_h + (r∘H)·R_hᵀ + b_h) or g(G_h + r∘(H·R_hᵀ + b_h)), H' = h + z∘(H - h)
 *     LSTM  i, o, f = f(…), c = g(…), C' = f∘C + i∘c, H' = o∘h(C')
 */
import { badShape, listAttribute, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

const MAX_STEPS = 4096;

type Function = (x: string) => string;

/** One direction of a recurrent operator. */
interface Direction {
  readonly index: number;
  readonly reverse: boolean;
  /** Activation functions, in the operator's order. */
  readonly functions: readonly Function[];
}

interface Layer {
  readonly c: Composer;
  /** The input, sequence first. */
  readonly x: string;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** The batch stands first in inputs and outputs. */
  readonly batchFirst: boolean;
  /** How many steps each sequence has, where that is not all of them; a tensor where it is computed. */
  readonly lengths: readonly number[] | string | undefined;
}

/** Gates' inputs and the recurrent weights of one direction. */
interface Gates {
  /** X_t·Wᵀ + bias of the input, [batch, gates·hidden]. */
  input(t: number): string;
  /** H·Rᵀ of the gates from `first` to before `last`; undefined where there is no state yet. */
  recurrent(state: string | undefined, first: number, last: number): string | undefined;
  /** The recurrent bias of the gates, [(last - first)·hidden]; undefined where it is zero. */
  bias(first: number, last: number): string | undefined;
}

const plus = (c: Composer, a: string, b: string | undefined): string => (b === undefined ? a : c.add('Add', [a, b]));

const columns = (c: Composer, x: string, from: number, to: number): string =>
  c.add('Slice', [x, c.ints([from]), c.ints([to]), c.ints([1])]);

/** Cells [first, last) of a direction's row of a parameter [dirs, cells, …]. */
function rowOf(c: Composer, input: number, direction: number, first: number, last: number): string {
  const x = c.node.inputs[input];
  const [, ...rest] = c.dims(input);
  const cut = c.add('Slice', [x, c.ints([direction, first]), c.ints([direction + 1, last]), c.ints([0, 1])]);
  return c.reshape(cut, [last - first, ...rest.slice(1)]);
}

/** Rows [first, last) of a gate matrix [dirs, gates·hidden, width], transposed. */
function transposed(c: Composer, input: number, direction: number, first: number, last: number): string {
  const values = c.valueOf(input);
  if (!values) return c.add('Transpose', [rowOf(c, input, direction, first, last)], { perm: [1, 0] });
  const [, rows, width] = c.dims(input);
  const n = last - first;
  const data = new Float64Array(n * width);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < width; j++) data[j * n + i] = values[(direction * rows + first + i) * width + j];
  return c.floats(data, [width, n]);
}

/** Numbers [first, last) of a direction's biases [dirs, 2·gates·hidden]; the recurrent ones follow the input's. */
function biases(c: Composer, direction: number, first: number, last: number): string | undefined {
  if (!c.has(3)) return undefined;
  const values = c.valueOf(3);
  if (!values) return rowOf(c, 3, direction, first, last);
  const row = direction * c.dims(3)[1];
  return c.floats(values.slice(row + first, row + last), [last - first]);
}

function gatesOf(layer: Layer, d: Direction, count: number): Gates {
  const { c, hidden, x } = layer;
  const width = count * hidden;
  const product = c.add('MatMul', [x, transposed(c, 1, d.index, 0, width)]);
  const inputs = plus(c, product, biases(c, d.index, 0, width));
  const weights = new Map<string, string>();
  return {
    input: (t) => c.add('Gather', [inputs, c.scalar(t)], { axis: 0 }),
    recurrent(state, first, last) {
      if (state === undefined) return undefined;
      const key = `${first} ${last}`;
      const r = weights.get(key) ?? transposed(c, 2, d.index, first * hidden, last * hidden);
      weights.set(key, r);
      return c.add('MatMul', [state, r]);
    },
    bias: (first, last) => biases(c, d.index, width + first * hidden, width + last * hidden),
  };
}

/** The state after each step, and whatever else a cell keeps. */
type Step = (t: number, state: string | undefined) => string;

function rnnStep({ c }: Layer, d: Direction, g: Gates): Step {
  const [f] = d.functions;
  return (t, state) => f(plus(c, plus(c, g.input(t), g.bias(0, 1)), g.recurrent(state, 0, 1)));
}

function gruStep({ c, hidden }: Layer, d: Direction, g: Gates): Step {
  const [f, h] = d.functions;
  const late = numberAttribute(c.node, 'linear_before_reset', 0) !== 0;
  return (t, state) => {
    const input = g.input(t);
    const zr = f(plus(c, plus(c, columns(c, input, 0, 2 * hidden), g.bias(0, 2)), g.recurrent(state, 0, 2)));
    const [z, r] = [columns(c, zr, 0, hidden), columns(c, zr, hidden, 2 * hidden)];
    const own = columns(c, input, 2 * hidden, 3 * hidden);
    let candidate: string;
    if (late) {
      const [product, bias] = [g.recurrent(state, 2, 3), g.bias(2, 3)];
      const inner = product === undefined ? bias : plus(c, product, bias);
      candidate = plus(c, own, inner && c.add('Mul', [r, inner]));
    } else {
      const reset = state && c.add('Mul', [r, state]);
      candidate = plus(c, plus(c, own, g.bias(2, 3)), g.recurrent(reset, 2, 3));
    }
    // Not (1 - z)∘h + z∘H: where z is nearly 1, a unit of it is more than all of 1 - z.
    const fresh = h(candidate);
    if (state === undefined) return c.add('Sub', [fresh, c.add('Mul', [z, fresh])]);
    return c.add('Add', [c.add('Mul', [z, c.add('Sub', [state, fresh])]), fresh]);
  };
}

function lstmStep({ c, hidden }: Layer, d: Direction, g: Gates, cell: { value: string | undefined }): Step {
  const [f, candidate, h] = d.functions;
  const coupled = numberAttribute(c.node, 'input_forget', 0) !== 0;
  const peepholes = c.has(7);
  /** The weight of gate k on the cells, times them. */
  const peep = (k: number, cells: string | undefined): string | undefined =>
    cells && c.add('Mul', [cells, rowOf(c, 7, d.index, k * hidden, (k + 1) * hidden)]);
  return (t, state) => {
    const all = plus(c, plus(c, g.input(t), g.bias(0, 4)), g.recurrent(state, 0, 4));
    const own = (k: number, to = k + 1) => columns(c, all, k * hidden, to * hidden);
    const before = cell.value;
    let gate: (k: number) => string;
    if (peepholes) gate = (k) => f(plus(c, own(k), peep(k, k === 1 ? cell.value : before)));
    else {
      const iof = f(own(0, 3));
      gate = (k) => columns(c, iof, k * hidden, (k + 1) * hidden);
    }
    const input = gate(0);
    const fresh = c.add('Mul', [input, candidate(own(3))]);
    const forget = (): string => (coupled ? c.add('Sub', [c.floats([1]), input]) : gate(2));
    cell.value = plus(c, fresh, before && c.add('Mul', [forget(), before]));
    return c.add('Mul', [gate(1), h(cell.value)]);
  };
}

const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  RNN: ['Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
};

/** Functions of the gates: the operator, and the defaults of the parameters that it takes. */
const ACTIVATIONS: Readonly<Record<string, { readonly alpha?: number; readonly beta?: number }>> = {
  Affine: { alpha: 1, beta: 0 },
  Elu: { alpha: 1 },
  HardSigmoid: { alpha: 0.2, beta: 0.5 },
  LeakyRelu: { alpha: 0.01 },
  Relu: {},
  ScaledTanh: { alpha: 1, beta: 1 },
  Sigmoid: {},
  Softplus: {},
  Softsign: {},
  Tanh: {},
  ThresholdedRelu: { alpha: 1 },
};

function activation(c: Composer, name: string, alpha: number, beta: number): Function {
  const by = (x: string, k: number) => c.add('Mul', [x, c.floats([k])]);
  if (name === 'Affine') return (x) => c.add('Add', [by(x, alpha), c.floats([beta])]);
  if (name === 'ScaledTanh') return (x) => by(c.add('Tanh', [by(x, beta)]), alpha);
  const { alpha: a, beta: b } = ACTIVATIONS[name];
  const attributes = { ...(a === undefined ? {} : { alpha }), ...(b === undefined ? {} : { beta }) };
  return (x) => c.add(name, [x], attributes);
}

/** The functions of all directions; parameters are given in order to those that take them. */
function functionsOf(c: Composer, names: readonly string[]): Function[] {
  const [alphas, betas] = ['activation_alpha', 'activation_beta'].map((n) => [...(listAttribute(c.node, n) ?? [])]);
  const clip = numberAttribute(c.node, 'clip', 0);
  return names.map((name) => {
    const { alpha, beta } = ACTIVATIONS[name];
    const own = [
      alpha === undefined ? 0 : (alphas.shift() ?? alpha),
      beta === undefined ? 0 : (betas.shift() ?? beta),
    ] as const;
    const f = activation(c, name, ...own);
    return clip > 0 ? (x) => f(c.add('Clip', [x, c.floats([-clip]), c.floats([clip])])) : f;
  });
}

function directionsOf(c: Composer): Direction[] {
  const kind = stringAttribute(c.node, 'direction', 'forward');
  const reverses = { forward: [false], reverse: [true], bidirectional: [false, true] }[kind];
  if (!reverses) throw c.unsupported(`direction ${kind}`, 'use forward, reverse or bidirectional');
  const own = DEFAULTS[c.node.op];
  const given = c.node.attributes.activations as readonly string[] | undefined;
  const names = Array.isArray(given) && given.length > 0 ? given : reverses.flatMap(() => own);
  const odd = names.find((name) => !Object.hasOwn(ACTIVATIONS, name));
  if (odd !== undefined || names.length !== own.length * reverses.length)
    throw c.unsupported(`the activations ${names.join(', ')}`, `use ${Object.keys(ACTIVATIONS).join(', ')}`);
  const functions = functionsOf(c, names);
  return reverses.map((reverse, index) => ({
    index,
    reverse,
    functions: functions.slice(index * own.length, (index + 1) * own.length),
  }));
}

function layerOf(c: Composer, gates: number, directions: number): Layer {
  const batchFirst = numberAttribute(c.node, 'layout', 0) === 1;
  const own = c.dims(0);
  const x = batchFirst ? [own[1], own[0], ...own.slice(2)] : own;
  const [w, r] = [c.dims(1), c.dims(2)];
  const hidden = r[2];
  const [steps, batch, width] = x;
  const fits =
    x.length === 3 &&
    w.join() === [directions, gates * hidden, width].join() &&
    r.join() === [directions, gates * hidden, hidden].join() &&
    (!c.has(3) || c.dims(3).join() === [directions, 2 * gates * hidden].join()) &&
    (!c.has(7) || c.dims(7).join() === [directions, 3 * hidden].join()) &&
    (!c.has(4) || c.dims(4).join() === [batch].join());
  if (!fits) throw badShape(c.node, `input [${own}], weights [${w}] and [${r}] do not match`);
  if (steps > MAX_STEPS) throw badShape(c.node, `${steps} steps are more than ${MAX_STEPS}`);
  const given = [...(c.valueOf(4) ?? [])];
  if (given.some((n) => !(n >= 0 && n <= steps))) throw badShape(c.node, `lengths [${given}] of ${steps} steps`);
  const isComputed = c.has(4) && !c.valueOf(4);
  const lengths = isComputed ? c.node.inputs[4] : given.some((n) => n !== steps) ? given : undefined;
  const first = batchFirst ? c.add('Transpose', [c.node.inputs[0]], { perm: [1, 0, 2] }) : c.node.inputs[0];
  return { c, x: first, steps, batch, hidden, batchFirst, lengths };
}

/** The new value of the sequences that have a step, the old one (or zero) of the others. */
function where({ c, batch, lengths }: Layer, t: number, fresh: string, old: string | undefined): string {
  if (lengths === undefined) return fresh;
  let goes: string;
  if (typeof lengths === 'string') goes = c.reshape(c.add('Greater', [lengths, c.typedAs(4, [t], [])]), [batch, 1]);
  else if (lengths.every((n) => t < n)) return fresh;
  else {
    goes = c.truths(
      lengths.map((n) => Number(t < n)),
      [batch, 1],
    );
  }
  return c.add('Where', [goes, fresh, old ?? c.floats([0], [])]);
}

/** The part of an initial state [dirs, batch, hidden] that is a direction's. */
function initial({ c, batch, hidden, batchFirst }: Layer, input: number, d: Direction): string | undefined {
  if (!c.has(input)) return undefined;
  const axis = batchFirst ? 1 : 0;
  const part = c.add('Slice', [c.node.inputs[input], c.ints([d.index]), c.ints([d.index + 1]), c.ints([axis])]);
  return c.reshape(part, [batch, hidden]);
}

const GATES: Readonly<Record<string, number>> = { RNN: 1, GRU: 3, LSTM: 4 };

/** Outputs: every state [steps, dirs, batch, hidden], the last ones [dirs, batch, hidden], and the cells of an LSTM. */
export const recurrent: Compose = (c) => {
  const { op } = c.node;
  const directions = directionsOf(c);
  const layer = layerOf(c, GATES[op], directions.length);
  const { steps, batch, hidden } = layer;
  const all: string[] = [];
  const last: string[] = [];
  const cells: string[] = [];
  for (const d of directions) {
    const gates = gatesOf(layer, d, GATES[op]);
    const cell = { value: op === 'LSTM' ? initial(layer, 6, d) : undefined };
    const step =
      op === 'RNN'
        ? rnnStep(layer, d, gates)
        : op === 'GRU'
          ? gruStep(layer, d, gates)
          : lstmStep(layer, d, gates, cell);
    let state = initial(layer, 5, d);
    const states = new Array<string>(steps);
    for (let k = 0; k < steps; k++) {
      const t = d.reverse ? steps - 1 - k : k;
      const before = cell.value;
      const fresh = step(t, state);
      state = where(layer, t, fresh, state);
      if (cell.value) cell.value = where(layer, t, cell.value, before);
      states[t] = c.reshape(where(layer, t, fresh, undefined), [1, 1, batch, hidden]);
    }
    all.push(c.add('Concat', states, { axis: 0 }));
    last.push(c.reshape(state as string, [1, batch, hidden]));
    if (cell.value) cells.push(c.reshape(cell.value, [1, batch, hidden]));
  }
  const join = (parts: string[], axis: number) => c.add('Concat', parts, { axis });
  const given = (y: string, perm: number[]) => (layer.batchFirst ? c.add('Transpose', [y], { perm }) : y);
  return [
    given(join(all, 1), [2, 0, 1, 3]),
    given(join(last, 0), [1, 0, 2]),
    ...(cells.length > 0 ? [given(join(cells, 0), [1, 0, 2])] : []),
  ];
};
