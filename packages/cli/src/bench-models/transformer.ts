/**
 * Blocks as in GPT-2 (Radford et al. 2019, §2.3), on embedded tokens: layer normalisation before attention and before the
 * dense layers, attention over several heads, GELU in its exact form 0.5·x·(1 + erf(x / √2)); and models of them.
 */
import type { Edge, ModelBuilder } from './model-builder.js';

export interface TransformerShape {
  readonly layers: number;
  readonly heads: number;
}

interface BlocksShape extends TransformerShape {
  /** A token sees those before it only. */
  readonly causal: boolean;
  readonly epsilon: number;
}

/** Added to the scores of later tokens: e^-64 is nothing in single precision, and the range of the scores stays small. */
const MASKED = -64;

/** `layers` blocks and a last layer normalisation, on [1, tokens, width]. */
export const transformer =
  (shape: TransformerShape) =>
  (m: ModelBuilder, x: Edge): Edge =>
    blocks(m, x, { ...shape, causal: true, epsilon: 1e-5 });

const VOCABULARY = 50_257;

/**
 * GPT-2 small on embedded tokens: positions are added, and the scores of the vocabulary come out for the last token. The
 * head is the table of token embeddings (they share it), so what is not in here is a lookup in that table and the
 * positions beyond the tokens.
 */
export function gpt2Small(m: ModelBuilder, x: Edge): Edge {
  const [, tokens, width] = x.dims;
  const positions = m.parameter('positions.weight', [1, tokens, width], (r) => r.spread(0.2));
  const y = blocks(m, m.node('Add', [x, positions], x.dims, x.power + 0.04), {
    layers: 12,
    heads: 12,
    causal: true,
    epsilon: 1e-5,
  });
  const last = token(m, y, tokens - 1);
  const table = m.parameter('tokens.weight', [width, VOCABULARY], (r) => r.spread(1 / Math.sqrt(width)));
  return m.node('MatMul', [last, table], [1, VOCABULARY], 1);
}

/**
 * ViT-Tiny (Dosovitskiy et al. 2021; the width of Touvron et al. 2021): patches of 16×16, a class token, 12 blocks of width
 * 192 with 3 heads, 1000 classes: 5 717 416 parameters.
 */
export function vitTiny(m: ModelBuilder, x: Edge): Edge {
  const width = 192;
  const patches = m.conv(x, { outputs: width, kernel: 16, stride: 16 });
  const count = patches.dims[2] * patches.dims[3];
  m.constant('patches.shape', [3], [1, width, count], 'int64');
  const rows = m.node('Reshape', [patches, 'patches.shape'], [1, width, count], patches.power);
  const columns = m.node('Transpose', [rows], [1, count, width], rows.power, { perm: [0, 2, 1] });
  const first = m.parameter('class.weight', [1, 1, width], (r) => r.spread(1));
  const dims = [1, count + 1, width];
  const tokens = m.node('Concat', [first, columns], dims, columns.power, { axis: 1 });
  const positions = m.parameter('positions.weight', dims, (r) => r.spread(0.2));
  const y = blocks(m, m.node('Add', [tokens, positions], dims, tokens.power + 0.04), {
    layers: 12,
    heads: 3,
    causal: false,
    epsilon: 1e-6,
  });
  return m.gemm(token(m, y, 0), 1000, true);
}

/** One row of [1, tokens, width], as [1, width]. */
function token(m: ModelBuilder, x: Edge, index: number): Edge {
  m.constant('token', [], [index], 'int64');
  return m.node('Gather', [x, 'token'], [1, x.dims[2]], x.power, { axis: 1 });
}

function blocks(m: ModelBuilder, x: Edge, { layers, heads, causal, epsilon }: BlocksShape): Edge {
  const tokens = x.dims[1];
  if (causal) {
    const mask = Array.from({ length: tokens * tokens }, (_, i) => (i % tokens > Math.floor(i / tokens) ? MASKED : 0));
    m.constant('causal_mask', [1, 1, tokens, tokens], mask);
  }
  m.constant('one', [], [1]);
  m.constant('two', [], [2]);
  m.constant('half', [], [0.5]);
  m.constant('root_two', [], [Math.SQRT2]);
  m.constant('epsilon', [], [epsilon]);
  let y = x;
  for (let k = 0; k < layers; k++) {
    y = m.add(y, attention(m, layerNorm(m, y, `block${k}.norm1`), heads, causal, `block${k}.attention`));
    y = m.add(y, feedForward(m, layerNorm(m, y, `block${k}.norm2`), `block${k}.dense`));
  }
  return layerNorm(m, y, 'norm');
}

