import { describe, expect, it } from 'vitest';
import { stack } from './layout.js';
import { fillPadded, forRuns } from './prove-oracles.js';

describe('cells of a tensor in the stack', () => {
  // The axis that padding would lengthen most leads: the last one, so that neighbours in the stack are far apart.
  it.each([[[4, 300]], [[8, 77]], [[3, 1, 200]], [[129, 4]], [[2, 3, 33]]])(
    'of dims %j stand in any window where the runs say',
    (dims) => {
      const { tensors, cells } = stack([[7, 5], dims]);
      const size = dims.reduce((a, b) => a * b, 1);
      const [, t] = tensors;
      const data = Int16Array.from({ length: size }, (_, i) => i + 1);
      const whole = new Int16Array(2 ** Math.ceil(Math.log2(cells)));
      forRuns(t, (cell, position, length, step) => {
        for (let i = 0; i < length; i++) whole[position + i] = data[cell + step * i];
      });
      expect(whole.filter((x) => x !== 0).sort()).toEqual(data);
      for (let log = 0; 2 ** log <= whole.length; log++) {
        for (let first = 0; first < whole.length; first += 2 ** log) {
          const window = new Int16Array(2 ** log);
          fillPadded(window, t, data, first);
          expect(window).toEqual(whole.subarray(first, first + 2 ** log));
        }
      }
    },
  );
});
