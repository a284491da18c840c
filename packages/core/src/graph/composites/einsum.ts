/** Einsum of one or two operands without repeated indices in one of them: sums, transpositions and a matrix product. */
import { sizeOf } from '../../base/dims.js';
import { badShape, stringAttribute } from '../attributes.js';
import type { Compose, Composer } from './composer.js';

interface Operand {
  readonly x: string;
  readonly labels: readonly string[];
}

/** Labels of a term; those under an ellipsis are numbered from the right. */
function labelsOf(_c: Composer, term: string, rank: number | undefined, hidden: number): string[] {
  const [before, after] = term.split('...');
  if (after === undefined) return [...term];
  const n = rank === undefined ? hidden : rank - before.length - after.length;
  return [...before, ...Array.from({ length: n }, (_, i) => `#${n - i}`), ...after];
}

/** Sums over the labels that nothing else has, and puts the others in order. */
function arranged(c: Composer, { x, labels }: Operand, order: readonly string[]): string {
  const axes = labels.flatMap((l, i) => (order.includes(l) ? [] : [i]));
  const summed = axes.length > 0 ? c.add('ReduceSum', [x], { axes, keepdims: 0 }) : x;
  const left = labels.filter((l) => order.includes(l));
  const perm = order.filter((l) => left.includes(l)).map((l) => left.indexOf(l));
  return perm.every((p, i) => p === i) ? summed : c.add('Transpose', [summed], { perm });
}

export const einsum: Compose = (c) => {
  const equation = stringAttribute(c.node, 'equation', '').replace(/\s/g, '');
  const [left, right] = equation.split('->');
  const terms = left.split(',');
  if (terms.length !== c.node.inputs.length || terms.length > 2)
    throw c.unsupported(`the equation ${equation}`, 'write it with one or two operands at a time');
  const hidden = Math.max(0, ...terms.map((t, i) => (t.includes('...') ? c.dims(i).length - t.length + 3 : 0)));
  const labels = terms.map((t, i) => labelsOf(c, t, c.dims(i).length, hidden));
  const sizes = new Map<string, number>();
  labels.forEach((list, i) => {
    if (list.length !== c.dims(i).length || new Set(list).size !== list.length)
      throw c.unsupported(`the equation ${equation} on [${c.dims(i)}]`, 'write it without diagonals');
    list.forEach((l, k) => {
      const d = c.dims(i)[k];
      const known = sizes.get(l) ?? d;
      if (known !== d && known !== 1 && d !== 1) throw badShape(c.node, `index ${l} is ${known} and ${d}`);
      if (known !== d) throw c.unsupported('broadcast indices', 'expand the operands');
      sizes.set(l, d);
    });
  });
  const all = labels.flat();
  const implied = [...new Set(all)].filter((l) => all.indexOf(l) === all.lastIndexOf(l) || l.startsWith('#')).sort();
  const out = right === undefined ? implied : labelsOf(c, right, undefined, hidden);
  const operands = labels.map((list, i): Operand => ({ x: c.node.inputs[i], labels: list }));
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
