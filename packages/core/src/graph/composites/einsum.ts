/** Einsum: diagonals, sums, transpositions and matrix products, two operands at a time. */
import { sizeOf, stridesOf } from '../../base/dims.js';
import { badShape, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

interface Operand {
  readonly x: string;
  readonly labels: readonly string[];
  readonly dims: readonly number[];
}

/** An operand with each label once: cells whose repeated indices are equal. */
function diagonal(c: Composer, o: Operand): Operand {
  const labels = [...new Set(o.labels)];
  if (labels.length === o.labels.length) return o;
  const strides = stridesOf(o.dims);
  const steps = labels.map((l) => o.labels.reduce((sum, m, i) => (m === l ? sum + strides[i] : sum), 0));
  const dims = labels.map((l) => o.dims[o.labels.indexOf(l)]);
  if (o.labels.some((l, i) => o.dims[i] !== dims[labels.indexOf(l)]))
    throw badShape(c.node, `an index of several sizes in [${o.dims}]`);
  const own = stridesOf(dims);
  const offsets = Array.from({ length: sizeOf(dims) }, (_, flat) =>
    own.reduce((sum, s, i) => sum + (Math.floor(flat / s) % dims[i]) * steps[i], 0),
  );
  const flat = c.reshape(o.x, [sizeOf(o.dims)]);
  return { x: c.reshape(c.add('Gather', [flat, c.ints(offsets)]), dims), labels, dims };
}

/** Several operands, the first two at a time. */
function inSteps(c: Composer, terms: readonly string[], right: string): string {
  if (terms.some((t) => t.includes('...'))) throw c.unsupported('an ellipsis and several operands', 'name all indices');
  const [a, b, ...rest] = terms;
  const needed = new Set([...rest.join(''), ...right]);
  const kept = [...new Set(a + b)].filter((l) => needed.has(l)).join('');
  const first = c.add('Einsum', c.node.inputs.slice(0, 2), { equation: `${a},${b}->${kept}` });
  const equation = `${[kept, ...rest].join(',')}->${right}`;
  return c.add('Einsum', [first, ...c.node.inputs.slice(2)], { equation });
}

/** Labels of a term; those under an ellipsis are numbered from the right. */
function labelsOf(_c: Composer, term: string, rank: number | undefined, hidden: number): string[] {
  const [before, after] = term.split('...');
  if (after === undefined) return [...term];
  const n = rank === undefined ? hidden : rank - before.length - after.length;
  return [...before, ...Array.from({ length: n }, (_, i) => `#${n - i}`), ...after];
}

/** Sums over the labels that nothing else has, and puts the others in order. */
function arranged(c: Composer, { x, labels }: Pick<Operand, 'x' | 'labels'>, order: readonly string[]): string {
  const axes = labels.flatMap((l, i) => (order.includes(l) ? [] : [i]));
  const summed = axes.length > 0 ? c.add('ReduceSum', [x], { axes, keepdims: 0 }) : x;
  const left = labels.filter((l) => order.includes(l));
  const perm = order.filter((l) => left.includes(l)).map((l) => left.indexOf(l));
  return perm.every((p, i) => p === i) ? summed : c.add('Transpose', [summed], { perm });
}

/** The result's labels where none are given: those that stand once, and those under an ellipsis. */
const impliedBy = (all: readonly string[]): string[] =>
  [...new Set(all)].filter((l) => all.indexOf(l) === all.lastIndexOf(l) || l.startsWith('#')).sort();

export const einsum: Compose = (c) => {
  const equation = stringAttribute(c.node, 'equation', '').replace(/\s/g, '');
  const [left, right] = equation.split('->');
  const terms = left.split(',');
  if (terms.length !== c.node.inputs.length)
    throw badShape(c.node, `the equation ${equation} of ${c.node.inputs.length}`);
  if (terms.length > 2) return [inSteps(c, terms, right ?? impliedBy([...terms.join('')]).join(''))];
  const hidden = Math.max(0, ...terms.map((t, i) => (t.includes('...') ? c.dims(i).length - t.length + 3 : 0)));
  const given = terms.map((t, i) => labelsOf(c, t, c.dims(i).length, hidden));
  if (given.some((list, i) => list.length !== c.dims(i).length))
    throw badShape(c.node, `the equation ${equation} on ${terms.map((_, i) => `[${c.dims(i)}]`).join(' and ')}`);
  const operands = given.map((list, i) => diagonal(c, { x: c.node.inputs[i], labels: list, dims: c.dims(i) }));
  const labels = operands.map((o) => o.labels);
  const sizes = new Map<string, number>();
  for (const o of operands)
    o.labels.forEach((l, k) => {
      const d = o.dims[k];
      const known = sizes.get(l) ?? d;
      if (known !== d && known !== 1 && d !== 1) throw badShape(c.node, `index ${l} is ${known} and ${d}`);
      if (known !== d) throw c.unsupported('broadcast indices', 'expand the operands');
      sizes.set(l, d);
    });
  const out = right === undefined ? impliedBy(given.flat()) : labelsOf(c, right, undefined, hidden);
  if (operands.length === 1) return [arranged(c, operands[0], out)];
  const [a, b] = labels;
  const shared = a.filter((l) => b.includes(l));
  const batch = shared.filter((l) => out.includes(l));
  const sum = shared.filter((l) => !out.includes(l));
  const rows = a.filter((l) => !b.includes(l) && out.includes(l));
  const columns = b.filter((l) => !a.includes(l) && out.includes(l));
  const size = (list: readonly string[]): number => sizeOf(list.map((l) => sizes.get(l) as number));
  const dims = (list: readonly string[]): number[] => list.map((l) => sizes.get(l) as number);
  const x = c.reshape(arranged(c, operands[0], [...batch, ...rows, ...sum]), [size(batch), size(rows), size(sum)]);
  const y = c.reshape(arranged(c, operands[1], [...batch, ...sum, ...columns]), [
    size(batch),
    size(sum),
    size(columns),
  ]);
  const made = [...batch, ...rows, ...columns];
  const product = c.reshape(c.add('MatMul', [x, y]), dims(made));
  const perm = out.map((l) => made.indexOf(l));
  return [perm.every((p, i) => p === i) ? product : c.add('Transpose', [product], { perm })];
};
