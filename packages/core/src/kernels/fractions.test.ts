import { describe, it } from 'vitest';
import { P } from '../field/m31.js';
import { element, everyBackend, largest, lengths, long, put, words } from '../testing/every-backend.js';

describe('kernels of fractions on every backend', () => {
  const { same } = everyBackend();

  it('lookupDenominators', () => {
    for (const n of [...lengths, long]) {
      for (const pair of [0, 1]) {
        same(`${n}, ${pair}`, (k) => {
          const a = put(k, words(n, 1), 1);
          const b = put(k, words(n, 2), 2);
          const dst = k.alloc(16 * n);
          k.lookupDenominators(dst, a, pair && b, n, element(3), element(4), largest);
          return k.u32(dst, 4 * n);
        });
      }
    }
  });

  it('fractionUp, fractionRound and fractionFold', () => {
    for (const n of [...lengths, 6001]) {
      same(`up ${n}`, (k) => {
        const p = put(k, words(8 * n, 1));
        const q = put(k, words(8 * n, 2));
        const dst = k.alloc(32 * n);
        k.fractionUp(dst, dst + 16 * n, p, q, n);
        return k.u32(dst, 8 * n);
      });
      same(`up from base ${n}`, (k) => {
        const p = put(k, words(2 * n, 1));
        const q = put(k, words(8 * n, 2));
        const dst = k.alloc(32 * n);
        k.fractionUpBase(dst, dst + 16 * n, p, q, n);
        return k.u32(dst, 8 * n);
      });
      same(`round ${n}`, (k) => {
        const p = put(k, words(16 * n, 1));
        const q = put(k, words(16 * n, 2));
        const logLow = n % 7;
        const low = put(k, words(4 * 2 ** logLow, 3));
        const high = put(k, words(4 * Math.max(1, Math.ceil(n / 2 ** logLow)), 4));
        return k.fractionRound(p, q, low, logLow, high, n, element(n));
      });
      same(`round from base ${n}`, (k) => {
        const p = put(k, words(4 * n, 1));
        const q = put(k, words(16 * n, 2));
        const logLow = n % 7;
        const low = put(k, words(4 * 2 ** logLow, 3));
        const high = put(k, words(4 * Math.max(1, Math.ceil(n / 2 ** logLow)), 4));
        return k.fractionRoundBase(p, q, low, logLow, high, n, element(n));
      });
    }
    for (const n of [...lengths, 4096, 9000, 40_001]) {
      same(`fold ${n}`, (k) => {
        const src = put(k, words(16 * n, 1));
        const dst = k.alloc(32 * n);
        k.fractionFold(dst, src, n, element(2));
        return k.u32(dst, 8 * n);
      });
      same(`fold in place ${n}`, (k) => {
        const src = put(k, words(16 * n, 3));
        k.fractionFold(src, src, n, largest);
        return k.u32(src, 8 * n);
      });
    }
    const top = new Uint32Array(16 * 3000).fill(P - 1);
    same('largest', (k) => {
      const p = put(k, top);
      return k.fractionRound(p, p, p, 12, p, 3000, largest);
    });
    same('largest from base', (k) => {
      const p = put(k, top);
      const dst = k.alloc(16 * 3000);
      k.fractionUpBase(dst, dst + 16 * 1500, p, p, 1500);
      return [k.fractionRoundBase(p, p, p, 12, p, 3000, largest), [...k.u32(dst, 12000)]];
    });
  });
});
