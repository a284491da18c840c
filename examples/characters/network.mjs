/**
 * A character-level transformer and its training, written plainly: decoder blocks as in GPT-2 (Radford et al. 2019, §2.3;
 * layer normalisation before causal attention and before the dense layers), gradients by back-propagation, AdamW
 * (Kingma, Ba 2015; Loshchilov, Hutter 2019). Lines of different lengths follow one another in one matrix of a row per
 * character; only attention knows where a line starts. Everything is a flat Float64Array, row by row.
 *
 *   characters → token + position embedding → blocks × (x + attention(norm(x)), x + dense(relu(dense(norm(x))))) → norm
 *   → logits of the next character
 */

const EPSILON = 1e-5;

/** @param shape { vocabulary, window, width, heads, blocks, hidden } */
export function initialise(random, shape) {
  const { vocabulary, window, width, blocks, hidden } = shape;
  const normal = (size, deviation) => Float64Array.from({ length: size }, () => deviation * random.normal());
  const ones = (size) => new Float64Array(size).fill(1);
  const zeros = (size) => new Float64Array(size);
  const net = {
    tokens: normal(vocabulary * width, 1 / Math.sqrt(width)),
    positions: normal(window * width, 1 / Math.sqrt(width)),
  };
  // What is added to the residual stream is smaller the more of it there is.
  const share = 1 / Math.sqrt(2 * blocks);
  for (let k = 0; k < blocks; k++) {
    const at = `block${k}`;
    net[`${at}.norm1.gain`] = ones(width);
    net[`${at}.norm1.bias`] = zeros(width);
    for (const part of ['query', 'key', 'value']) {
      net[`${at}.${part}.weight`] = normal(width * width, 1 / Math.sqrt(width));
      net[`${at}.${part}.bias`] = zeros(width);
    }
    net[`${at}.output.weight`] = normal(width * width, share / Math.sqrt(width));
    net[`${at}.output.bias`] = zeros(width);
    net[`${at}.norm2.gain`] = ones(width);
    net[`${at}.norm2.bias`] = zeros(width);
    net[`${at}.expand.weight`] = normal(width * hidden, Math.sqrt(2 / width));
    net[`${at}.expand.bias`] = zeros(hidden);
    net[`${at}.reduce.weight`] = normal(hidden * width, share / Math.sqrt(hidden));
    net[`${at}.reduce.bias`] = zeros(width);
  }
  net['norm.gain'] = ones(width);
  net['norm.bias'] = zeros(width);
  net['head.weight'] = normal(width * vocabulary, 1 / Math.sqrt(width));
  net['head.bias'] = zeros(vocabulary);
  return net;
}

/**
 * c[i, j] += Σ_l a[i, l]·b[l, j] for i < m, l < k, j < n, where a and b are read with the given distances between rows and
 * columns (so transposed too) and c has n columns. Blocks of 2×4 are summed in registers.
 */
function addProduct(c, a, aRow, aColumn, b, bRow, bColumn, m, k, n) {
  const [twice, thrice] = [2 * bColumn, 3 * bColumn];
  for (let i = 0; i + 2 <= m; i += 2) {
    for (let j = 0; j + 4 <= n; j += 4) {
      let [p, q] = [i * aRow, j * bColumn];
      let [c00, c01, c02, c03] = [0, 0, 0, 0];
      let [c10, c11, c12, c13] = [0, 0, 0, 0];
      for (let l = 0; l < k; l++) {
        const a0 = a[p];
        const a1 = a[p + aRow];
        let x = b[q];
        c00 += a0 * x;
        c10 += a1 * x;
        x = b[q + bColumn];
        c01 += a0 * x;
        c11 += a1 * x;
        x = b[q + twice];
        c02 += a0 * x;
        c12 += a1 * x;
        x = b[q + thrice];
        c03 += a0 * x;
        c13 += a1 * x;
        p += aColumn;
        q += bRow;
      }
      const y = i * n + j;
      c[y] += c00;
      c[y + 1] += c01;
      c[y + 2] += c02;
      c[y + 3] += c03;
      c[y + n] += c10;
      c[y + n + 1] += c11;
      c[y + n + 2] += c12;
      c[y + n + 3] += c13;
    }
  }
  // The last row of an odd number, and the last columns of the others.
  for (let i = 0; i < m; i++) {
    for (let j = i === m - 1 && m % 2 === 1 ? 0 : n - (n % 4); j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[i * aRow + l * aColumn] * b[l * bRow + j * bColumn];
      c[i * n + j] += sum;
    }
  }
}

