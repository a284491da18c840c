/** Operators on the bits of whole numbers of up to 32 bits. */
import { stringAttribute } from '../../graph/attributes.js';
import type { DType, OpSemantics, Tensor } from '../../graph/graph.js';
import { broadcastApply, broadcastDims } from '../broadcast.js';

const BITS: Readonly<Record<string, (a: number, b: number) => number>> = {
  BitwiseAnd: (a, b) => a & b,
  BitwiseOr: (a, b) => a | b,
  BitwiseXor: (a, b) => a ^ b,
};

/** Bits of an unsigned type; undefined where numbers have a sign. */
export const unsignedBits = (dtype: DType): number | undefined =>
  dtype.startsWith('uint') ? Number(dtype.slice(4)) : undefined;

/** The numbers of a type that are congruent to x modulo 2^32. */
const inType = (x: number, dtype: DType): number => (unsignedBits(dtype) === undefined ? x | 0 : x >>> 0);

export const bitwise: OpSemantics = {
  ops: [...Object.keys(BITS), 'BitwiseNot', 'BitShift'],
  required: (op) => (op === 'BitwiseNot' ? 1 : 2),
  infer: (node, inputs) => [
    {
      dtype: inputs[0]?.dtype ?? 'int32',
      dims: broadcastDims(
        node,
        inputs.map((i) => i?.dims ?? []),
      ),
    },
  ],
  evaluate: (node, inputs) => {
    const x = inputs[0] as Tensor;
    const { dtype } = x;
    const bits = unsignedBits(dtype);
    if (node.op === 'BitwiseNot') {
      return [{ ...x, data: x.data.map((v) => (bits === undefined ? -1 - v : 2 ** bits - 1 - v)) }];
    }
    if (node.op === 'BitShift') {
      const left = stringAttribute(node, 'direction', 'LEFT') === 'LEFT';
      const modulus = 2 ** (bits ?? 32);
      const shift = (a: number, b: number) => (left ? (a * 2 ** b) % modulus : Math.floor(a / 2 ** b));
      return [broadcastApply(node, inputs as Tensor[], shift)];
    }
    const f = BITS[node.op];
    return [broadcastApply(node, inputs as Tensor[], (a, b) => inType(f(a, b), dtype))];
  },
};
