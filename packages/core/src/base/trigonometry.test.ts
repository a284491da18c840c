import { describe, expect, it } from 'vitest';
import { acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan } from './trigonometry.js';

const ours = { acos, acosh, asin, asinh, atan, atanh, cos, cosh, sin, sinh, tan };

const ranges: Record<keyof typeof ours, [number, number]> = {
  sin: [-300, 300],
  cos: [-300, 300],
  tan: [-1.5, 1.5],
  atan: [-50, 50],
  asin: [-1, 1],
  acos: [-1, 1],
  sinh: [-10, 10],
  cosh: [-10, 10],
  asinh: [-50, 50],
  acosh: [1, 50],
  atanh: [-0.99, 0.99],
};

describe('circular and hyperbolic functions', () => {
  it.each(Object.keys(ranges) as (keyof typeof ours)[])('%s agrees with the engine', (name) => {
    const [lo, hi] = ranges[name];
    for (let i = 0; i <= 4000; i++) {
      const x = lo + ((hi - lo) * i) / 4000;
      const want = Math[name](x);
      expect(Math.abs(ours[name](x) - want)).toBeLessThan(1e-14 * Math.max(1, Math.abs(want)));
    }
  });

  it('are not numbers outside their domain', () => {
    expect([ours.asin(2), ours.acos(-2), ours.acosh(0.5), ours.atanh(2), ours.sin(1 / 0)]).toEqual(
      new Array(5).fill(Number.NaN),
    );
  });
});