/** y = x·W + b for `rows` rows of x. */
function linear(net, name, x, rows, inputs, outputs, y) {
  const bias = net[`${name}.bias`];
  for (let i = 0; i < rows; i++) y.set(bias, i * outputs);
  addProduct(y, x, inputs, 1, net[`${name}.weight`], outputs, 1, rows, inputs, outputs);
}

/** From dy: adds to the gradients of weight and bias, and to dx. */
function linearBack(net, grad, name, x, rows, inputs, outputs, dy, dx) {
  const bias = grad[`${name}.bias`];
  for (let i = 0; i < rows; i++) for (let j = 0; j < outputs; j++) bias[j] += dy[i * outputs + j];
  addProduct(grad[`${name}.weight`], x, 1, inputs, dy, outputs, 1, inputs, rows, outputs);
  addProduct(dx, dy, outputs, 1, net[`${name}.weight`], 1, outputs, rows, outputs, inputs);
}

/** y = (x - mean) / √(variance + ε) · gain + bias for each row; `normal` and `deviation` are kept for the gradient. */
function normalise(net, name, x, rows, width, y, kept) {
  const [gain, bias] = [net[`${name}.gain`], net[`${name}.bias`]];
  for (let i = 0; i < rows; i++) {
    const at = i * width;
    let mean = 0;
    for (let j = 0; j < width; j++) mean += x[at + j];
    mean /= width;
    let variance = 0;
    for (let j = 0; j < width; j++) variance += (x[at + j] - mean) ** 2;
    const inverse = 1 / Math.sqrt(variance / width + EPSILON);
    kept.inverse[i] = inverse;
    for (let j = 0; j < width; j++) {
      const normal = (x[at + j] - mean) * inverse;
      kept.normal[at + j] = normal;
      y[at + j] = normal * gain[j] + bias[j];
    }
  }
}

function normaliseBack(net, grad, name, rows, width, dy, kept, dx) {
  const gain = net[`${name}.gain`];
  const [dGain, dBias] = [grad[`${name}.gain`], grad[`${name}.bias`]];
  for (let i = 0; i < rows; i++) {
    const at = i * width;
    let sum = 0;
    let along = 0;
    for (let j = 0; j < width; j++) {
      const normal = kept.normal[at + j];
      const d = dy[at + j];
      dGain[j] += d * normal;
      dBias[j] += d;
      sum += d * gain[j];
      along += d * gain[j] * normal;
    }
    sum /= width;
    along /= width;
    const inverse = kept.inverse[i];
    for (let j = 0; j < width; j++) dx[at + j] += inverse * (dy[at + j] * gain[j] - sum - kept.normal[at + j] * along);
  }
}

/** y = softmax(q·kᵀ / √depth)·v, head by head, each character looking at its line up to itself. */
function attend(shape, starts, q, k, v, weights, y) {
  const { width, heads } = shape;
  const depth = width / heads;
  const scale = 1 / Math.sqrt(depth);
  y.fill(0, 0, starts[starts.length - 1] * width);
  let w = 0;
  for (let line = 0; line + 1 < starts.length; line++) {
    const [from, to] = [starts[line], starts[line + 1]];
    for (let h = 0; h < width; h += depth) {
      for (let i = from; i < to; i++) {
        const own = i * width + h;
        let top = Number.NEGATIVE_INFINITY;
        for (let j = from; j <= i; j++) {
          const other = j * width + h;
          let score = 0;
          for (let d = 0; d < depth; d++) score += q[own + d] * k[other + d];
          score *= scale;
          weights[w + j - from] = score;
          if (score > top) top = score;
        }
        let total = 0;
        for (let j = 0; j <= i - from; j++) {
          const e = Math.exp(weights[w + j] - top);
          weights[w + j] = e;
          total += e;
        }
        for (let j = from; j <= i; j++) {
          const share = weights[w + j - from] / total;
          weights[w + j - from] = share;
          const other = j * width + h;
          for (let d = 0; d < depth; d++) y[own + d] += share * v[other + d];
        }
        w += i - from + 1;
      }
    }
  }
}

