/**
 * Small language models as exporters write them, with seeded weights: token numbers as inputs, embeddings that the head
 * shares, keys and values of earlier tokens as inputs and those of all as outputs.
 */
import type { Tensor } from '@dsperse/core/graph';
import { type Edge, ModelBuilder } from './model-builder.js';
import { Random } from './random.js';

export interface LanguageModel {
  readonly name: string;
  readonly about: string;
  /** The ONNX file. */
  readonly bytes: Uint8Array;
  /** An input; `index` gives others. */
  input(index: number): Map<string, Tensor>;
}

const MASKED = -3.4028234663852886e38;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);
const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const wholes = (dims: readonly number[], data: readonly number[]): Tensor => ({
  dtype: 'int64',
  dims,
  data: Float64Array.from(data),
});

/** Writes nodes whose dims follow from what they are given. */
class Writer {
  private shapes = 0;

  constructor(readonly m: ModelBuilder) {}

  reshape(x: Edge, dims: readonly number[]): Edge {
    const shape = this.m.constant(`shape_${this.shapes++}`, [dims.length], dims, 'int64');
    return this.m.node('Reshape', [x, shape], dims, x.power);
  }

  transpose(x: Edge, perm: readonly number[]): Edge {
    const dims = perm.map((p) => x.dims[p]);
    return this.m.node('Transpose', [x], dims, x.power, { perm });
  }

  /** Operators on the same cells; the first operand has the result's dims. */
  cells(op: string, ...inputs: [Edge, ...(Edge | string)[]]): Edge {
    return this.m.node(op, inputs, inputs[0].dims, inputs[0].power);
  }

  number(x: number): string {
    return this.m.constant(`number_${String(x)}`, [], [Math.fround(x)]);
  }

  /** x·W + b over the last axis. */
  linear(x: Edge, outputs: number, name: string, gain = 1, bias = true): Edge {
    const width = x.dims[x.dims.length - 1];
    const dims = [...x.dims.slice(0, -1), outputs];
    const weight = this.m.parameter(`${name}.weight`, [width, outputs], (r) => r.spread(gain / Math.sqrt(width)));
    const product = this.m.node('MatMul', [x, weight], dims, gain * gain * x.power);
    if (!bias) return product;
    return this.cells(
      'Add',
      product,
      this.m.parameter(`${name}.bias`, [outputs], (r) => r.spread(0.05)),
    );
  }

  /** Rows of a table at the token numbers [batch, tokens]. */
  embedding(ids: Edge, table: string, width: number): Edge {
    return this.m.node('Gather', [table, ids], [...ids.dims, width], 1, { axis: 0 });
  }

  mean(x: Edge): Edge {
    return this.m.node('ReduceMean', [x], [...x.dims.slice(0, -1), 1], x.power, { axes: [-1], keepdims: 1 });
  }

  scale(x: Edge, name: string): Edge {
    const width = x.dims[x.dims.length - 1];
    return this.cells(
      'Mul',
      x,
      this.m.parameter(`${name}.weight`, [width], (r) => r.between(0.8, 1.2)),
    );
  }

  layerNorm(x: Edge, name: string): Edge {
    const centred = this.cells('Sub', x, this.mean(x));
    const variance = this.mean(this.cells('Pow', centred, this.number(2)));
    const deviation = this.cells('Sqrt', this.cells('Add', variance, this.number(1e-5)));
    const y = this.scale(this.cells('Div', centred, deviation), name);
    const width = x.dims[x.dims.length - 1];
    return this.cells(
      'Add',
      y,
      this.m.parameter(`${name}.bias`, [width], (r) => r.spread(0.1)),
    );
  }

  /** x / √(mean x² + 1e-6)·weight (Zhang, Sennrich 2019). */
  rmsNorm(x: Edge, name: string): Edge {
    const square = this.mean(this.cells('Pow', x, this.number(2)));
    const inverse = this.cells('Reciprocal', this.cells('Sqrt', this.cells('Add', square, this.number(1e-6))));
    return this.scale(this.cells('Mul', x, inverse), name);
  }

