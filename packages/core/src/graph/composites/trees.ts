/**
 * Tree ensembles of ai.onnx.ml: every branch's comparison at once, then for each leaf how many branches on its path go
 * elsewhere. The leaf that is reached is the one with none, and its weights are summed over the trees.
 */
import { badShape, numberAttribute, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

const FLOAT = 1;
const INT64 = 7;

interface Leaf {
  readonly tree: number;
  /** Branches on the path, and whether it takes the true side. */
  readonly path: readonly { readonly branch: number; readonly isTrue: boolean }[];
  readonly weights: readonly { readonly target: number; readonly weight: number }[];
}

interface Ensemble {
  readonly features: number[];
  readonly thresholds: number[];
  readonly modes: string[];
  readonly leaves: Leaf[];
  readonly trees: number;
}

/** A list of numbers among the attributes; none where it is not there. */
export const numbers = (c: Composer, name: string): readonly number[] => {
  const v = c.node.attributes[name];
  if (typeof v === 'object' && 'data' in v) return [...v.data];
  return Array.isArray(v) ? (v as number[]) : [];
};
const texts = (c: Composer, name: string): readonly string[] => {
  const v = c.node.attributes[name];
  return Array.isArray(v) ? (v as string[]) : [];
};

const OPERATORS: Readonly<Record<string, string>> = {
  BRANCH_LEQ: 'LessOrEqual',
  BRANCH_LT: 'Less',
  BRANCH_GTE: 'GreaterOrEqual',
  BRANCH_GT: 'Greater',
  BRANCH_EQ: 'Equal',
  BRANCH_NEQ: 'NotEqual',
};

/** The modes of TreeEnsemble, by number; 6 asks whether a number is among several. */
const MODES = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ', 'MEMBER'];
const AGGREGATES = ['AVERAGE', 'SUM', 'MIN', 'MAX'];
const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];

function ensembleOf(c: Composer, kind: 'class' | 'target'): Ensemble {
  const tree = numbers(c, 'nodes_treeids');
  const node = numbers(c, 'nodes_nodeids');
  const feature = numbers(c, 'nodes_featureids');
  const values = numbers(c, 'nodes_values');
  const modes = texts(c, 'nodes_modes');
  const [yes, no] = [numbers(c, 'nodes_truenodeids'), numbers(c, 'nodes_falsenodeids')];
  const key = (t: number, n: number): string => `${t} ${n}`;
  const at = new Map(node.map((n, i) => [key(tree[i], n), i]));
  const own = new Map<string, { target: number; weight: number }[]>();
  const ids = numbers(c, `${kind}_ids`);
  const weights = numbers(c, `${kind}_weights`);
  numbers(c, `${kind}_treeids`).forEach((t, i) => {
    const k = key(t, numbers(c, `${kind}_nodeids`)[i]);
    own.set(k, [...(own.get(k) ?? []), { target: ids[i], weight: weights[i] }]);
  });
  const result: Ensemble = { features: [], thresholds: [], modes: [], leaves: [], trees: new Set(tree).size };
  const walk = (i: number | undefined, path: Leaf['path']): void => {
    if (i === undefined || path.length > 64) throw badShape(c.node, 'a tree has no end');
    if (modes[i] === 'LEAF') {
      result.leaves.push({ tree: tree[i], path, weights: own.get(key(tree[i], node[i])) ?? [] });
      return;
    }
    if (!OPERATORS[modes[i]]) throw c.unsupported(`branches of mode ${modes[i]}`, 'use comparisons');
    const branch = result.features.push(feature[i]) - 1;
    result.thresholds.push(values[i]);
    result.modes.push(modes[i]);
    walk(at.get(key(tree[i], yes[i])), [...path, { branch, isTrue: true }]);
    walk(at.get(key(tree[i], no[i])), [...path, { branch, isTrue: false }]);
  };
  const children = new Set(
    node.flatMap((_, i) => (modes[i] === 'LEAF' ? [] : [key(tree[i], yes[i]), key(tree[i], no[i])])),
  );
  node.forEach((n, i) => {
    if (!children.has(key(tree[i], n))) walk(i, []);
  });
  return result;
}

