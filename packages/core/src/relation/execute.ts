/**
 * Integer inference: computes every value of a relation from its inputs. This is what a program means; the operators'
 * rooms only decide which relation to build.
 */
import { InvariantError, ProvingError } from '../base/errors.js';
import { addReading, type Contract, contractInto } from './execute-contract.js';
import type { AxisIndex, Generator, LinearMap, Relation, ValueId } from './relation.js';
import { sizeOf } from './relation.js';

export interface ExecutedValues {
  /** The numbers of a value, row-major. */
  get(id: ValueId): Int32Array;
}

/**
 * @param constants numbers of the constant values
 * @param inputs numbers of relation.inputs, in order
 * @param contract how contractions are computed; all ways give the same numbers
 * @throws ProvingError('out-of-range') where a value leaves its declared interval
 */
export function execute(
  relation: Relation,
  constants: ReadonlyMap<ValueId, Int32Array>,
  inputs: readonly Int32Array[],
  contract: Contract = contractInto,
): ExecutedValues {
  const values: Int32Array[] = [];
  const get = (id: ValueId): Int32Array => values[id];
  relation.values.forEach((v, id) => {
    const size = sizeOf(v.dims);
    switch (v.kind) {
      case 'input':
        values[id] = inputs[relation.inputs.indexOf(id)];
        break;
      case 'constant':
        values[id] = constants.get(id) as Int32Array;
        break;
      case 'witness':
        values[id] = generate(relation, v.gen, v.name, get);
        break;
      case 'linear': {
        if (v.offset === 0 && v.terms.length === 1 && v.terms[0].coef === 1 && v.terms[0].map.kind === 'reshape') {
          values[id] = get(v.terms[0].src);
          break;
        }
        const sum = new Int32Array(size).fill(v.offset);
        for (const t of v.terms) addMapped(sum, v.dims, get(t.src), relation.values[t.src].dims, t.map, t.coef);
        values[id] = sum;
        break;
      }
      case 'contract': {
        const out = new Int32Array(size);
        contract(out, v, get(v.a), relation.values[v.a].dims, get(v.b), relation.values[v.b].dims);
        values[id] = out;
        break;
      }
    }
    if (values[id]?.length !== size) throw new InvariantError(`size of ${v.name}`);
    checkRange(values[id], v.lo, v.hi, v.name);
  });
  return { get };
}

function checkRange(data: Int32Array, lo: number, hi: number, name: string): void {
  for (let i = 0; i < data.length; i++) {
    if (data[i] < lo || data[i] > hi) {
      throw new ProvingError(
        'out-of-range',
        `${name} holds ${data[i]}, outside the range [${lo}, ${hi}] that the program was made for`,
        'compile again, calibrated with inputs like this one (--calibrate)',
      );
    }
  }
}

function generate(relation: Relation, gen: Generator, name: string, get: (id: ValueId) => Int32Array): Int32Array {
  switch (gen.kind) {
    case 'copy':
      return get(gen.src);
    case 'quotient': {
      const half = 2 ** (gen.shift - 1);
      const divisor = 2 ** gen.shift;
      return get(gen.src).map((z) => Math.floor((z + half) / divisor));
    }
    case 'table': {
      const table = relation.tables[gen.table];
      if (table.kind !== 'function') throw new InvariantError(`table of ${name}`);
      const output = get(table.output);
      const src = get(gen.src);
      const out = new Int32Array(src.length);
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
      return get(gen.num).map((x, i) => Math.floor(x / den[i]));
    }
    case 'limb': {
      const divisor = 2 ** gen.shift;
      const modulus = 2 ** gen.bits;
      return get(gen.src).map((x) => Math.floor(x / divisor) % modulus);
    }
    case 'sqrt':
      return get(gen.src).map((x) => Math.floor(Math.sqrt(x)));
  }
}

/** out += coef·map(src), modulo 2^32 (exact, as every value fits 32 bits). */
function addMapped(
  out: Int32Array,
  outDims: readonly number[],
  src: Int32Array,
  srcDims: readonly number[],
  map: LinearMap,
  coef: number,
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
  addReading(out, outDims, map.sums, coef, src, srcDims, map.axes);
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