function attendBack(shape, starts, q, k, v, weights, dy, dq, dk, dv) {
  const { width, heads, window } = shape;
  const depth = width / heads;
  const scale = 1 / Math.sqrt(depth);
  const dWeights = new Float64Array(window);
  let w = 0;
  for (let line = 0; line + 1 < starts.length; line++) {
    const [from, to] = [starts[line], starts[line + 1]];
    for (let h = 0; h < width; h += depth) {
      for (let i = from; i < to; i++) {
        const own = i * width + h;
        let mean = 0;
        for (let j = from; j <= i; j++) {
          const other = j * width + h;
          const share = weights[w + j - from];
          let d = 0;
          for (let e = 0; e < depth; e++) {
            d += dy[own + e] * v[other + e];
            dv[other + e] += share * dy[own + e];
          }
          dWeights[j - from] = d;
          mean += share * d;
        }
        for (let j = from; j <= i; j++) {
          const other = j * width + h;
          const d = scale * weights[w + j - from] * (dWeights[j - from] - mean);
          for (let e = 0; e < depth; e++) {
            dq[own + e] += d * k[other + e];
            dk[other + e] += d * q[own + e];
          }
        }
        w += i - from + 1;
      }
    }
  }
}

/** Room for the tensors of a batch of at most `rows` characters, and for their gradients. */
export function workspace(shape, rows) {
  const { width, hidden, vocabulary, blocks, heads, window } = shape;
  const wide = () => new Float64Array(rows * width);
  const norm = () => ({ inverse: new Float64Array(rows), normal: wide() });
  const names = ['x', 'n', 'query', 'key', 'value', 'mixed', 'middle', 'm'];
  const block = () => ({
    ...Object.fromEntries(names.map((name) => [name, wide()])),
    h: new Float64Array(rows * hidden),
    weights: new Float64Array(rows * heads * window),
    norm1: norm(),
    norm2: norm(),
  });
  return {
    blocks: Array.from({ length: blocks }, block),
    x: wide(),
    n: wide(),
    norm: norm(),
    logits: new Float64Array(rows * vocabulary),
    dLogits: new Float64Array(rows * vocabulary),
    dx: wide(),
    d1: wide(),
    d2: wide(),
    dq: wide(),
    dk: wide(),
    dv: wide(),
    dh: new Float64Array(rows * hidden),
  };
}

/**
 * Logits of the character after each one: [characters, vocabulary], valid until the next call with this workspace.
 * @param batch ids of all characters, and `starts`: where each line starts, then their number
 */
export function forward(net, shape, { ids, starts }, room) {
  const { width, hidden, vocabulary } = shape;
  const rows = ids.length;
  const first = room.blocks[0].x;
  for (let line = 0; line + 1 < starts.length; line++) {
    for (let i = starts[line]; i < starts[line + 1]; i++) {
      const [token, position] = [ids[i] * width, (i - starts[line]) * width];
      for (let j = 0; j < width; j++) first[i * width + j] = net.tokens[token + j] + net.positions[position + j];
    }
  }
  room.blocks.forEach((b, k) => {
    const at = `block${k}`;
    normalise(net, `${at}.norm1`, b.x, rows, width, b.n, b.norm1);
    for (const part of ['query', 'key', 'value']) linear(net, `${at}.${part}`, b.n, rows, width, width, b[part]);
    attend(shape, starts, b.query, b.key, b.value, b.weights, b.mixed);
    linear(net, `${at}.output`, b.mixed, rows, width, width, b.middle);
    for (let i = 0; i < rows * width; i++) b.middle[i] += b.x[i];
    normalise(net, `${at}.norm2`, b.middle, rows, width, b.m, b.norm2);
    linear(net, `${at}.expand`, b.m, rows, width, hidden, b.h);
    for (let i = 0; i < rows * hidden; i++) if (b.h[i] < 0) b.h[i] = 0;
    const y = room.blocks[k + 1]?.x ?? room.x;
    linear(net, `${at}.reduce`, b.h, rows, hidden, width, y);
    for (let i = 0; i < rows * width; i++) y[i] += b.middle[i];
  });
  normalise(net, 'norm', room.x, rows, width, room.n, room.norm);
  linear(net, 'head', room.n, rows, width, vocabulary, room.logits);
  return room.logits.subarray(0, rows * vocabulary);
}

/**
 * Adds the gradient of the cross entropies of softmax(logits) at `targets`, summed over the batch, to `grad`.
 * @returns that sum, in nats
 */
