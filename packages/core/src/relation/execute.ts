/**
 * Integer inference: computes every value of a relation from its inputs. This is what a program means; the operators'
 * rooms only decide which relation to build.
 */
import { InvariantError, ProvingError } from '../base/errors.js';
import type { Integers } from '../base/integers.js';
import { Arrays } from './arrays.js';
import { type Contract, contractInto } from './execute-contract.js';
import { linearInto } from './execute-linear.js';
import { checkRange } from './in-range.js';
import { isSame, lastReaders } from './last-readers.js';
import { CHUNK, floorQuotients, limbs, lookUp, quotients, squareRoots, widened } from './loops.js';
import type { Generator, Relation, Table, Value, ValueId } from './relation.js';
import { sizeOf } from './relation.js';

/** Values by number; those that are constants, or stand for one, in the arrays that were given for them. */
export interface ExecutedValues<Constants extends Integers = Int32Array> {
  /** The numbers of a value, row-major. */
  get(id: ValueId): Int32Array | Constants;
  /** No number is read any more, but for those of constants and inputs: the arrays are free for another execution. */
  release(): void;
}

/**
 * @param constants numbers of the constant values, which nobody changes as long as they are used
 * @param inputs numbers of relation.inputs, in order
 * @param contract how contractions are computed; all ways give the same numbers
 * @param wanted what is asked for afterwards; memory of the rest is used again after its last reader. All where not given
 * @param arrays where memory is taken of
 * @throws ProvingError('out-of-range') where a value leaves its declared interval
 */
export function execute<Constants extends Integers = Int32Array>(
  relation: Relation,
  constants: ReadonlyMap<ValueId, Constants>,
  inputs: readonly Int32Array[],
  contract: Contract = contractInto,
  wanted?: readonly ValueId[],
  arrays?: Arrays,
): ExecutedValues<Constants> {
  const pool = arrays ?? new Arrays(wanted ? Number.POSITIVE_INFINITY : 0);
  const values: (Int32Array | Constants)[] = [];
  const get = (id: ValueId): Int32Array | Constants => values[id];
  /** What was taken and not given back, each once. */
  const taken = new Set<Int32Array | Constants>();
  const last = wanted && lastReaders(relation, wanted);
  relation.values.forEach((v, id) => {
    const size = sizeOf(v.dims);
    const given = givenNumbers(relation, v, id, constants, inputs, get);
    if (given) {
      if (given.numbers?.length !== size) throw new InvariantError(`size of ${v.name}`);
      values[id] = given.numbers;
      if (v.kind === 'constant') checkConstant(v, given.numbers, pool);
      else if (!given.from || !isWithin(given.from, v)) checkAll(v, given.numbers, pool);
    } else {
      const out = pool.take(size);
      taken.add(out);
      values[id] = out;
      compute(out, relation, v, get, contract, pool);
    }
    for (const done of last?.get(id) ?? []) {
      if (taken.delete(values[done])) pool.give(values[done] as Int32Array);
    }
  });
  if (!wanted) return executed(values, taken, arrays);
  const kept: (Int32Array | Constants)[] = [];
  for (const id of wanted) kept[id] = values[id];
  return executed(kept, taken, arrays);
}

/** Numbers that are there already. */
interface Given<Constants extends Integers> {
  readonly numbers: Int32Array | Constants | undefined;
  /** The value that has them, where there is one. */
  readonly from?: Value;
}

/** undefined where the value is computed. */
function givenNumbers<Constants extends Integers>(
  relation: Relation,
  v: Value,
  id: ValueId,
  constants: ReadonlyMap<ValueId, Constants>,
  inputs: readonly Int32Array[],
  get: (id: ValueId) => Int32Array | Constants,
): Given<Constants> | undefined {
  const of = (src: ValueId): Given<Constants> => ({ numbers: get(src), from: relation.values[src] });
  if (v.kind === 'input') return { numbers: inputs[relation.inputs.indexOf(id)] };
  if (v.kind === 'constant') return { numbers: constants.get(id) };
  if (v.kind === 'witness' && v.gen.kind === 'copy') return of(v.gen.src);
  return v.kind === 'linear' && isSame(v) ? of(v.terms[0].src) : undefined;
}

/** Whether all numbers that one value may have are in the other's interval. */
const isWithin = (a: Value, b: Value): boolean => a.lo >= b.lo && a.hi <= b.hi;

