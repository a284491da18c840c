/**
 * A convolutional network and its training, written plainly: forward pass, gradients by back-propagation (Rumelhart,
 * Hinton, Williams 1986), Adam (Kingma, Ba 2015, algorithm 1). Tensors are flat Float64Arrays, channel by channel.
 *
 *   1×28×28 → Conv 8@5×5 → Relu → MaxPool 2 → Conv 16@3×3 → Relu → MaxPool 2 → Gemm 400→48 → Relu → Gemm 48→10
 */
export const SHAPE = {
  side: 28,
  first: { inputs: 1, outputs: 8, kernel: 5, side: 24 },
  second: { inputs: 8, outputs: 16, kernel: 3, side: 10 },
  flat: 400,
  hidden: 48,
  classes: 10,
};

const { first, second } = SHAPE;

/** Weights by name, He-initialised (He et al. 2015, §2.2): normal with variance 2 / fan-in. Biases are zero. */
export function initialise(random) {
  const normal = (size, fanIn) => Float64Array.from({ length: size }, () => Math.sqrt(2 / fanIn) * random.normal());
  return {
    conv1: normal(8 * 25, 25),
    bias1: new Float64Array(8),
    conv2: normal(16 * 72, 72),
    bias2: new Float64Array(16),
    dense1: normal(SHAPE.hidden * SHAPE.flat, SHAPE.flat),
    bias3: new Float64Array(SHAPE.hidden),
    dense2: normal(SHAPE.classes * SHAPE.hidden, SHAPE.hidden),
    bias4: new Float64Array(SHAPE.classes),
  };
}

/** y[o, p] = b[o] + Σ_{c,k} w[o, c, k]·x[c, p + k], no padding. */
function convolve(s, x, w, b, y) {
  const from = s.side + s.kernel - 1;
  for (let o = 0; o < s.outputs; o++) {
    y.fill(b[o], o * s.side * s.side, (o + 1) * s.side * s.side);
    for (let c = 0; c < s.inputs; c++) {
      for (let k = 0; k < s.kernel * s.kernel; k++) {
        const weight = w[(o * s.inputs + c) * s.kernel * s.kernel + k];
        const shift = c * from * from + Math.floor(k / s.kernel) * from + (k % s.kernel);
        for (let r = 0; r < s.side; r++) {
          const to = (o * s.side + r) * s.side;
          const at = shift + r * from;
          for (let q = 0; q < s.side; q++) y[to + q] += weight * x[at + q];
        }
      }
    }
  }
}

/** From dy: adds to the gradients of weights and biases and, unless dx is undefined, to that of the input. */
function convolveBack(s, x, w, dy, dw, db, dx) {
  const from = s.side + s.kernel - 1;
  dx?.fill(0);
  for (let o = 0; o < s.outputs; o++) {
    for (let p = o * s.side * s.side; p < (o + 1) * s.side * s.side; p++) db[o] += dy[p];
    for (let c = 0; c < s.inputs; c++) {
      for (let k = 0; k < s.kernel * s.kernel; k++) {
        const at = (o * s.inputs + c) * s.kernel * s.kernel + k;
        const shift = c * from * from + Math.floor(k / s.kernel) * from + (k % s.kernel);
        let sum = 0;
        for (let r = 0; r < s.side; r++) {
          const to = (o * s.side + r) * s.side;
          const row = shift + r * from;
          for (let q = 0; q < s.side; q++) sum += dy[to + q] * x[row + q];
          if (dx) for (let q = 0; q < s.side; q++) dx[row + q] += w[at] * dy[to + q];
        }
        dw[at] += sum;
      }
    }
  }
}

/** Relu, then the maximum of each 2×2 window; `from` receives where each maximum was, or -1 where it was not positive. */
function poolRelu(s, x, y, from) {
  const half = s.side / 2;
  for (let c = 0; c < s.outputs; c++) {
    for (let r = 0; r < half; r++) {
      for (let q = 0; q < half; q++) {
        const corner = (c * s.side + 2 * r) * s.side + 2 * q;
        let best = 0;
        let where = -1;
        for (const at of [corner, corner + 1, corner + s.side, corner + s.side + 1]) {
          if (x[at] > best) {
            best = x[at];
            where = at;
          }
        }
        y[(c * half + r) * half + q] = best;
        from[(c * half + r) * half + q] = where;
      }
    }
  }
}

function poolReluBack(dy, from, dx) {
  dx.fill(0);
  for (let i = 0; i < dy.length; i++) if (from[i] >= 0) dx[from[i]] += dy[i];
}

