/** Gemm of two computed matrices with an addend: a matrix product and an addition. */
import { badShape, numberAttribute } from '../attributes.js';
import type { Compose } from './composer.js';

export const gemm: Compose = (c) => {
  const scaled = (x: string, by: number): string => (by === 1 ? x : c.add('Mul', [x, c.floats([by])]));
  const oriented = (input: number, attribute: string): string => {
    if (c.dims(input).length !== 2) throw badShape(c.node, `operand [${c.dims(input)}] is no matrix`);
    const x = c.node.inputs[input];
    return numberAttribute(c.node, attribute, 0) === 0 ? x : c.add('Transpose', [x], { perm: [1, 0] });
  };
  const product = c.add('MatMul', [oriented(0, 'transA'), oriented(1, 'transB')]);
  if (c.dims(2).length > 2) throw badShape(c.node, `the addend [${c.dims(2)}] is no matrix`);
  const addend = scaled(c.node.inputs[2], numberAttribute(c.node, 'beta', 1));
  return [c.add('Add', [scaled(product, numberAttribute(c.node, 'alpha', 1)), addend])];
};