/** The numbers that a constant had when they were looked at: they do not change, and are many. */
const inRange = new WeakMap<Value, Integers>();

function checkConstant(v: Value, numbers: Integers, arrays: Arrays): void {
  if (inRange.get(v) === numbers) return;
  checkAll(v, numbers, arrays);
  inRange.set(v, numbers);
}

function checkAll(v: Value, numbers: Integers, arrays: Arrays): void {
  if (numbers instanceof Int32Array) {
    checkRange(v, numbers, 0, numbers.length);
    return;
  }
  // Constants may be so many that at 32 bits they are not there as a whole.
  for (let from = 0; from < numbers.length; from += CHUNK) {
    widened(numbers.subarray(from, from + CHUNK), arrays, (some) => checkRange(v, some, 0, some.length));
  }
}

/** Holds these values, and no other memory of the execution. */
function executed<Constants extends Integers>(
  values: readonly (Int32Array | Constants)[],
  taken: Set<Int32Array | Constants>,
  arrays: Arrays | undefined,
): ExecutedValues<Constants> {
  return {
    get: (id) => values[id],
    release() {
      for (const array of taken) if (taken.delete(array)) arrays?.give(array as Int32Array);
    },
  };
}

/** Writes all numbers of a value, which are in its interval. */
function compute(
  out: Int32Array,
  relation: Relation,
  v: Value,
  get: (id: ValueId) => Integers,
  contract: Contract,
  arrays: Arrays,
): void {
  const { values } = relation;
  if (v.kind === 'linear') {
    const sources = v.terms.map((t) => ({ data: get(t.src), dims: values[t.src].dims }));
    linearInto(out, v, sources, arrays);
  } else if (v.kind === 'contract') {
    contract(out, v, get(v.a), values[v.a].dims, get(v.b), values[v.b].dims, arrays);
    checkRange(v, out, 0, out.length);
  } else if (v.kind === 'witness') generate(out, relation, v, v.gen, get, arrays);
}

function generate(
  out: Int32Array,
  relation: Relation,
  v: Value,
  gen: Generator,
  get: (id: ValueId) => Integers,
  arrays: Arrays,
): void {
  /** Some cells at a time, which are looked at while they are near. */
  const fill = (some: (from: number, to: number) => void): void => {
    for (let from = 0; from < out.length; from += CHUNK) {
      const to = Math.min(out.length, from + CHUNK);
      some(from, to);
      checkRange(v, out, from, to);
    }
  };
  const read = (id: ValueId, visit: (src: Int32Array) => void): void => widened(get(id), arrays, visit);
  switch (gen.kind) {
    case 'quotient':
      read(gen.src, (src) => fill((from, to) => quotients(out, src, from, to, gen.shift)));
      break;
    case 'table':
      read(gen.src, (src) => {
        const table = functionTable(relation, gen.table, v);
        const { name } = relation.values[gen.src];
        read(table.output, (output) => fill((from, to) => lookUpAll(out, src, output, table.lo, from, to, name)));
      });
      break;
    case 'divide':
      read(gen.num, (num) => read(gen.den, (den) => fill((from, to) => floorQuotients(out, num, den, from, to))));
      break;
    case 'limb':
      read(gen.src, (src) => fill((from, to) => limbs(out, src, from, to, gen.shift, gen.bits)));
      break;
    case 'sqrt':
      read(gen.src, (src) => fill((from, to) => squareRoots(out, src, from, to)));
      break;
    case 'copy':
      throw new InvariantError(`${v.name} is not computed`);
  }
}

function functionTable({ tables }: Relation, id: number, { name }: Value): Extract<Table, { kind: 'function' }> {
  const table = tables[id];
  if (table.kind !== 'function') throw new InvariantError(`table of ${name}`);
  return table;
}

/** @throws ProvingError('out-of-range') where a number of the source, called `name`, is no row of the table */
function lookUpAll(
  out: Int32Array,
  src: Int32Array,
  table: Int32Array,
  lo: number,
  from: number,
  to: number,
  name: string,
): void {
  const at = lookUp(out, src, table, lo, from, to);
  if (at === to) return;
  throw new ProvingError(
    'out-of-range',
    `${name} holds ${src[at]}, outside the table [${lo}, ${lo + table.length - 1}]`,
    'compile again, calibrated with inputs like this one (--calibrate)',
  );
}
