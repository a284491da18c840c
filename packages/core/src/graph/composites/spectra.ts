/** Discrete Fourier transforms as products with constant matrices, and the mel scale. */
import { sizeOf } from '../../base/dims.js';
import { badShape, normalAxis, numberAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

const FLOAT = 1;

/** Most numbers of a matrix. */
const MOST_CELLS = 2 ** 24;

const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

interface Transform {
  /** Numbers transformed, and how many of them are given: what is missing is zero. */
  readonly size: number;
  readonly given: number;
  /** 1 where the input is real, else 2. */
  readonly parts: number;
  /** Frequencies, or moments, of the result. */
  readonly made: number;
  readonly isInverse: boolean;
  /** From the frequencies of one side back to real numbers. */
  readonly isReal: boolean;
}

/** [given·parts, made·(1 or 2)]: X_f = Σ_t x_t·exp(∓2πi·f·t / size), the inverse over the size. */
function matrix(c: Composer, t: Transform, window?: ArrayLike<number>): string {
  const outs = t.isReal ? 1 : 2;
  const rows = t.given * t.parts;
  const columns = t.made * outs;
  if (rows * columns > MOST_CELLS) throw badShape(c.node, `a transform of ${t.size} numbers is too large`);
  const data = new Float64Array(rows * columns);
  const last = t.isReal ? Math.floor(t.size / 2) + 1 : t.size;
  for (let k = 0; k < Math.min(t.given, last); k++) {
    for (let f = 0; f < t.made; f++) {
      const angle = (2 * Math.PI * ((k * f) % t.size)) / t.size;
      const sign = t.isInverse ? 1 : -1;
      // Frequencies that stand for their mirror images too count twice.
      const twice = t.isReal && k > 0 && 2 * k !== t.size ? 2 : 1;
      const by = ((t.isInverse ? 1 / t.size : 1) * twice * (window?.[k] ?? 1)) as number;
      const [re, im] = [by * Math.cos(angle), by * sign * Math.sin(angle)];
      const at = (part: number, out: number): number => (k * t.parts + part) * columns + f * outs + out;
      data[at(0, 0)] = re;
      if (outs === 2) data[at(0, 1)] = im;
      if (t.parts === 2) {
        data[at(1, 0)] = -im;
        if (outs === 2) data[at(1, 1)] = re;
      }
    }
  }
  return c.floats(data, [rows, columns]);
}

const oneSided = (n: number): number => Math.floor(n / 2) + 1;

/** The last axis holds real and imaginary parts. */
export const dft: Compose = (c) => {
  const dims = c.dims(0);
  const rank = dims.length;
  const parts = dims[rank - 1];
  if (rank < 2 || parts > 2) throw badShape(c.node, `[${dims}] does not end with parts of numbers`);
  const said = c.opset < 20 ? numberAttribute(c.node, 'axis', 1) : c.has(2) ? c.known(2, 'the axis').data[0] : -2;
  const axis = normalAxis(c.node, said, rank);
  if (axis === rank - 1) throw badShape(c.node, 'it transforms along the parts of numbers');
  const isInverse = numberAttribute(c.node, 'inverse', 0) === 1;
  const isOne = numberAttribute(c.node, 'onesided', 0) === 1;
  const isReal = isInverse && isOne;
  const given = dims[axis];
  const size = c.has(1) ? c.known(1, 'the length').data[0] : isReal ? 2 * (given - 1) : given;
  if (!(size >= 1)) throw badShape(c.node, `a transform of ${size} numbers`);
  const made = isOne && !isInverse ? oneSided(size) : size;
  const others = range(rank - 1).filter((i) => i !== axis);
  const perm = [...others, axis, rank - 1];
  const x = c.add('Transpose', [c.node.inputs[0]], { perm });
  const outer = others.map((i) => dims[i]);
  const product = c.add('MatMul', [
    c.reshape(x, [sizeOf(outer), given * parts]),
    matrix(c, { size, given, parts, made, isInverse, isReal }),
  ]);
  const apart = c.reshape(product, [...outer, made, isReal ? 1 : 2]);
  return [c.add('Transpose', [apart], { perm: perm.map((_, i) => perm.indexOf(i)) })];
};

/** Transforms of frames of a signal [batch, length, parts]. */
export const stft: Compose = (c) => {
  const [batch, length, parts = 1] = c.dims(0);
  const [step] = c.known(1, 'the step').data;
  const size = c.has(3) ? c.known(3, 'the length of frames').data[0] : c.has(2) ? c.dims(2)[0] : length;
  const frames = 1 + Math.floor((length - size) / step);
  const fits = c.dims(0).length <= 3 && parts <= 2 && step >= 1 && size >= 1 && frames >= 1;
  if (!fits || (c.has(2) && c.dims(2).join() !== String(size)))
    throw badShape(c.node, `frames of ${size} every ${step} do not fit [${c.dims(0)}]`);
  const made = numberAttribute(c.node, 'onesided', 1) === 1 ? oneSided(size) : size;
  const at = range(frames).flatMap((f) => range(size * parts).map((k) => f * step * parts + k));
  const signal = c.reshape(c.node.inputs[0], [batch, length * parts]);
  let x = c.add('Gather', [signal, c.ints(at, [frames, size * parts])], { axis: 1 });
  const window = c.valueOf(2);
  if (c.has(2) && !window) {
    const each = c.ints(range(size * parts).map((k) => Math.floor(k / parts)));
    x = c.add('Mul', [x, c.add('Gather', [c.node.inputs[2], each], { axis: 0 })]);
  }
  const transform = { size, given: size, parts, made, isInverse: false, isReal: false };
  return [c.reshape(c.add('MatMul', [x, matrix(c, transform, window)]), [batch, frames, made, 2])];
};

/** Triangles that are equally wide on the mel scale. */
export const melWeightMatrix: Compose = (c) => {
  const parameter = (index: number): number => c.known(index, 'a parameter').data[0];
  const [bins, size, rate, lower, upper] = range(5).map(parameter);
  const spectrum = oneSided(size);
  if (!(bins >= 1 && spectrum >= 1 && bins * spectrum <= MOST_CELLS))
    throw badShape(c.node, `${bins} bands of ${size} numbers`);
  const mel = (hertz: number): number => (2595 * Math.log1p(hertz / 700)) / Math.LN10;
  const step = (mel(upper) - mel(lower)) / (bins + 2);
  const edges = range(bins + 2).map((i) => {
    const hertz = 700 * Math.expm1(((i * step + mel(lower)) / 2595) * Math.LN10);
    return Math.floor(((size + 1) * hertz) / rate);
  });
  if (edges.some((e) => !(e >= 0 && e < spectrum))) throw badShape(c.node, `bands from ${lower} to ${upper} hertz`);
  const data = new Float64Array(spectrum * bins);
  for (let i = 0; i < bins; i++) {
    const [left, middle, right] = edges.slice(i, i + 3);
    for (let j = left; j <= middle; j++) data[j * bins + i] = middle === left ? 1 : (j - left) / (middle - left);
    for (let j = middle; j < right; j++) data[j * bins + i] = (right - j) / (right - middle);
  }
  return [c.add('Cast', [c.floats(data, [spectrum, bins])], { to: numberAttribute(c.node, 'output_datatype', FLOAT) })];
};