  /** [batch, tokens, width] as [batch, heads, tokens, depth]. */
  heads(x: Edge, count: number): Edge {
    const [batch, tokens, width] = x.dims;
    return this.transpose(this.reshape(x, [batch, tokens, count, width / count]), [0, 2, 1, 3]);
  }

  /** softmax(q·kᵀ / √depth, masked)·v, the heads joined again. */
  attention(q: Edge, k: Edge, v: Edge, mask: (scores: Edge) => Edge): Edge {
    const [batch, heads, tokens, depth] = q.dims;
    const dims = [batch, heads, tokens, k.dims[2]];
    const product = this.m.node('MatMul', [q, this.transpose(k, [0, 1, 3, 2])], dims, 1);
    const weights = this.m.node('Softmax', [mask(this.cells('Div', product, this.number(Math.sqrt(depth))))], dims, 1, {
      axis: -1,
    });
    const mixed = this.m.node('MatMul', [weights, v], q.dims, v.power);
    return this.reshape(this.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, heads * depth]);
  }

  /** Scores of later tokens lowered; `before` tokens stand before the first query. */
  causal(scores: Edge, before: number): Edge {
    const [queries, keys] = scores.dims.slice(-2);
    const bias = range(queries * keys).map((i) => (i % keys > Math.floor(i / keys) + before ? MASKED : 0));
    return this.cells('Add', scores, this.m.constant('causal_mask', [1, 1, queries, keys], bias));
  }
}

function tokenNumbers(index: number, count: number, vocabulary: number): number[] {
  const random = new Random(2000 + index);
  return range(count).map(() => Math.floor(random.unit() * vocabulary));
}

function numbers(index: number, dims: readonly number[]): Tensor {
  const random = new Random(3000 + index);
  return {
    dtype: 'float32',
    dims,
    data: Float64Array.from({ length: size(dims) }, () => Math.fround(random.spread(1))),
  };
}

/** GPT-2's form (Radford et al. 2019): learned positions, LN before each part, GELU by its tanh form, a tied head. */
export function gpt2Tiny(tokens = 8): LanguageModel {
  const [vocabulary, width, heads, layers] = [48, 32, 4, 2];
  const m = new ModelBuilder('gpt2-tiny', 11);
  const w = new Writer(m);
  const ids = m.input('input_ids', [1, tokens], 1, 'int64');
  const table = m.parameter('tokens.weight', [vocabulary, width], (r) => r.spread(1));
  const positions = m.parameter('positions.weight', [1, tokens, width], (r) => r.spread(0.2));
  let x = w.cells('Add', w.embedding(ids, table, width), positions);
  for (const k of range(layers)) {
    const a = w.layerNorm(x, `block${k}.norm1`);
    const part = (name: string) => w.heads(w.linear(a, width, `block${k}.${name}`), heads);
    const mixed = w.attention(part('query'), part('key'), part('value'), (s) => w.causal(s, 0));
    x = w.cells('Add', x, w.linear(mixed, width, `block${k}.output`, 0.5));
    const h = w.linear(w.layerNorm(x, `block${k}.norm2`), 4 * width, `block${k}.expand`);
    // 0.5·h·(1 + tanh(√(2/π)·(h + 0.044715·h³)))
    const cube = w.cells('Mul', w.cells('Pow', h, w.number(3)), w.number(0.044715));
    const inner = w.cells('Mul', w.cells('Add', h, cube), w.number(Math.sqrt(2 / Math.PI)));
    const gate = w.cells('Add', w.cells('Tanh', inner), w.number(1));
    const gelu = w.cells('Mul', w.cells('Mul', h, w.number(0.5)), gate);
    x = w.cells('Add', x, w.linear(gelu, width, `block${k}.reduce`, 0.5));
  }
  const head = m.node('Transpose', [table], [width, vocabulary], 1, { perm: [1, 0] });
  const logits = m.node('MatMul', [w.layerNorm(x, 'norm'), head], [1, tokens, vocabulary], 1);
  return {
    name: 'gpt2-tiny',
    about: `two GPT-2 blocks of width ${width} on ${tokens} token numbers, with a tied head`,
    bytes: m.finish(m.named('logits', logits)),
    input: (index) => new Map([['input_ids', wholes([1, tokens], tokenNumbers(index, tokens, vocabulary))]]),
  };
}