/** y = W·x + b. */
function multiply(x, w, b, y) {
  for (let o = 0; o < y.length; o++) {
    let sum = b[o];
    for (let i = 0; i < x.length; i++) sum += w[o * x.length + i] * x[i];
    y[o] = sum;
  }
}

function multiplyBack(x, w, dy, dw, db, dx) {
  dx.fill(0);
  for (let o = 0; o < dy.length; o++) {
    const d = dy[o];
    if (d === 0) continue;
    db[o] += d;
    for (let i = 0; i < x.length; i++) {
      dw[o * x.length + i] += d * x[i];
      dx[i] += d * w[o * x.length + i];
    }
  }
}

/** Room for the tensors of one sample, and their gradients. */
export function workspace() {
  const sizes = { y1: 8 * 576, p1: 8 * 144, y2: 16 * 100, p2: SHAPE.flat, h: SHAPE.hidden, z: SHAPE.classes };
  const room = { from1: new Int32Array(sizes.p1), from2: new Int32Array(sizes.p2) };
  for (const [name, size] of Object.entries(sizes)) {
    room[name] = new Float64Array(size);
    room[`d${name}`] = new Float64Array(size);
  }
  return room;
}

/** The ten logits of 784 numbers in 0 … 1; valid until the next call with this workspace. */
export function forward(net, x, room) {
  convolve(first, x, net.conv1, net.bias1, room.y1);
  poolRelu(first, room.y1, room.p1, room.from1);
  convolve(second, room.p1, net.conv2, net.bias2, room.y2);
  poolRelu(second, room.y2, room.p2, room.from2);
  multiply(room.p2, net.dense1, net.bias3, room.h);
  for (let i = 0; i < room.h.length; i++) room.h[i] = Math.max(0, room.h[i]);
  multiply(room.h, net.dense2, net.bias4, room.z);
  return room.z;
}

/** Adds the gradient of the cross entropy of softmax(logits) at `label` to `grad`. @returns the cross entropy, in nats */
export function backward(net, x, label, grad, room) {
  const z = forward(net, x, room);
  const top = Math.max(...z);
  const e = z.map((v) => Math.exp(v - top));
  const total = e.reduce((a, b) => a + b, 0);
  for (let i = 0; i < z.length; i++) room.dz[i] = e[i] / total - (i === label ? 1 : 0);
  multiplyBack(room.h, net.dense2, room.dz, grad.dense2, grad.bias4, room.dh);
  for (let i = 0; i < room.h.length; i++) if (room.h[i] === 0) room.dh[i] = 0;
  multiplyBack(room.p2, net.dense1, room.dh, grad.dense1, grad.bias3, room.dp2);
  poolReluBack(room.dp2, room.from2, room.dy2);
  convolveBack(second, room.p1, net.conv2, room.dy2, grad.conv2, grad.bias2, room.dp1);
  poolReluBack(room.dp1, room.from1, room.dy1);
  convolveBack(first, x, net.conv1, room.dy1, grad.conv1, grad.bias1, undefined);
  return Math.log(total) - (z[label] - top);
}

export function argmax(z) {
  let best = 0;
  for (let i = 1; i < z.length; i++) if (z[i] > z[best]) best = i;
  return best;
}

/** Adam with the usual β₁ = 0.9, β₂ = 0.999; `decay` shrinks the weights apart from the gradient (AdamW). */
export class Adam {
  constructor(net, decay) {
    this.decay = decay;
    this.steps = 0;
    this.mean = mapTensors(net, (t) => new Float64Array(t.length));
    this.square = mapTensors(net, (t) => new Float64Array(t.length));
  }

  /** One step against grad / count; the gradient is cleared. */
  step(net, grad, count, rate) {
    this.steps++;
    const c1 = 1 - 0.9 ** this.steps;
    const c2 = 1 - 0.999 ** this.steps;
    for (const [name, w] of Object.entries(net)) {
      const [g, m, v] = [grad[name], this.mean[name], this.square[name]];
      for (let i = 0; i < w.length; i++) {
        const d = g[i] / count;
        m[i] = 0.9 * m[i] + 0.1 * d;
        v[i] = 0.999 * v[i] + 0.001 * d * d;
        w[i] -= rate * (m[i] / c1 / (Math.sqrt(v[i] / c2) + 1e-8) + this.decay * w[i]);
      }
      g.fill(0);
    }
  }
}

export function mapTensors(net, make) {
  return Object.fromEntries(Object.entries(net).map(([name, t]) => [name, make(t)]));
}