/** (x - mean) / √(variance + 1e-5) · weight + bias over the last axis (Ba, Kiros, Hinton 2016). */
function layerNorm(m: ModelBuilder, x: Edge, name: string): Edge {
  const [batch, tokens, width] = x.dims;
  const row = [batch, tokens, 1];
  const mean = m.node('ReduceMean', [x], row, x.power / width, { axes: [-1], keepdims: 1 });
  const centred = m.node('Sub', [x, mean], x.dims, x.power);
  const square = m.node('Pow', [centred, 'two'], x.dims, 3 * x.power * x.power);
  const variance = m.node('ReduceMean', [square], row, x.power * x.power, { axes: [-1], keepdims: 1 });
  const deviation = m.node('Sqrt', [m.node('Add', [variance, 'epsilon'], row, x.power)], row, x.power);
  const normal = m.node('Div', [centred, deviation], x.dims, 1);
  const weight = m.parameter(`${name}.weight`, [width], (r) => r.between(0.9, 1.1));
  const bias = m.parameter(`${name}.bias`, [width], (r) => r.spread(0.1));
  return m.node('Add', [m.node('Mul', [normal, weight], x.dims, 1), bias], x.dims, 1);
}

/** x·W + b over the last axis, the deviation of the result `gain` times that of x. */
function linear(m: ModelBuilder, x: Edge, outputs: number, gain: number, name: string): Edge {
  const [batch, tokens, width] = x.dims;
  const dims = [batch, tokens, outputs];
  const weight = m.parameter(`${name}.weight`, [width, outputs], (r) => r.spread(gain / Math.sqrt(width)));
  const bias = m.parameter(`${name}.bias`, [outputs], (r) => r.spread(0.05));
  const product = m.node('MatMul', [x, weight], dims, gain * gain * x.power);
  return m.node('Add', [bias, product], dims, product.power);
}

/** softmax(Q·Kᵀ / √(width / heads) + mask)·V for each head (Vaswani et al. 2017, §3.2). */
function attention(m: ModelBuilder, x: Edge, heads: number, causal: boolean, name: string): Edge {
  const [batch, tokens, width] = x.dims;
  const depth = width / heads;
  m.constant(`${name}.split`, [4], [batch, tokens, heads, depth], 'int64');
  m.constant(`${name}.join`, [3], [batch, tokens, width], 'int64');
  m.constant(`${name}.scale`, [], [Math.fround(Math.sqrt(depth))]);
  const head = (part: string, perm: readonly number[]): Edge => {
    const y = linear(m, x, width, 1, `${name}.${part}`);
    const split = [batch, tokens, heads, depth];
    const view = m.node('Reshape', [y, `${name}.split`], split, y.power);
    return m.node(
      'Transpose',
      [view],
      perm.map((p) => split[p]),
      y.power,
      { perm },
    );
  };
  const query = head('query', [0, 2, 1, 3]);
  const key = head('key', [0, 2, 3, 1]);
  const value = head('value', [0, 2, 1, 3]);
  const square = [batch, heads, tokens, tokens];
  const scores = m.node('Div', [m.node('MatMul', [query, key], square, depth), `${name}.scale`], square, 1);
  const masked = causal ? m.node('Add', [scores, 'causal_mask'], square, 1) : scores;
  const weights = m.node('Softmax', [masked], square, 1 / tokens, { axis: -1 });
  const mixed = m.node('MatMul', [weights, value], value.dims, value.power);
  const back = m.node('Transpose', [mixed], [batch, tokens, heads, depth], mixed.power, { perm: [0, 2, 1, 3] });
  return linear(m, m.node('Reshape', [back, `${name}.join`], x.dims, back.power), width, 0.5, `${name}.output`);
}

function feedForward(m: ModelBuilder, x: Edge, name: string): Edge {
  const width = x.dims[2];
  const wide = linear(m, x, 4 * width, 1, `${name}.expand`);
  const { dims } = wide;
  const erf = m.node('Erf', [m.node('Div', [wide, 'root_two'], dims, 0.5)], dims, 0.5);
  const gate = m.node('Add', [erf, 'one'], dims, 1.5);
  const product = m.node('Mul', [wide, gate], dims, 2);
  return linear(m, m.node('Mul', [product, 'half'], dims, 0.5), width, 0.5, `${name}.reduce`);
}