export function backward(net, shape, batch, grad, room) {
  const { width, hidden, vocabulary } = shape;
  const { ids, targets, starts } = batch;
  const rows = ids.length;
  const cells = rows * width;
  const loss = crossEntropy(forward(net, shape, batch, room), targets, vocabulary, room.dLogits);
  const { dx, d1, d2, dq, dk, dv, dh } = room;
  d1.fill(0, 0, cells);
  linearBack(net, grad, 'head', room.n, rows, width, vocabulary, room.dLogits, d1);
  dx.fill(0, 0, cells);
  normaliseBack(net, grad, 'norm', rows, width, d1, room.norm, dx);
  for (let k = room.blocks.length - 1; k >= 0; k--) {
    const b = room.blocks[k];
    const at = `block${k}`;
    dh.fill(0, 0, rows * hidden);
    linearBack(net, grad, `${at}.reduce`, b.h, rows, hidden, width, dx, dh);
    for (let i = 0; i < rows * hidden; i++) if (b.h[i] === 0) dh[i] = 0;
    d1.fill(0, 0, cells);
    linearBack(net, grad, `${at}.expand`, b.m, rows, width, hidden, dh, d1);
    normaliseBack(net, grad, `${at}.norm2`, rows, width, d1, b.norm2, dx);
    d1.fill(0, 0, cells);
    linearBack(net, grad, `${at}.output`, b.mixed, rows, width, width, dx, d1);
    for (const d of [d2, dq, dk, dv]) d.fill(0, 0, cells);
    attendBack(shape, starts, b.query, b.key, b.value, b.weights, d1, dq, dk, dv);
    linearBack(net, grad, `${at}.query`, b.n, rows, width, width, dq, d2);
    linearBack(net, grad, `${at}.key`, b.n, rows, width, width, dk, d2);
    linearBack(net, grad, `${at}.value`, b.n, rows, width, width, dv, d2);
    normaliseBack(net, grad, `${at}.norm1`, rows, width, d2, b.norm1, dx);
  }
  for (let line = 0; line + 1 < starts.length; line++) {
    for (let i = starts[line]; i < starts[line + 1]; i++) {
      const [token, position] = [ids[i] * width, (i - starts[line]) * width];
      for (let j = 0; j < width; j++) {
        grad.tokens[token + j] += dx[i * width + j];
        grad.positions[position + j] += dx[i * width + j];
      }
    }
  }
  return loss;
}

/** The sum of -log softmax(logits)[target] over rows; dLogits, where given, receives its gradient. */
export function crossEntropy(logits, targets, vocabulary, dLogits) {
  let loss = 0;
  for (let i = 0; i < targets.length; i++) {
    const at = i * vocabulary;
    let top = logits[at];
    for (let j = 1; j < vocabulary; j++) if (logits[at + j] > top) top = logits[at + j];
    let total = 0;
    for (let j = 0; j < vocabulary; j++) total += Math.exp(logits[at + j] - top);
    loss += Math.log(total) - (logits[at + targets[i]] - top);
    if (!dLogits) continue;
    for (let j = 0; j < vocabulary; j++) dLogits[at + j] = Math.exp(logits[at + j] - top) / total;
    dLogits[at + targets[i]] -= 1;
  }
  return loss;
}

/** Where the greatest of `count` numbers from `at` on stands, counted from `at`. */
export function argmax(z, at = 0, count = z.length) {
  let best = 0;
  for (let i = 1; i < count; i++) if (z[at + i] > z[at + best]) best = i;
  return best;
}

/** Adam with β₁ = 0.9, β₂ = 0.99; `decay` shrinks matrices, apart from the gradient. */
export class Adam {
  constructor(net, decay) {
    this.decay = decay;
    this.steps = 0;
    this.mean = mapTensors(net, (t) => new Float64Array(t.length));
    this.square = mapTensors(net, (t) => new Float64Array(t.length));
  }

  /** One step against grad / count, no longer than `longest`; the gradient is cleared. */
  step(net, grad, count, rate, longest = 1) {
    this.steps++;
    const c1 = 1 - 0.9 ** this.steps;
    const c2 = 1 - 0.99 ** this.steps;
    let norm = 0;
    for (const g of Object.values(grad)) for (let i = 0; i < g.length; i++) norm += g[i] * g[i];
    const share = Math.min(1, longest / (Math.sqrt(norm) / count)) / count;
    for (const [name, w] of Object.entries(net)) {
      const [g, m, v] = [grad[name], this.mean[name], this.square[name]];
      const decay = name.endsWith('.weight') ? this.decay : 0;
      for (let i = 0; i < w.length; i++) {
        const d = g[i] * share;
        m[i] = 0.9 * m[i] + 0.1 * d;
        v[i] = 0.99 * v[i] + 0.01 * d * d;
        w[i] -= rate * (m[i] / c1 / (Math.sqrt(v[i] / c2) + 1e-8) + decay * w[i]);
      }
      g.fill(0);
    }
  }
}

export function mapTensors(net, make) {
  return Object.fromEntries(Object.entries(net).map(([name, t]) => [name, make(t)]));
}
