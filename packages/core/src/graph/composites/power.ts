/**
 * Pow by an exponent for each cell: of few constant exponents, a power by each, of which every cell takes its own;
 * else exp(y·log x), for a positive base.
 */
import type { Compose, Composer } from './composer.js';

const FLOAT = 1;

/** Constant exponents that are tried one by one. */
const MOST_EXPONENTS = 16;

/** x to the power that stands for each cell. */
function byEach(c: Composer, exponents: readonly number[], values: Float64Array): string {
  const [x, y] = c.node.inputs;
  const dims = c.dims(1);
  return exponents.reduce((rest, k, i) => {
    const own = c.add('Pow', [x, c.typedAs(1, [k], [])]);
    if (i === 0) return own;
    const takes = c.truths(
      [...values].map((v) => Number(v === k)),
      dims,
    );
    return c.add('Where', [takes, own, rest]);
  }, y);
}

export const power: Compose = (c) => {
  const values = c.valueOf(1);
  const exponents = values ? [...new Set(values)] : [];
  if (values && exponents.length <= MOST_EXPONENTS) return [byEach(c, exponents, values)];
  const [x, y] = [0, 1].map((i) =>
    c.areWhole(i) ? c.add('Cast', [c.node.inputs[i]], { to: FLOAT }) : c.node.inputs[i],
  );
  const result = c.add('Exp', [c.add('Mul', [c.add('Log', [x]), y])]);
  return [c.areWhole(0) ? c.add('Cast', [c.add('Round', [result])], { to: c.typeCode(0) }) : result];
};
