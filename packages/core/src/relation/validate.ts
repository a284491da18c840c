/**
 * Whether a relation is well-formed: everything that prover, executor and verifier take for granted of its structure.
 * What it means is fixed by the fingerprint; that it can be worked on within bounds is checked here.
 */
import { InputError } from '../base/errors.js';
import { MAX_RANK } from './readings.js';
import type { AxisIndex, LinearMap, Relation, Value, ValueId } from './relation.js';
import { sizeOf } from './relation.js';

/** Cells of one tensor, cells of all, values of a relation. */
const MAX_CELLS = 2 ** 27;
const MAX_TOTAL = 2 ** 30;
const MAX_VALUES = 2 ** 17;
/** p - 1: integers are told apart modulo p while they lie within (-p/2, p/2); intermediate sums may touch p. */
const LIMIT = 2 ** 31 - 2;

/** @param why what is wrong otherwise, with `of`, the number of a value, where there is one */
function check(condition: boolean, why: string, of?: ValueId): asserts condition {
  if (condition) return;
  const what = of === undefined ? why : `${why} of value ${of}`;
  throw new InputError('broken-relation', `the relation is malformed: ${what}`, 'compile the model again');
}

/** @throws InputError `broken-relation` */
export function validateRelation(r: Relation): void {
  check(r.values.length <= MAX_VALUES, 'too many values');
  let total = 0;
  r.values.forEach((v, id) => {
    checkDims(v.dims);
    total += sizeOf(v.dims);
    check(v.lo <= v.hi && v.lo >= -LIMIT && v.hi <= LIMIT, 'interval', id);
    if (v.kind === 'linear') {
      check(Math.abs(v.offset) <= LIMIT, 'offset', id);
      for (const t of v.terms) {
        check(t.src < id, 'order', id);
        check(Math.abs(t.coef) <= LIMIT, 'coefficient', id);
        checkMap(t.map, v, r.values[t.src]);
        if (t.map.kind === 'affine') total += sizeOf(t.map.sums);
      }
    } else if (v.kind === 'contract') {
      check(v.a < id && v.b < id, 'order', id);
      checkDims(v.sums);
      const rank = v.dims.length + v.sums.length;
      checkAxes(v.axesA, rank, r.values[v.a].dims.length);
      checkAxes(v.axesB, rank, r.values[v.b].dims.length);
      total += sizeOf(v.sums);
    } else if (v.kind === 'witness') checkGenerator(r, v, id);
  });
  check(total <= MAX_TOTAL, 'too many cells');
  checkConstraints(r);
  checkBoundary(r);
}

function checkBoundary(r: Relation): void {
  const seen = new Set<ValueId>();
  for (const id of r.inputs) {
    check(r.values[id]?.kind === 'input' && !seen.has(id), 'inputs');
    seen.add(id);
  }
  for (const id of r.outputs) {
    check(r.values[id]?.kind === 'witness' && !seen.has(id), 'outputs');
    seen.add(id);
  }
  check(r.inputs.length === r.values.filter((v) => v.kind === 'input').length, 'an input is not listed');
}

function checkConstraints(r: Relation): void {
  for (const t of r.tables) {
    if (t.kind === 'range') {
      check(t.bits >= 1 && t.bits <= 24, 'bits of a range');
      continue;
    }
    const output = r.values[t.output];
    check(output?.kind === 'constant' && output.dims.length === 1 && output.dims[0] === t.size, 'rows of a table');
    check(t.size <= 2 ** 24 && Math.abs(t.lo) < 2 ** 30, 'domain of a table');
  }
  for (const l of r.lookups) {
    const t = r.tables[l.table];
    check(t !== undefined && l.columns.length === (t.kind === 'range' ? 1 : 2), 'columns of a lookup');
    const [first, ...rest] = l.columns.map((c) => r.values[c]?.dims);
    check(first !== undefined, 'a lookup of nothing');
    for (const d of rest) check(d?.length === first.length && d.every((x, i) => x === first[i]), 'dims of a lookup');
  }
  for (const z of r.zeros) check(r.values[z] !== undefined, 'a zero of nothing');
}

function checkDims(dims: readonly number[]): void {
  check(dims.length <= MAX_RANK, 'dimensions');
  let cells = 1;
  for (const d of dims) {
    check(d >= 1, 'dimensions');
    cells *= d;
  }
  check(cells <= MAX_CELLS, 'a tensor is too large');
}

/** @param indices how many there are: the output's axes and the sums */
function checkAxes(axes: readonly AxisIndex[], indices: number, srcRank: number): void {
  check(axes.length === srcRank, 'rank of a reading');
  for (const { start, terms } of axes) {
    check(Math.abs(start) <= MAX_CELLS, 'start of a reading');
    check(terms.length <= indices, 'indices of a reading');
    for (let i = 0; i < terms.length; i++) {
      const { index, step } = terms[i];
      check(index < indices && Math.abs(step) <= MAX_CELLS, 'index of a reading');
      for (let k = 0; k < i; k++) check(terms[k].index !== index, 'an index twice in a reading');
    }
  }
}

function checkMap(map: LinearMap, v: Value, src: Value): void {
  if (map.kind === 'reshape') {
    check(sizeOf(v.dims) === sizeOf(src.dims), 'cells of a reshape');
    return;
  }
  if (map.kind === 'affine') {
    checkDims(map.sums);
    checkAxes(map.axes, v.dims.length + map.sums.length, src.dims.length);
    return;
  }
  check(map.axis < src.dims.length && src.dims.length === v.dims.length, 'axis of a gather');
  check(map.index.length === v.dims[map.axis], 'length of a gather');
  check(
    src.dims.every((d, i) => i === map.axis || d === v.dims[i]),
    'dims of a gather',
  );
  for (const i of map.index) check(i >= -1 && i < src.dims[map.axis], 'index of a gather');
}

function checkGenerator(r: Relation, v: Extract<Value, { kind: 'witness' }>, id: number): void {
  const { gen } = v;
  const sources = gen.kind === 'divide' ? [gen.num, gen.den] : [gen.src];
  for (const s of sources) {
    check(s < id && sizeOf(r.values[s].dims) === sizeOf(v.dims), 'source', id);
  }
  if (gen.kind === 'quotient') check(gen.shift >= 1 && gen.shift <= 30, 'shift', id);
  if (gen.kind === 'limb') check(gen.shift <= 30 && gen.bits <= 30, 'limb', id);
  if (gen.kind === 'table') check(r.tables[gen.table]?.kind === 'function', 'table', id);
}
