/** Pow of a positive base by an exponent for each cell: exp(y·log x). */
import type { Compose } from './composer.js';

const FLOAT = 1;

export const power: Compose = (c) => {
  const [x, y] = [0, 1].map((i) =>
    c.areWhole(i) ? c.add('Cast', [c.node.inputs[i]], { to: FLOAT }) : c.node.inputs[i],
  );
  const result = c.add('Exp', [c.add('Mul', [c.add('Log', [x]), y])]);
  return [c.areWhole(0) ? c.add('Cast', [c.add('Round', [result])], { to: c.typeCode(0) }) : result];
};