/**
 * Llama's form (Touvron et al. 2023): RMSNorm, rotary positions, SwiGLU, several heads of queries for each head of keys,
 * a tied head. Keys and values of `past` tokens are inputs, those of all tokens outputs.
 */
export function llamaTiny(tokens = 4, past = 3): LanguageModel {
  const [vocabulary, width, heads, groups, layers] = [48, 32, 4, 2, 2];
  const depth = width / heads;
  const all = past + tokens;
  const m = new ModelBuilder('llama-tiny', 12);
  const w = new Writer(m);
  const ids = m.input('input_ids', [1, tokens], 1, 'int64');
  const table = m.parameter('tokens.weight', [vocabulary, width], (r) => r.spread(1));
  const cache = { dims: [1, groups, past, depth], power: 1 };
  const angles = range(tokens * depth).map((i) => {
    const k = (i % depth) % (depth / 2);
    return (past + Math.floor(i / depth)) / 10_000 ** ((2 * k) / depth);
  });
  m.constant('cos', [1, 1, tokens, depth], angles.map(Math.cos));
  m.constant('sin', [1, 1, tokens, depth], angles.map(Math.sin));
  /** x·cos + (-second half, first half)·sin (Su et al. 2021). */
  const rotate = (x: Edge): Edge => {
    const half = [...x.dims.slice(0, 3), depth / 2];
    const cut = (from: number, to: number): Edge => {
      for (const at of [from, to, 3]) m.constant(`at_${at}`, [1], [at], 'int64');
      return m.node('Slice', [x, `at_${from}`, `at_${to}`, 'at_3'], half, x.power);
    };
    const turned = m.node('Concat', [w.cells('Neg', cut(depth / 2, depth)), cut(0, depth / 2)], x.dims, x.power, {
      axis: 3,
    });
    return w.cells('Add', w.cells('Mul', x, 'cos'), w.cells('Mul', turned, 'sin'));
  };
  /** Every head of keys for the heads of queries that share it. */
  const repeat = (x: Edge): Edge => {
    const dims = [1, groups, heads / groups, x.dims[2], depth];
    m.constant('repeated', [5], dims, 'int64');
    const apart = w.reshape(x, [1, groups, 1, x.dims[2], depth]);
    return w.reshape(m.node('Expand', [apart, 'repeated'], dims, x.power), [1, heads, x.dims[2], depth]);
  };
  let x = w.embedding(ids, table, width);
  const outputs: Edge[] = [];
  for (const k of range(layers)) {
    const a = w.rmsNorm(x, `block${k}.norm1`);
    const query = rotate(w.heads(w.linear(a, width, `block${k}.query`, 1, false), heads));
    const join = (kind: 'key' | 'value'): Edge => {
      const before = m.input(`past.${k}.${kind}`, cache.dims, cache.power);
      const own = w.heads(w.linear(a, groups * depth, `block${k}.${kind}`, 1, false), groups);
      const fresh = kind === 'key' ? rotate(own) : own;
      const joined = m.node('Concat', [before, fresh], [1, groups, all, depth], 1, { axis: 2 });
      const output = m.named(`present.${k}.${kind}`, joined);
      outputs.push(output);
      return output;
    };
    const [key, value] = [join('key'), join('value')];
    const mixed = w.attention(query, repeat(key), repeat(value), (s) => w.causal(s, past));
    x = w.cells('Add', x, w.linear(mixed, width, `block${k}.output`, 0.5, false));
    const b = w.rmsNorm(x, `block${k}.norm2`);
    const gate = w.linear(b, 2 * width, `block${k}.gate`, 1, false);
    const silu = w.cells('Mul', gate, w.cells('Sigmoid', gate));
    const gated = w.cells('Mul', silu, w.linear(b, 2 * width, `block${k}.up`, 1, false));
    x = w.cells('Add', x, w.linear(gated, width, `block${k}.down`, 0.5, false));
  }
  const head = m.node('Transpose', [table], [width, vocabulary], 1, { perm: [1, 0] });
  const logits = m.node('MatMul', [w.rmsNorm(x, 'norm'), head], [1, tokens, vocabulary], 1);
  return {
    name: 'llama-tiny',
    about: `two Llama blocks of width ${width} on ${tokens} tokens after ${past}, with keys and values in and out`,
    bytes: m.finish(m.named('logits', logits), ...outputs),
    input: (index) =>
      new Map([
        ['input_ids', wholes([1, tokens], tokenNumbers(index, tokens, vocabulary))],
        ...range(layers).flatMap((k) =>
          ['key', 'value'].map((kind, i): [string, Tensor] => [
            `past.${k}.${kind}`,
            numbers(100 * index + 2 * k + i, cache.dims),
          ]),
        ),
      ]),
  };
}