/** [rows, targets]: the weights of the leaves reached. */
function scores(
  c: Composer,
  e: Ensemble,
  targets: number,
  aggregate = stringAttribute(c.node, 'aggregate_function', 'SUM'),
): string {
  const [, rows] = [c.dims(0).length, c.dims(0)[0]];
  const n = e.leaves.length;
  const matrix = new Float64Array(n * targets);
  e.leaves.forEach((leaf, i) => {
    for (const { target, weight } of leaf.weights) matrix[i * targets + target] += weight;
  });
  const weights = c.floats(matrix, [n, targets]);
  if (e.features.length === 0)
    return c.add('Expand', [c.floats(matrix.slice(0, targets), [1, targets]), c.ints([rows, targets])]);
  const parts: string[] = [];
  const order: number[] = [];
  for (const mode of new Set(e.modes)) {
    const branches = e.modes.flatMap((m, i) => (m === mode ? [i] : []));
    order.push(...branches);
    const x = c.add('Gather', [c.node.inputs[0], c.ints(branches.map((i) => e.features[i]))], { axis: 1 });
    const limits = c.floats(
      branches.map((i) => e.thresholds[i]),
      [branches.length],
    );
    const compared =
      mode === 'BRANCH_NEQ' ? c.add('Not', [c.add('Equal', [x, limits])]) : c.add(OPERATORS[mode], [x, limits]);
    parts.push(c.add('Cast', [compared], { to: INT64 }));
  }
  const taken = parts.length === 1 ? parts[0] : c.add('Concat', parts, { axis: 1 });
  // A branch that should be true and is not misses one, and so does one that should be false and is true.
  const misses = new Float64Array(e.features.length * n);
  const start = new Array<number>(n).fill(0);
  e.leaves.forEach((leaf, i) => {
    for (const { branch, isTrue } of leaf.path) {
      misses[order.indexOf(branch) * n + i] += isTrue ? -1 : 1;
      if (isTrue) start[i]++;
    }
  });
  const product = c.add('MatMul', [taken, c.ints([...misses], [e.features.length, n])]);
  const reached = c.add('Equal', [c.add('Add', [product, c.ints(start)]), c.scalar(0)]);
  const isReached = c.add('Cast', [reached], { to: FLOAT });
  if (aggregate === 'MIN' || aggregate === 'MAX') return extremum(c, e, isReached, targets, rows, aggregate);
  const sum = c.add('MatMul', [isReached, weights]);
  if (aggregate === 'AVERAGE') return c.add('Mul', [sum, c.floats([1 / e.trees])]);
  if (aggregate !== 'SUM') throw c.unsupported(`aggregate ${aggregate}`, 'use SUM, AVERAGE, MIN or MAX');
  return sum;
}

/** The least or largest weight that any tree gives: each tree's own, then the extremum over them. */
function extremum(
  c: Composer,
  e: Ensemble,
  reached: string,
  targets: number,
  rows: number,
  which: 'MIN' | 'MAX',
): string {
  const names = [...new Set(e.leaves.map((l) => l.tree))];
  const matrix = new Float64Array(e.leaves.length * names.length * targets);
  e.leaves.forEach((leaf, i) => {
    // A tree that says nothing of a target is left out by ONNX, which depends on the leaf.
    if (new Set(leaf.weights.map((w) => w.target)).size !== targets)
      throw c.unsupported(`aggregate ${which} of leaves without a weight`, 'give every leaf a weight for each target');
    for (const { target, weight } of leaf.weights)
      matrix[(i * names.length + names.indexOf(leaf.tree)) * targets + target] += weight;
  });
  const all = c.add('MatMul', [reached, c.floats(matrix, [e.leaves.length, names.length * targets])]);
  const apart = c.reshape(all, [rows, names.length, targets]);
  return c.add(which === 'MIN' ? 'ReduceMin' : 'ReduceMax', [apart], { axes: [1], keepdims: 0 });
}

/** The function that turns scores into what is given out. */
export function transformed(c: Composer, x: string, kind = stringAttribute(c.node, 'post_transform', 'NONE')): string {
  if (kind === 'NONE') return x;
  if (kind === 'LOGISTIC') return c.add('Sigmoid', [x]);
  if (kind === 'SOFTMAX') return c.add('Softmax', [x], { axis: 1 });
  throw c.unsupported(`post_transform ${kind}`, 'use NONE, LOGISTIC or SOFTMAX');
}

export const treeEnsembleRegressor: Compose = (c) => {
  const targets = numberAttribute(c.node, 'n_targets', 1);
  const sum = scores(c, ensembleOf(c, 'target'), targets);
  const base = numbers(c, 'base_values');
  return [transformed(c, base.length > 0 ? c.add('Add', [sum, c.floats(base)]) : sum)];
};

/** Members that a branch of TreeEnsemble asks for, in the order of those branches; NaN stands between lists. */
function memberLists(values: readonly number[]): number[][] {
  const lists: number[][] = [[]];
  for (const x of values) {
    if (Number.isNaN(x)) lists.push([]);
    else lists[lists.length - 1].push(x);
  }
  return lists;
}

