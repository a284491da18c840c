/** Support vector machines of ai.onnx.ml: sums of kernels of the features and the vectors. */
import { sizeOf } from '../../base/dims.js';
import { badShape, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';
import { classified, labelsOf, numbers, transformed, twoClasses } from './trees.js';

const INT64 = 7;

/** The features as rows. */
function rowsOf(c: Composer): { x: string; rows: number; features: number } {
  const dims = c.dims(0);
  const features = dims[dims.length - 1];
  const rows = sizeOf(dims) / features;
  const x = c.areWhole(0) ? c.add('Cast', [c.node.inputs[0]], { to: 1 }) : c.node.inputs[0];
  return { x: c.reshape(x, [rows, features]), rows, features };
}

/** K(x, vector) for each of n vectors: [rows, n]. */
function kernels(c: Composer, n: number): string {
  const { x, rows, features } = rowsOf(c);
  const vectors = numbers(c, 'support_vectors');
  if (vectors.length !== n * features)
    throw badShape(c.node, `${vectors.length} numbers are not ${n} vectors of ${features}`);
  const [gamma = 0, coef0 = 0, degree = 0] = numbers(c, 'kernel_params');
  const kind = stringAttribute(c.node, 'kernel_type', 'LINEAR');
  const products = () => c.add('Gemm', [x, c.floats(vectors, [n, features])], { transB: 1 });
  const scaled = () => c.add('Add', [c.add('Mul', [products(), c.floats([gamma])]), c.floats([coef0])]);
  if (kind === 'LINEAR') return products();
  if (kind === 'POLY') return c.add('Pow', [scaled(), c.floats([degree])]);
  if (kind === 'SIGMOID') return c.add('Tanh', [scaled()]);
  if (kind !== 'RBF') throw c.unsupported(`kernel ${kind}`, 'use LINEAR, POLY, RBF or SIGMOID');
  const apart = c.add('Sub', [c.reshape(x, [rows, 1, features]), c.floats(vectors, [n, features])]);
  const squares = c.add('ReduceSumSquare', [apart], { axes: [2], keepdims: 0 });
  return c.add('Exp', [c.add('Mul', [squares, c.floats([-gamma])])]);
}

/** y = Σ coefficient·K(x, vector) + rho; of one class, its sign. */
export const svmRegressor: Compose = (c) => {
  const coefficients = numbers(c, 'coefficients');
  const n = numberAttribute(c.node, 'n_supports', 0);
  const rho = c.floats(numbers(c, 'rho').slice(0, 1));
  const own = n > 0 ? kernels(c, n) : rowsOf(c).x;
  const sum = c.add('Add', [c.add('MatMul', [own, c.floats(coefficients, [coefficients.length, 1])]), rho]);
  if (numberAttribute(c.node, 'one_class', 0) === 0) return [transformed(c, sum)];
  const isPositive = c.add('Greater', [sum, c.floats([0])]);
  return [c.add('Where', [isPositive, c.floats([1]), c.floats([-1])])];
};

/** Pairs of classes, in order. */
const pairsOf = (classes: number): [number, number][] =>
  Array.from({ length: classes * classes }, (_, k): [number, number] => [Math.floor(k / classes), k % classes]).filter(
    ([i, j]) => i < j,
  );

/** A score for each pair of classes: [rows, pairs]. */
function pairScores(c: Composer, perClass: readonly number[], pairs: readonly [number, number][]): string {
  const n = perClass.reduce((a, b) => a + b, 0);
  const starts = perClass.map((_, i) => perClass.slice(0, i).reduce((a, b) => a + b, 0));
  const coefficients = numbers(c, 'coefficients');
  const [classes, rho] = [perClass.length, numbers(c, 'rho')];
  if (coefficients.length !== (classes - 1) * n || rho.length !== pairs.length)
    throw badShape(c.node, `${coefficients.length} coefficients do not fit ${classes} classes of ${n} vectors`);
  // A vector of class i speaks against class j by row j - 1 of the coefficients, and one of j against i by row i.
  const matrix = new Float64Array(n * pairs.length);
  pairs.forEach(([i, j], p) => {
    for (let v = starts[i]; v < starts[i] + perClass[i]; v++)
      matrix[v * pairs.length + p] = coefficients[(j - 1) * n + v];
    for (let v = starts[j]; v < starts[j] + perClass[j]; v++) matrix[v * pairs.length + p] = coefficients[i * n + v];
  });
  const sum = c.add('MatMul', [kernels(c, n), c.floats(matrix, [n, pairs.length])]);
  return c.add('Add', [sum, c.floats(rho, [rho.length])]);
}

/** How many of its pairs each class wins: [rows, classes]. */
function votes(c: Composer, scores: string, pairs: readonly [number, number][], classes: number): string {
  const wins = c.add('Cast', [c.add('Greater', [scores, c.floats([0])])], { to: INT64 });
  const matrix = new Array<number>(pairs.length * classes).fill(0);
  const lost = new Array<number>(classes).fill(0);
  pairs.forEach(([i, j], p) => {
    matrix[p * classes + i] = 1;
    matrix[p * classes + j] = -1;
    lost[j]++;
  });
  return c.add('Add', [c.add('MatMul', [wins, c.ints(matrix, [pairs.length, classes])]), c.ints(lost)]);
}

/**
 * Probabilities p of three classes from those of their pairs, r_ij of i against j: what minimises
 *
 *     Σ_ij (r_ji·p_i - r_ij·p_j)² = 2·pᵀQp   with Σ p = 1,   Q_ii = Σ_j r_ji²,   Q_ij = -r_ij·r_ji,
 *
 * which ONNX's runtimes approach step by step: p is the sum of each row of Q's cofactors, over that of all.
 * Wu, Lin, Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004), section 4.1.
 */
function ofThree(c: Composer, scores: string, a: readonly number[], b: readonly number[]): string {
  const margin = c.add('Mul', [scores, c.floats(a.map((v) => -v))]);
  const r = c.add('Sigmoid', [c.add('Sub', [margin, c.floats(b)])]);
  const s = c.add('Sub', [c.floats([1]), r]);
  const take = (x: string, columns: readonly number[]) => c.add('Gather', [x, c.ints(columns)], { axis: 1 });
  const times = (x: string, y: string) => c.add('Mul', [x, y]);
  const plus = (x: string, y: string) => c.add('Add', [x, y]);
  // r_01, r_02, r_12 and r_10, r_20, r_21. All classes stand in one tensor: small ones have the range of the others.
  const both = c.add('Concat', [r, s], { axis: 1 });
  const squares = times(both, both);
  const diagonal = plus(take(squares, [3, 0, 1]), take(squares, [4, 5, 2]));
  // -Q_01, -Q_02, -Q_12
  const beside = times(r, s);
  const apart = take(beside, [2, 1, 0]);
  const principal = c.add('Sub', [times(take(diagonal, [1, 0, 0]), take(diagonal, [2, 2, 1])), times(apart, apart)]);
  const others = plus(
    times(take(beside, [1, 0, 0]), take(beside, [2, 2, 1])),
    times(beside, take(diagonal, [2, 1, 0])),
  );
  const all = plus(principal, plus(take(others, [0, 0, 1]), take(others, [1, 2, 2])));
  return c.add('Div', [all, c.add('ReduceSum', [all, c.ints([1])], { keepdims: 1 })]);
}

export const svmClassifier: Compose = (c) => {
  const labels = labelsOf(c);
  const perClass = numbers(c, 'vectors_per_class');
  if (perClass.length === 0) return linear(c, labels);
  const pairs = pairsOf(perClass.length);
  const scores = pairScores(c, perClass, pairs);
  const won = votes(c, scores, pairs, perClass.length);
  const [a, b] = [numbers(c, 'prob_a'), numbers(c, 'prob_b')];
  if (a.length > 0) {
    if (perClass.length === 3) return classified(c, transformed(c, ofThree(c, scores, a, b)), labels, won);
    if (perClass.length !== 2)
      throw c.unsupported(
        'probabilities of more than three classes (they come of an iteration that ends when its numbers stand still)',
        'export it without probabilities',
      );
    // 1 / (1 + exp(a·score + b)) is the first class' probability: what the iteration of ONNX's reference comes close to.
    const margin = c.add('Add', [c.add('Mul', [scores, c.floats([-a[0]])]), c.floats([-b[0]])]);
    const first = c.add('Sigmoid', [margin]);
    const both = c.add('Concat', [first, c.add('Sub', [c.floats([1]), first])], { axis: 1 });
    return classified(c, transformed(c, both), labels, won);
  }
  if (perClass.length !== 2) return classified(c, transformed(c, scores), labels, won);
  return classified(c, transformed(c, twoClasses(c, scores, false)), labels, won);
};

/** One score for each class, and the same offset for all. */
function linear(c: Composer, labels: readonly number[]): string[] {
  const { x, features } = rowsOf(c);
  const classes = Math.max(1, labels.length);
  const coefficients = numbers(c, 'coefficients');
  const rho = numbers(c, 'rho');
  if (coefficients.length !== classes * features)
    throw badShape(c.node, `${coefficients.length} coefficients do not fit`);
  if (rho.length === 1 && classes !== 2)
    throw c.unsupported(`one offset for ${classes} classes`, 'export it as a LinearClassifier');
  const sum = c.add('Gemm', [x, c.floats(coefficients, [classes, features])], { transB: 1 });
  const scores = c.add('Add', [sum, c.floats(rho.slice(0, 1))]);
  return classified(c, transformed(c, scores), labels, scores);
}
