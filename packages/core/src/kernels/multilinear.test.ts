import { describe, it } from 'vitest';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { element, everyBackend, largest, lengths, long, put, words } from '../testing/every-backend.js';
import type { Kernels, Ptr } from './index.js';

describe('multilinear kernels on every backend', () => {
  const { same } = everyBackend();

  it('eqTable', () => {
    for (const log of [0, 1, 2, 3, 7, 15]) {
      const point = Array.from({ length: log }, (_, i) => (i === 1 ? largest : element(i + log)));
      same(`2^${log}`, (k) => {
        const dst = k.alloc(16 * 2 ** log);
        k.eqTable(dst, point, element(50));
        return k.u32(dst, 4 * 2 ** log);
      });
    }
  });

  it('eqRuns', () => {
    for (const [logLow, runs] of [
      [0, [0, 1, 3, 2]],
      [2, [1, 10, 12, 0, 13, 1]],
      [5, [0, 1024]],
      [3, Array.from({ length: 1200 }, (_, i) => (i % 2 === 0 ? 5 * i : 7))],
    ] as const) {
      const cells = Math.max(...runs.map((x, i) => (i % 2 === 0 ? x + runs[i + 1] : 0)));
      same(`${runs.length / 2} runs, 2^${logLow}`, (k) => {
        const dst = k.alloc(16 * cells);
        const low = put(k, words(4 * 2 ** logLow, 1));
        const high = put(k, words(4 * Math.ceil(cells / 2 ** logLow), 2));
        k.eqRuns(dst, put(k, Uint32Array.from(runs)), runs.length / 2, low, logLow, high);
        return k.u32(dst, 4 * cells);
      });
    }
  });

  it('fold and foldBase, with null pointers and in place', () => {
    for (const n of [...lengths, long, 70_001]) {
      for (const rho of [element(n), largest]) {
        for (const [lo, hi] of [
          [1, 1],
          [0, 1],
          [1, 0],
        ]) {
          if (n > long && lo + hi < 2) continue;
          same(`fold ${n} ${lo} ${hi}`, (k) => {
            const a = put(k, words(4 * n, 1));
            const b = put(k, words(4 * n, 2), n % 4);
            const dst = k.alloc(16 * n);
            k.fold(dst, lo && a, hi && b, n, rho);
            return k.u32(dst, 4 * n);
          });
          same(`foldBase ${n} ${lo} ${hi}`, (k) => {
            const a = put(k, words(n, 3));
            const b = put(k, words(n, 4), n % 4);
            const dst = k.alloc(16 * n);
            k.foldBase(dst, lo && a, hi && b, n, rho);
            return k.u32(dst, 4 * n);
          });
        }
      }
      same(`fold from base ${n}`, (k) => {
        const src = put(k, words(4 * n, 1));
        const dst = k.alloc(32 * n);
        k.fractionFoldBase(dst, src, n, element(2));
        return k.u32(dst, 8 * n);
      });
      same(`fold in place ${n}`, (k) => {
        const a = put(k, words(8 * n, 5));
        k.fold(a, a, a + 16 * n, n, element(6));
        return k.u32(a, 4 * n);
      });
    }
  });

  it('productRound, with null pointers', () => {
    for (const n of [...lengths, 513, long]) {
      for (const mask of n === long ? [15] : [15, 14, 13, 11, 7, 10, 5, 12, 3]) {
        const on = (bit: number, ptr: Ptr): Ptr => (mask & bit ? ptr : 0);
        same(`${n}, mask ${mask}`, (k) => {
          const [f, g, w, v] = [1, 2, 3, 4].map((seed) => put(k, words(4 * n, seed), seed % 2));
          return k.productRound(on(1, f), on(2, g), on(4, w), on(8, v), n);
        });
      }
    }
  });

  it('productCube, with null pointers', () => {
    for (const n of [...lengths, 1025, 4099]) {
      for (const mask of n > 127 ? [0xffff] : [0xffff, 0xff01, 0x01ff, 0x0303, 0xfffe, 0x7f80]) {
        same(`${n}, mask ${mask}`, (k) => {
          const rows = Array.from({ length: 16 }, (_, i) => {
            const ptr = put(k, words(i < 8 ? n : 4 * n, i + 1), i < 8 ? i % 3 : 0);
            return mask & (1 << i) ? ptr : 0;
          });
          return k.productCube(rows.slice(0, 8), rows.slice(8), n);
        });
      }
    }
  });

  it('dotRows and combineRows, with null pointers', () => {
    for (const n of [...lengths, 1025, 5003]) {
      for (const mask of n > 127 ? [0xff] : [0xff, 0xfe, 0x0f, 0x55, 0x80, 0]) {
        const rowsOf = (k: Kernels): Ptr[] =>
          Array.from({ length: 8 }, (_, i) => {
            const ptr = put(k, words(n, i + 1), i % 3);
            return mask & (1 << i) ? ptr : 0;
          });
        same(`dotRows ${n}, mask ${mask}`, (k) => k.dotRows(rowsOf(k), put(k, words(4 * n, 9)), n));
        same(`combineRows ${n}, mask ${mask}`, (k) => {
          const dst = k.alloc(16 * n);
          const coefs = Array.from({ length: 8 }, (_, i) => element(i + 20));
          k.combineRows(dst, rowsOf(k), coefs, n);
          return k.u32(dst, 4 * n);
        });
      }
      same(`largest ${n}`, (k) => {
        const row = put(k, new Uint32Array(n).fill(P - 1));
        const rows = new Array<Ptr>(8).fill(row);
        const dst = k.alloc(16 * n);
        k.combineRows(dst, rows, new Array<Ext>(8).fill([P - 1, P - 1, P - 1, P - 1]), n);
        return [k.dotRows(rows, put(k, new Uint32Array(4 * n).fill(P - 1)), n), ...k.u32(dst, 4 * n)];
      });
    }
  });

  it('dot and dotBase, up to the largest sums', () => {
    for (const n of [...lengths, long, 70_001]) {
      same(`dot ${n}`, (k) => k.dot(put(k, words(4 * n, 1)), put(k, words(4 * n, 2), 3), n));
      same(`dotBase ${n}`, (k) => k.dotBase(put(k, words(n, 3), 1), put(k, words(4 * n, 4)), n));
      const top = new Uint32Array(4 * n).fill(P - 1);
      same(`largest ${n}`, (k) => {
        const a = put(k, top);
        return [k.dot(a, a, n), k.dotBase(a, a, n), k.productRound(a, a, a, a, n)];
      });
    }
  });

  it('outerAdd', () => {
    for (const [m, n, stride] of [
      [0, 5, 5],
      [5, 0, 4],
      [1, 1, 1],
      [3, 4, 4],
      [2, 5, 9],
      [17, 3, 3],
      [1, 9001, 9001],
      [3, 9001, 9003],
      [300, 64, 70],
    ]) {
      same(`${m} × ${n} of ${stride}`, (k) => {
        const dst = put(k, words(4 * (m * stride + n), 1));
        const lead = put(k, words(4 * m, 2));
        const inner = put(k, words(4 * n, 3));
        k.outerAdd(dst, stride, lead, m, inner, n, element(4));
        return k.u32(dst, 4 * (m * stride + n));
      });
    }
  });

  it('contractAxis and contractAxisBase', () => {
    const shape = (outer: number, axis: number, outAxis: number, inner: number, sums: number, at: number[]) => {
      return { outer, axis, outAxis, inner, sums, start: at[0], stepSum: at[1], stepOut: at[2] };
    };
    for (const s of [
      shape(1, 1, 1, 1, 1, [0, 0, 0]),
      shape(2, 5, 3, 4, 2, [0, 1, 2]),
      shape(3, 7, 7, 5, 3, [-1, 1, 1]),
      shape(1, 7, 9, 1, 3, [-2, 2, 1]),
      shape(2, 6, 5, 3, 4, [9, -2, -1]),
      shape(1, 8, 4, 9, 5, [-3, 3, -1]),
      shape(1, 4, 4, 6, 9, [2, 0, 1]),
      shape(1, 10, 1, 7, 10, [0, 1, 0]),
      shape(2, 3, 4, 2, 3, [20, 1, 1]),
      shape(2, 3, 0, 2, 3, [0, 1, 1]),
      shape(2, 3, 2, 0, 3, [0, 1, 1]),
      shape(2, 3, 2, 2, 0, [0, 1, 1]),
      shape(5, 30, 30, 33, 7, [-3, 1, 1]),
      shape(1, 40, 1, 3001, 40, [0, 1, 0]),
      shape(400, 9, 9, 7, 3, [-1, 1, 1]),
    ]) {
      const size = s.outer * s.axis * s.inner;
      const out = s.outer * s.outAxis * s.inner;
      same(JSON.stringify(s), (k) => {
        const src = put(k, words(4 * size, 1));
        const f = put(k, words(4 * s.sums, 2));
        const dst = k.alloc(16 * out);
        k.contractAxis(dst, src, f, s);
        return k.u32(dst, 4 * out);
      });
      same(`base ${JSON.stringify(s)}`, (k) => {
        const src = put(k, words(size, 3), 1);
        const f = put(k, words(4 * s.sums, 4));
        const dst = k.alloc(16 * out);
        k.contractAxisBase(dst, src, f, s);
        return k.u32(dst, 4 * out);
      });
    }
  });

  it('gatherGroups', () => {
    for (const [groups, arity] of [
      [0, 8],
      [1, 1],
      [5, 8],
      [64, 8],
      [3, 2],
      [9001, 8],
    ]) {
      same(`${groups} × ${arity}`, (k) => {
        const src = put(k, words(4 * groups * arity, 3));
        const dst = k.alloc(16 * groups * arity);
        k.gatherGroups(dst, src, groups, arity);
        return k.u32(dst, 4 * groups * arity);
      });
    }
  });
});