/** Trees whose branches and leaves stand in lists of their own; a question for membership is one for each member. */
function ensembleOfLists(c: Composer): Ensemble {
  const [features, modes, splits] = ['featureids', 'modes', 'splits'].map((k) => numbers(c, `nodes_${k}`));
  const [yes, no] = ['truenodeids', 'falsenodeids'].map((k) => numbers(c, `nodes_${k}`));
  const [yesLeaf, noLeaf] = ['trueleafs', 'falseleafs'].map((k) => numbers(c, `nodes_${k}`));
  const [targets, weights] = [numbers(c, 'leaf_targetids'), numbers(c, 'leaf_weights')];
  const roots = numbers(c, 'tree_roots');
  const lists = memberLists(numbers(c, 'membership_values'));
  const members = new Map(modes.flatMap((m, i) => (MODES[m] === 'MEMBER' ? [i] : [])).map((i, k) => [i, lists[k]]));
  const result: Ensemble = { features: [], thresholds: [], modes: [], leaves: [], trees: roots.length };
  const leaf = (tree: number, i: number, path: Leaf['path']): void => {
    if (!(i < targets.length)) throw badShape(c.node, `there is no leaf ${i}`);
    result.leaves.push({ tree, path, weights: [{ target: targets[i], weight: weights[i] }] });
  };
  const walk = (tree: number, i: number, path: Leaf['path']): void => {
    if (!(i < modes.length) || path.length > 64) throw badShape(c.node, 'a tree has no end');
    const next = (isYes: boolean, along: Leaf['path']): void =>
      ((isYes ? yesLeaf : noLeaf)[i] ? leaf : walk)(tree, (isYes ? yes : no)[i], along);
    const isMember = members.has(i);
    const asked = isMember ? (members.get(i) ?? []) : [splits[i]];
    if (!MODES[modes[i]]) throw c.unsupported(`branches of mode ${modes[i]}`, 'use comparisons');
    let left = path;
    for (const x of asked) {
      const branch = result.features.push(features[i]) - 1;
      result.thresholds.push(x);
      result.modes.push(isMember ? 'BRANCH_EQ' : MODES[modes[i]]);
      next(true, [...left, { branch, isTrue: true }]);
      left = [...left, { branch, isTrue: false }];
    }
    next(false, left);
  };
  for (const root of roots) walk(root, root, []);
  return result;
}

export const treeEnsemble: Compose = (c) => {
  const targets = numberAttribute(c.node, 'n_targets', 1);
  const aggregate = AGGREGATES[numberAttribute(c.node, 'aggregate_function', 1)];
  const kind = TRANSFORMS[numberAttribute(c.node, 'post_transform', 0)];
  return [transformed(c, scores(c, ensembleOfLists(c), targets, aggregate), kind)];
};

/** Labels from the first largest score, and the scores. */
export function classified(c: Composer, values: string, labels: readonly number[], compared = values): string[] {
  const at = c.add('ArgMax', [compared], { axis: 1, keepdims: 0 });
  const plain = labels.every((l, i) => l === i);
  return [plain ? at : c.internal('TableLookup', [c.ints(labels), at]), values];
}

/** Whole-number labels; texts stand for their positions where nothing reads them. */
export function labelsOf(c: Composer): readonly number[] {
  const ints =
    numbers(c, 'classlabels_int64s').length > 0 ? numbers(c, 'classlabels_int64s') : numbers(c, 'classlabels_ints');
  if (ints.length > 0) return ints;
  const strings = texts(c, 'classlabels_strings');
  return strings.map((_, i) => i);
}

/** Two classes from one score: [1 - p, p] where p is a probability, else [-s, s]. */
export function twoClasses(c: Composer, score: string, isProbability: boolean): string {
  const other = isProbability ? c.add('Sub', [c.floats([1]), score]) : c.add('Neg', [score]);
  return c.add('Concat', [other, score], { axis: 1 });
}

export const treeEnsembleClassifier: Compose = (c) => {
  const labels = labelsOf(c);
  const e = ensembleOf(c, 'class');
  const ids = new Set(e.leaves.flatMap((l) => l.weights.map((w) => w.target)));
  const base = numbers(c, 'base_values');
  if (labels.length === 2 && ids.size === 1) {
    const only: Ensemble = {
      ...e,
      leaves: e.leaves.map((l) => ({ ...l, weights: l.weights.map((w) => ({ ...w, target: 0 })) })),
    };
    const sum = scores(c, only, 1);
    const shifted = base.length > 0 ? c.add('Add', [sum, c.floats([base[base.length - 1]])]) : sum;
    const kind = stringAttribute(c.node, 'post_transform', 'NONE');
    if (kind === 'SOFTMAX') throw c.unsupported('a softmax of one score', 'use LOGISTIC');
    return classified(c, twoClasses(c, transformed(c, shifted), true), labels);
  }
  const sum = scores(c, e, labels.length);
  return classified(c, transformed(c, base.length > 0 ? c.add('Add', [sum, c.floats(base)]) : sum), labels);
};
