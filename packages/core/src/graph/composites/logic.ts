/**
 * Truth values, comparisons and choices that depend on the inputs, as arithmetic on 0 and 1. Whole numbers are compared
 * by functions that do not jump near them, so that small rounding errors stay small; real ones by their sign.
 */
import type { Compose, Composer } from './composer.js';

const one = (c: Composer): string => c.floats([1]);

export const invert = (c: Composer, x: string): string => c.add('Sub', [one(c), x]);

/** 1 where whole numbers are equal: 1 - |a - b|, at least 0. */
export function equalWhole(c: Composer, a: string, b: string): string {
  return c.add('Relu', [invert(c, c.add('Abs', [c.add('Sub', [a, b])]))]);
}

/** 1 where a > b. */
function greater(c: Composer, a: string, b: string): string {
  const d = c.add('Sub', [a, b]);
  return c.areWhole(0, 1) ? c.add('Clip', [d, c.floats([0]), c.floats([1])]) : c.add('Relu', [c.add('Sign', [d])]);
}

function equal(c: Composer, a: string, b: string): string {
  if (c.areWhole(0, 1)) return equalWhole(c, a, b);
  return invert(c, c.add('Abs', [c.add('Sign', [c.add('Sub', [a, b])])]));
}

type OfTwo = (c: Composer, a: string, b: string) => string;

const ofTwo =
  (f: OfTwo): Compose =>
  (c) => {
    c.dims(0);
    c.dims(1);
    return [f(c, c.node.inputs[0], c.node.inputs[1])];
  };

const where: Compose = (c) => {
  for (const i of [0, 1, 2]) c.dims(i);
  const [condition, a, b] = c.node.inputs;
  return [c.add('Add', [c.add('Mul', [condition, a]), c.add('Mul', [invert(c, condition), b])])];
};

const not: Compose = (c) => {
  c.dims(0);
  return [invert(c, c.node.inputs[0])];
};

export const LOGIC: ReadonlyMap<string, Compose> = new Map([
  ['And', ofTwo((c, a, b) => c.add('Mul', [a, b]))],
  ['Equal', ofTwo(equal)],
  ['Greater', ofTwo(greater)],
  ['GreaterOrEqual', ofTwo((c, a, b) => invert(c, greater(c, b, a)))],
  ['Less', ofTwo((c, a, b) => greater(c, b, a))],
  ['LessOrEqual', ofTwo((c, a, b) => invert(c, greater(c, a, b)))],
  ['Not', not],
  ['Or', ofTwo((c, a, b) => c.add('Max', [a, b]))],
  ['Where', where],
  ['Xor', ofTwo((c, a, b) => c.add('Abs', [c.add('Sub', [a, b])]))],
]);
