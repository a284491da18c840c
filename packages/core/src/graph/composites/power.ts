/** Pow of a positive base by an exponent for each cell: exp(y·log x). */
import type { Compose } from './composer.js';

export const power: Compose = (c) => {
  const [x, y] = c.node.inputs;
  c.dims(0);
  c.dims(1);
  return [c.add('Exp', [c.add('Mul', [y, c.add('Log', [x])])])];
};