/**
 * BERT's form (Devlin et al. 2019): tokens, positions and segments are added, LN follows each part, GELU is exact, padding
 * is masked by an input, and the first token is classified.
 */
export function bertTiny(tokens = 8): LanguageModel {
  const [vocabulary, width, heads, layers, classes] = [48, 32, 4, 2, 3];
  const m = new ModelBuilder('bert-tiny', 13);
  const w = new Writer(m);
  const ids = m.input('input_ids', [1, tokens], 1, 'int64');
  const kept = m.input('attention_mask', [1, tokens], 1, 'int64');
  const segments = m.input('token_type_ids', [1, tokens], 1, 'int64');
  const table = m.parameter('tokens.weight', [vocabulary, width], (r) => r.spread(1));
  const kinds = m.parameter('segments.weight', [2, width], (r) => r.spread(0.5));
  const positions = m.parameter('positions.weight', [1, tokens, width], (r) => r.spread(0.3));
  const sum = w.cells('Add', w.embedding(ids, table, width), w.embedding(segments, kinds, width));
  let x = w.layerNorm(w.cells('Add', sum, positions), 'norm0');
  // (1 - mask)·lowest, added to the scores.
  const mask = m.node('Cast', [w.reshape(kept, [1, 1, 1, tokens])], [1, 1, 1, tokens], 1, { to: 1 });
  const off = m.node('Sub', [w.number(1), mask], mask.dims, 1);
  const bias = w.cells('Mul', off, w.number(MASKED));
  for (const k of range(layers)) {
    const part = (name: string) => w.heads(w.linear(x, width, `block${k}.${name}`), heads);
    const mixed = w.attention(part('query'), part('key'), part('value'), (s) => w.cells('Add', s, bias));
    const a = w.layerNorm(w.cells('Add', w.linear(mixed, width, `block${k}.output`), x), `block${k}.norm1`);
    const h = w.linear(a, 4 * width, `block${k}.expand`);
    const erf = w.cells('Erf', w.cells('Div', h, w.number(Math.SQRT2)));
    const gelu = w.cells('Mul', w.cells('Mul', h, w.cells('Add', erf, w.number(1))), w.number(0.5));
    x = w.layerNorm(w.cells('Add', w.linear(gelu, width, `block${k}.reduce`), a), `block${k}.norm2`);
  }
  m.constant('first', [], [0], 'int64');
  const first = m.node('Gather', [x, 'first'], [1, width], 1, { axis: 1 });
  const pooled = w.cells('Tanh', w.linear(first, width, 'pooler'));
  return {
    name: 'bert-tiny',
    about: `two BERT blocks of width ${width} on ${tokens} tokens of two segments, padding masked`,
    bytes: m.finish(m.named('logits', w.linear(pooled, classes, 'classifier'))),
    input: (index) => {
      const padded = index % 3;
      return new Map([
        ['input_ids', wholes([1, tokens], tokenNumbers(index, tokens, vocabulary))],
        [
          'attention_mask',
          wholes(
            [1, tokens],
            range(tokens).map((i) => Number(i < tokens - padded)),
          ),
        ],
        [
          'token_type_ids',
          wholes(
            [1, tokens],
            range(tokens).map((i) => Number(i > tokens / 2)),
          ),
        ],
      ]);
    },
  };
}
