/** Where the independent verifier finds the cells of stacked tensors: positions written out one by one. */
import type { Preset } from '../../packages/core/src/argument/presets.js';
import { eqTable, ONE, type Q, sum } from './bigint-field.js';
import { type Functional, log2, size, tuples } from './bigint-functionals.js';

/** Position of every cell of a tensor in its stack, and the axis that keeps its length. */
export interface Laid {
  readonly dims: readonly number[];
  readonly lead: number;
  readonly positions: readonly number[];
}

/** Pieces of power-of-two many rows, largest first; the axis that padding would lengthen most leads, the others are padded. */
export function lay(shapes: readonly (readonly number[])[]): { tensors: Laid[]; cells: number } {
  const plans = shapes.map((dims) => {
    const waste = dims.map((d) => (d > 1 ? 2 ** log2(d) / d : 0));
    const lead = dims.some((d) => d > 1) ? waste.indexOf(Math.max(...waste)) : dims.length;
    const padded = dims.map((d, i) => (i === lead ? 1 : 2 ** log2(d)));
    return { dims, lead, padded, rows: lead < dims.length ? dims[lead] : 1, start: new Map<number, number>() };
  });
  const pieces = plans.flatMap((p, tensor) => {
    let row = 0;
    return [...p.rows.toString(2)].flatMap((bit, i, bits) => {
      const rows = 2 ** (bits.length - 1 - i);
      if (bit === '0') return [];
      row += rows;
      return [{ tensor, row: row - rows, rows, cells: rows * size(p.padded) }];
    });
  });
  pieces.sort((a, b) => b.cells - a.cells || a.tensor - b.tensor || a.row - b.row);
  let cells = 0;
  for (const piece of pieces) {
    const plan = plans[piece.tensor];
    for (let r = 0; r < piece.rows; r++) plan.start.set(piece.row + r, cells + r * size(plan.padded));
    cells += piece.cells;
  }
  const tensors = plans.map(({ dims, lead, padded, start }) => {
    const positions = tuples(dims).map((cell) => {
      const inner = cell.reduce((o, x, i) => (i === lead ? o : o * padded[i] + x), 0);
      return (start.get(lead < dims.length ? cell[lead] : 0) as number) + inner;
    });
    return { dims, lead, positions };
  });
  return { tensors, cells };
}

/** The weights of eq(point, ·) on a laid tensor, as a vector for each axis. */
export function placed(t: Laid, point: readonly Q[]): Functional {
  const table = eqTable(point);
  const inner = t.dims.map((d, i) => (i === t.lead ? 0 : log2(d)));
  let from = point.length - inner.reduce((a, b) => a + b, 0);
  const rowCells = 2 ** (point.length - from);
  const rowWeight = (start: number) => sum(table.slice(start, start + rowCells));
  const blocks = t.dims.map((d, i) => {
    if (d === 1) return { axes: [i], values: [ONE] };
    if (i === t.lead) {
      const stride = size(t.dims.slice(i + 1));
      return { axes: [i], values: Array.from({ length: d }, (_, r) => rowWeight(t.positions[r * stride])) };
    }
    const values = eqTable(point.slice(from, from + inner[i])).slice(0, d);
    from += inner[i];
    return { axes: [i], values };
  });
  return { coef: t.lead === t.dims.length ? table[t.positions[0]] : ONE, blocks };
}

export interface Oracle {
  readonly tensors: readonly Laid[];
  readonly logRow: number;
  readonly rows: number;
  readonly gap: boolean;
}

/** The sizes of the parts of a constant: axes of size q·2^t are cut, or not, for the least padding and then fewest parts. */
function partSizes(dims: readonly number[], least: number): number[] {
  const power = (d: number): number => (d % 2 === 0 ? 2 * power(d / 2) : 1);
  const axes = dims
    .flatMap((d, i) => (power(d) < d && d <= 8 * power(d) ? [i] : []))
    .reverse()
    .slice(0, 4);
  const choices = Array.from({ length: 2 ** axes.length }, (_, choice) =>
    dims.map((d, i) => ((choice >> axes.indexOf(i)) % 2 === 1 && axes.includes(i) ? power(d) : d)),
  ).filter((sizes) => size(dims) / size(sizes) <= 8);
  const parts = (sizes: readonly number[]): number => size(dims) / size(sizes);
  const cells = (sizes: readonly number[]): number => parts(sizes) * lay([sizes]).cells;
  const [best] = [...choices].sort((a, b) => cells(a) - cells(b) || parts(a) - parts(b));
  return cells(dims.slice()) - cells(best) < least ? [...dims] : best;
}

/** Constants, each in its parts: where their cells stand. */
function layConstants(shapes: readonly (readonly number[])[], least: number): { tensors: Laid[]; cells: number } {
  const sizes = shapes.map((dims) => partSizes(dims, least));
  const starts = shapes.map((dims, k) => tuples(dims.map((d, i) => d / sizes[k][i])));
  const { tensors, cells } = lay(starts.flatMap((parts, k) => parts.map(() => sizes[k])));
  let next = 0;
  const laid = shapes.map((dims, k): Laid => {
    const own = starts[k].map(() => tensors[next++]);
    const flat = (at: readonly number[], of: readonly number[]): number => at.reduce((o, x, i) => o * of[i] + x, 0);
    const positions = tuples(dims).map((cell) => {
      const part = cell.map((x, i) => Math.floor(x / sizes[k][i]));
      const count = dims.map((d, i) => d / sizes[k][i]);
      const inside = cell.map((x, i) => x % sizes[k][i]);
      return own[flat(part, count)].positions[flat(inside, sizes[k])];
    });
    return { dims, lead: own[0].lead, positions };
  });
  return { tensors: laid, cells };
}

/** @param beside log2 of the longest row that it is opened with */
export function oracleOf(
  shapes: readonly (readonly number[])[],
  gap: boolean,
  preset: Preset,
  beside = gap ? preset.maxLogRow : preset.programLogRow,
): Oracle {
  const { tensors, cells } = gap ? lay(shapes) : layConstants(shapes, preset.boxCells);
  // What a query adds: a row's four bytes; 32 for each level of a path but the seven that queries share; a leaf of eight
  // elements of each fold; a hundred and twenty-eighth of the message.
  const path = (log: number) => 32 * Math.max(0, log + 2 - 7);
  const folds = (log: number): number =>
    log > preset.logFinal && log >= 3 ? 128 + path(log - 3) + folds(log - 3) : 2 ** log / 8;
  const lengths = Array.from({ length: preset.maxLogRow - preset.minLogRow + 1 }, (_, i) => preset.minLogRow + i)
    .filter((log) => cells <= 256 * 2 ** log)
    .map((log) => ({ log, bytes: 4 * Math.ceil(cells / 2 ** log) + path(log) + folds(Math.max(log, beside)) }));
  const least = Math.min(...lengths.map((l) => l.bytes));
  const logRow = (lengths.find((l) => l.bytes === least) as { log: number }).log;
  return { tensors, logRow, rows: Math.ceil(cells / 2 ** logRow), gap };
}
