/** Linear models and preparation of features of ai.onnx.ml. */
import { sizeOf } from '../../base/dims.js';
import { badShape, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';
import { svmClassifier, svmRegressor } from './support-vectors.js';
import {
  classified,
  labelsOf,
  transformed,
  treeEnsemble,
  treeEnsembleClassifier,
  treeEnsembleRegressor,
  twoClasses,
} from './trees.js';

/** onnx.TensorProto.DataType. */
const FLOAT = 1;
const INT64 = 7;

const list = (c: Composer, name: string): readonly number[] => {
  const v = c.node.attributes[name];
  if (typeof v === 'object' && 'data' in v) return [...v.data];
  return Array.isArray(v) && typeof v[0] !== 'string' ? (v as readonly number[]) : typeof v === 'number' ? [v] : [];
};

/** x·coefficientsᵀ + intercepts: [rows, targets]. */
function linear(c: Composer, coefficients: readonly number[], intercepts: readonly number[]): string {
  const features = c.dims(0)[c.dims(0).length - 1];
  const targets = coefficients.length / features;
  if (!Number.isInteger(targets) || targets < 1) throw badShape(c.node, `coefficients do not fit [${c.dims(0)}]`);
  const x = c.reshape(c.node.inputs[0], [sizeOf(c.dims(0)) / features, features]);
  const attributes = { transB: 1 };
  const inputs = [x, c.floats(coefficients, [targets, features])];
  return c.add('Gemm', intercepts.length > 0 ? [...inputs, c.floats(intercepts)] : inputs, attributes);
}

const linearRegressor: Compose = (c) => [transformed(c, linear(c, list(c, 'coefficients'), list(c, 'intercepts')))];

const linearClassifier: Compose = (c) => {
  const labels = labelsOf(c);
  const scores = linear(c, list(c, 'coefficients'), list(c, 'intercepts'));
  const rows = list(c, 'coefficients').length / c.dims(0)[c.dims(0).length - 1];
  if (labels.length !== 2 || rows !== 1) return classified(c, transformed(c, scores), labels, scores);
  const isProbability = stringAttribute(c.node, 'post_transform', 'NONE') === 'LOGISTIC';
  return classified(c, twoClasses(c, transformed(c, scores), isProbability), labels, twoClasses(c, scores, false));
};

const scaler: Compose = (c) => {
  const [offset, scale] = [list(c, 'offset'), list(c, 'scale')];
  const x = c.areWhole(0) ? c.add('Cast', [c.node.inputs[0]], { to: FLOAT }) : c.node.inputs[0];
  return [c.add('Mul', [c.add('Sub', [x, c.floats(offset)]), c.floats(scale)])];
};

const normalizer: Compose = (c) => {
  const norm = stringAttribute(c.node, 'norm', 'MAX');
  const [x] = c.node.inputs;
  if (norm === 'MAX') return [c.add('Div', [x, c.add('ReduceMax', [c.add('Abs', [x])], { axes: [1], keepdims: 1 })])];
  if (norm === 'L1') return [c.add('Div', [x, c.add('ReduceL1', [x], { axes: [1], keepdims: 1 })])];
  const [rows, n] = c.dims(0);
  const unit = c.internal('Standardize', [c.reshape(x, [rows, n])], { epsilon: 0, center: 0 });
  return [c.add('Mul', [unit, c.floats([1 / Math.sqrt(n)])])];
};

/** default + Σ [x = key]·(value - default). */
const labelEncoder: Compose = (c) => {
  const keys = ['keys_int64s', 'keys_floats'].map((k) => list(c, k)).find((l) => l.length > 0) ?? [];
  const isInt = list(c, 'values_int64s').length > 0;
  const values = isInt ? list(c, 'values_int64s') : list(c, 'values_floats');
  if (keys.length === 0 || values.length !== keys.length) throw c.unsupported('texts', 'encode numbers as numbers');
  const fallback = isInt ? numberAttribute(c.node, 'default_int64', -1) : numberAttribute(c.node, 'default_float', 0);
  const make = (data: readonly number[]): string =>
    isInt
      ? c.ints(data, data.length === 1 ? [] : [data.length])
      : c.floats(data, data.length === 1 ? [] : [data.length]);
  const x = c.reshape(c.node.inputs[0], [...c.dims(0), 1]);
  const hot = c.add('Equal', [x, c.typed(keys)]);
  const differences = make([...values.map((v) => v - fallback)]);
  const picked = c.add('Where', [hot, c.reshape(differences, [keys.length]), make([0])]);
  const sum = c.add('ReduceSum', [picked, c.ints([-1])], { keepdims: 0 });
  return [c.add('Add', [sum, make([fallback])])];
};

/** Columns of the last axis, at positions that may be computed (of the class that a classifier takes). A list is a row. */
const arrayFeatureExtractor: Compose = (c) => {
  const dims = c.dims(0);
  const x = dims.length === 1 ? c.reshape(c.node.inputs[0], [1, ...dims]) : c.node.inputs[0];
  const index = c.reshape(c.node.inputs[1], [sizeOf(c.dims(1))]);
  return [c.add('Gather', [x, index], { axis: Math.max(1, dims.length - 1) })];
};

const binarizer: Compose = (c) => {
  const above = c.add('Greater', [c.node.inputs[0], c.floats([numberAttribute(c.node, 'threshold', 0)], [])]);
  return [c.add('Cast', [above], { to: FLOAT })];
};

/** Cells of one value replaced; infinities and what is not a number cannot be given as inputs at all. */
const imputer: Compose = (c) => {
  const [x] = c.node.inputs;
  const whole = list(c, 'imputed_value_int64s');
  const values = whole.length > 0 ? whole : list(c, 'imputed_value_floats');
  const replaced = numberAttribute(
    c.node,
    whole.length > 0 ? 'replaced_value_int64' : 'replaced_value_float',
    Number.NaN,
  );
  if (values.length === 0) throw badShape(c.node, 'it has no values to put in');
  if (!Number.isFinite(replaced)) return [c.add('Identity', [x])];
  return [c.add('Where', [c.add('Equal', [x, c.typed([replaced], [])]), c.typed(values), x])];
};

/** [x = category] for each category, along a new last axis. Numbers that are none of them give zeros. */
const oneHotEncoder: Compose = (c) => {
  const whole = list(c, 'cats_int64s');
  if (whole.length === 0) throw c.unsupported('texts', 'encode numbers');
  // Of real numbers the whole part counts.
  const x = c.areWhole(0) ? c.node.inputs[0] : c.add('Cast', [c.node.inputs[0]], { to: INT64 });
  const hot = c.add('Equal', [c.reshape(x, [...c.dims(0), 1]), c.ints([...whole])]);
  return [c.add('Cast', [hot], { to: FLOAT })];
};

const featureVectorizer: Compose = (c) => [c.add('Concat', c.node.inputs, { axis: 1 })];

/** Names of classes beside their probabilities: the probabilities. */
const zipMap: Compose = (c) => [c.add('Identity', [c.node.inputs[0]])];

export const CLASSIC: ReadonlyMap<string, Compose> = new Map([
  ['ArrayFeatureExtractor', arrayFeatureExtractor],
  ['Binarizer', binarizer],
  ['FeatureVectorizer', featureVectorizer],
  ['Imputer', imputer],
  ['LabelEncoder', labelEncoder],
  ['LinearClassifier', linearClassifier],
  ['LinearRegressor', linearRegressor],
  ['Normalizer', normalizer],
  ['OneHotEncoder', oneHotEncoder],
  ['SVMClassifier', svmClassifier],
  ['SVMRegressor', svmRegressor],
  ['Scaler', scaler],
  ['TreeEnsemble', treeEnsemble],
  ['TreeEnsembleClassifier', treeEnsembleClassifier],
  ['TreeEnsembleRegressor', treeEnsembleRegressor],
  ['ZipMap', zipMap],
]);
