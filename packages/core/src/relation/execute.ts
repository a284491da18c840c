/**
 * Integer inference: computes every value of a relation from its inputs. This is what a program means; the operators'
 * rooms only decide which relation to build.
 */
import { InvariantError, ProvingError } from '../base/errors.js';
import type { Integers } from '../base/integers.js';
import { Arrays } from './arrays.js';
import { addReading, type Contract, contractInto } from './execute-contract.js';
import { isSame, lastReaders } from './last-readers.js';
import type { AxisIndex, Generator, LinearMap, Relation, Value, ValueId } from './relation.js';
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
  const held = (array: Int32Array): Int32Array => {
    taken.add(array);
    return array;
  };
  const last = wanted && lastReaders(relation, wanted);
  relation.values.forEach((v, id) => {
    const size = sizeOf(v.dims);
    switch (v.kind) {
      case 'input':
        values[id] = inputs[relation.inputs.indexOf(id)];
        break;
      case 'constant':
        values[id] = constants.get(id) as Constants;
        break;
      case 'witness':
        values[id] = v.gen.kind === 'copy' ? get(v.gen.src) : held(generate(relation, v.gen, v.name, get, pool));
        break;
      case 'linear': {
        if (isSame(v)) {
          values[id] = get(v.terms[0].src);
          break;
        }
        const sum = held(pool.zeros(size));
        if (v.offset !== 0) sum.fill(v.offset);
        for (const t of v.terms) addMapped(sum, v.dims, get(t.src), relation.values[t.src].dims, t.map, t.coef, pool);
        values[id] = sum;
        break;
      }
      case 'contract': {
        const out = held(pool.zeros(size));
        contract(out, v, get(v.a), relation.values[v.a].dims, get(v.b), relation.values[v.b].dims, pool);
        values[id] = out;
        break;
      }
    }
    if (values[id]?.length !== size) throw new InvariantError(`size of ${v.name}`);
    if (v.kind !== 'constant' || inRange.get(v) !== values[id]) checkRange(values[id], v.lo, v.hi, v.name);
    if (v.kind === 'constant') inRange.set(v, values[id]);
    for (const done of last?.get(id) ?? []) {
      if (taken.delete(values[done])) pool.give(values[done] as Int32Array);
    }
  });
  if (!wanted) return executed(values, taken, arrays);
  const kept: (Int32Array | Constants)[] = [];
  for (const id of wanted) kept[id] = values[id];
  return executed(kept, taken, arrays);
}

/** The numbers that a constant had when they were looked at: they do not change, and are many. */
const inRange = new WeakMap<Value, Integers>();

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

function checkRange(data: Integers, lo: number, hi: number, name: string): void {
  // As one comparison without a sign, of four numbers at a time: this reads every number of the inference once more.
  const from = Math.max(lo, -(2 ** 31)) | 0;
  const width = (Math.min(hi, 2 ** 31 - 1) - from) >>> 0;
  const outside = (x: number): boolean => (x - from) >>> 0 > width;
  const whole = data.length - (data.length % 4);
  let at = 0;
  while (
    at < whole &&
    !(outside(data[at]) || outside(data[at + 1]) || outside(data[at + 2]) || outside(data[at + 3]))
  ) {
    at += 4;
  }
  for (; at < data.length; at++) {
    if (!outside(data[at])) continue;
    throw new ProvingError(
      'out-of-range',
      `${name} holds ${data[at]}, outside the range [${lo}, ${hi}] that the program was made for`,
      'compile again, calibrated with inputs like this one (--calibrate)',
    );
  }
}

function generate(
  relation: Relation,
  gen: Exclude<Generator, { kind: 'copy' }>,
  name: string,
  get: (id: ValueId) => Integers,
  arrays: Arrays,
): Int32Array {
  const each = (src: Integers, f: (x: number, i: number) => number): Int32Array => {
    const out = arrays.take(src.length);
    for (let i = 0; i < src.length; i++) out[i] = f(src[i], i);
    return out;
  };
  switch (gen.kind) {
    case 'quotient': {
      // Without z + 2^(shift-1), which may not fit 32 bits: rounded up where the highest bit that goes is set.
      const { shift } = gen;
      const src = get(gen.src);
      const out = arrays.take(src.length);
      for (let i = 0; i < src.length; i++) out[i] = (src[i] >> shift) + ((src[i] >> (shift - 1)) & 1);
      return out;
    }
    case 'table': {
      const table = relation.tables[gen.table];
      if (table.kind !== 'function') throw new InvariantError(`table of ${name}`);
      const output = get(table.output);
      const src = get(gen.src);
      const out = arrays.take(src.length);
      for (let i = 0; i < src.length; i++) {
        const row = src[i] - table.lo;
        if (row < 0 || row >= output.length) {
          throw new ProvingError(
            'out-of-range',
            `${relation.values[gen.src].name} holds ${src[i]}, outside the table [${table.lo}, ${table.lo + output.length - 1}]`,
            'compile again, calibrated with inputs like this one (--calibrate)',
          );
        }
        out[i] = output[row];
      }
      return out;
    }
    case 'divide': {
      const den = get(gen.den);
      return each(get(gen.num), (x, i) => Math.floor(x / den[i]));
    }
    case 'limb': {
      const divisor = 2 ** gen.shift;
      const modulus = 2 ** gen.bits;
      return each(get(gen.src), (x) => Math.floor(x / divisor) % modulus);
    }
    case 'sqrt':
      return each(get(gen.src), (x) => Math.floor(Math.sqrt(x)));
  }
}

/** out += coef·map(src), modulo 2^32 (exact, as every value fits 32 bits). */
function addMapped(
  out: Int32Array,
  outDims: readonly number[],
  src: Integers,
  srcDims: readonly number[],
  map: LinearMap,
  coef: number,
  arrays: Arrays,
): void {
  if (map.kind === 'reshape' || (map.kind === 'affine' && isIdentity(map, outDims, srcDims))) {
    for (let i = 0; i < out.length; i++) out[i] += Math.imul(coef, src[i]);
    return;
  }
  if (map.kind === 'gather') {
    const after = sizeOf(outDims.slice(map.axis + 1));
    const n = map.index.length;
    for (let i = 0; i < out.length; i++) {
      const k = Math.floor(i / after) % n;
      const j = map.index[k];
      if (j < 0) continue;
      const before = Math.floor(i / (after * n));
      out[i] += Math.imul(coef, src[(before * srcDims[map.axis] + j) * after + (i % after)]);
    }
    return;
  }
  addReading(out, outDims, map.sums, coef, src, srcDims, map.axes, arrays);
}

function isIdentity(
  map: { axes: readonly AxisIndex[]; sums: readonly number[] },
  out: readonly number[],
  src: readonly number[],
): boolean {
  return (
    map.sums.length === 0 &&
    src.length === out.length &&
    map.axes.every(
      (a, i) =>
        src[i] === out[i] &&
        a.start === 0 &&
        (src[i] === 1
          ? a.terms.every((t) => t.index === i)
          : a.terms.length === 1 && a.terms[0].index === i && a.terms[0].step === 1),
    )
  );
}
