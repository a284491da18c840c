/**
 * Throughput of every kernel, plain TypeScript against WebAssembly: `npx vitest bench --run packages/core/src/kernels`.
 * What is compared runs in turns; the best turn of each counts.
 */
import { bench, describe } from 'vitest';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { createKernels, type Kernels, type Ptr } from './index.js';

interface Case {
  readonly name: string;
  /** What is counted, per run. */
  readonly count: number;
  readonly unit: string;
  readonly run: (k: Kernels, at: Buffers) => void;
}

/** Room for the operands, filled with field elements, and for results. */
interface Buffers {
  readonly a: Ptr;
  readonly b: Ptr;
  readonly c: Ptr;
  readonly d: Ptr;
  readonly out: Ptr;
}

const n = 2 ** 16;
const rho: Ext = [123456789, 987654321, 1234567891, 2147483646];

function prepare(k: Kernels): Buffers {
  const filled = (bytes: number): Ptr => {
    const ptr = k.alloc(bytes);
    const view = k.u32(ptr, bytes / 4);
    let x = ptr + 1;
    for (let i = 0; i < view.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0;
      view[i] = (x >>> 1) % P;
    }
    return ptr;
  };
  const [a, b, c, d] = [1, 2, 3, 4].map(() => filled(16 * n));
  return { a, b, c, d, out: k.alloc(64 * n) };
}

const encodeCase = (log: number, stride: number): Case => ({
  name: `encode 2^${log} × ${stride}`,
  count: 2 ** (log + 1) * stride * log,
  unit: 'butterflies',
  run: (k, { a, out }) => k.encode(out, a, log, stride),
});

const hashCase = (bytes: number): Case => ({
  name: `hashLeaves of ${bytes} bytes`,
  count: 16 * n,
  unit: 'bytes',
  run: (k, { a, out }) => k.hashLeaves(out, a, (16 * n) / bytes, bytes, bytes),
});

const axis = { outer: 16, axis: 32, outAxis: 32, inner: 32, sums: 3, start: -1, stepSum: 1, stepOut: 1 };

const cases: readonly Case[] = [
  { name: 'canonical', count: 4 * n, unit: 'elements', run: (k, { a, out }) => k.canonical(out, a, 4 * n) },
  {
    name: 'transpose 64 rows',
    count: 4 * n,
    unit: 'elements',
    run: (k, { a, out }) => k.transpose(out, a, 64, n / 16, 64),
  },
  encodeCase(13, 4),
  encodeCase(16, 4),
  encodeCase(10, 64),
  hashCase(64),
  hashCase(128),
  hashCase(512),
  { name: 'merkle', count: n / 4, unit: 'nodes', run: (k, { a }) => k.merkle(a, n / 4) },
  {
    name: 'grind (nonces of one seed)',
    count: 2 ** 12,
    unit: 'nonces',
    run: (k) => {
      // This seed's first nonce with 12 zero bits is found after about 2^12 nonces.
      k.grind(new Uint8Array(32).fill(5), 12);
    },
  },
  { name: 'gatherGroups', count: n, unit: 'elements', run: (k, { a, out }) => k.gatherGroups(out, a, n / 8, 8) },
  {
    name: 'eqTable',
    count: n,
    unit: 'entries',
    run: (k, { out }) => k.eqTable(out, new Array<Ext>(16).fill(rho), rho),
  },
  {
    name: 'eqRuns, 8 in 64',
    count: n / 8,
    unit: 'entries',
    run: (k, { b, c, out }) => {
      k.u32(c, n / 32).set(Array.from({ length: n / 32 }, (_, i) => (i % 2 === 0 ? 32 * i : 8)));
      k.eqRuns(out, c, n / 64, b, 8, b);
    },
  },
  { name: 'fold', count: n, unit: 'folds', run: (k, { a, b, out }) => k.fold(out, a, b, n, rho) },
  { name: 'foldBase', count: n, unit: 'folds', run: (k, { a, b, out }) => k.foldBase(out, a, b, n, rho) },
  { name: 'productRound', count: n, unit: 'pairs', run: (k, { a, b, c, d }) => k.productRound(a, b, c, d, n) },
  {
    name: 'productCube',
    count: n,
    unit: 'cells',
    run: (k, { a, b }) => {
      const rows = (from: number, bytes: number) => Array.from({ length: 8 }, (_, i) => from + (bytes * i * n) / 8);
      k.productCube(rows(a, 4), rows(b, 16), n / 8);
    },
  },
  {
    name: 'dotRows',
    count: n,
    unit: 'cells',
    run: (k, { a, b }) => {
      k.dotRows(
        Array.from({ length: 8 }, (_, i) => a + (4 * i * n) / 8),
        b,
        n / 8,
      );
    },
  },
  {
    name: 'combineRows',
    count: n,
    unit: 'cells',
    run: (k, { a, out }) => {
      const rows = Array.from({ length: 8 }, (_, i) => a + (4 * i * n) / 8);
      k.combineRows(out, rows, new Array<Ext>(8).fill(rho), n / 8);
    },
  },
  { name: 'dot', count: n, unit: 'products', run: (k, { a, b }) => k.dot(a, b, n) },
  { name: 'dotBase', count: n, unit: 'products', run: (k, { a, b }) => k.dotBase(a, b, n) },
  {
    name: 'outerAdd 256 × 256',
    count: n,
    unit: 'products',
    run: (k, { a, b, out }) => k.outerAdd(out, 256, a, 256, b, 256, rho),
  },
  {
    name: 'contractAxis, 3 terms',
    count: 3 * 2 ** 14,
    unit: 'products',
    run: (k, { a, b, out }) => k.contractAxis(out, a, b, axis),
  },
  {
    name: 'contractAxisBase, 3 terms',
    count: 3 * 2 ** 14,
    unit: 'products',
    run: (k, { a, b, out }) => k.contractAxisBase(out, a, b, axis),
  },
  {
    name: 'lookupDenominators',
    count: n,
    unit: 'entries',
    run: (k, { a, b, out }) => k.lookupDenominators(out, a, b, n, rho, rho, rho),
  },
  {
    name: 'fractionUp',
    count: n / 2,
    unit: 'fractions',
    run: (k, { a, b, out }) => k.fractionUp(out, out + 8 * n, a, b, n / 2),
  },
  {
    name: 'fractionRound',
    count: n / 4,
    unit: 'pairs',
    run: (k, { a, b, c }) => k.fractionRound(a, b, c, 7, c, n / 4, rho),
  },
  { name: 'fractionFold', count: n / 4, unit: 'pairs', run: (k, { a, out }) => k.fractionFold(out, a, n / 4, rho) },
  {
    name: 'matmulInt 128 × 256 × 256',
    count: 128 * 256 * 256,
    unit: 'products',
    run: (k, { a, b, out }) => k.matmulInt(out, a, b, 128, 256, 256),
  },
  {
    name: 'matmulInt, 16-bit',
    count: 128 * 256 * 256,
    unit: 'products',
    run: (k, { c, d, out }) => k.matmulInt(out, c, d, 128, 256, 256),
  },
];

function milliseconds(body: () => void): number {
  const start = performance.now();
  body();
  return performance.now() - start;
}

async function measure(): Promise<void> {
  const all = [
    await createKernels({ backend: 'reference' }),
    await createKernels({ threads: 1 }),
    await createKernels({ threads: 2 }),
  ];
  const buffers = all.map(prepare);
  const lines = [['', 'reference', 'wasm × 1', '', 'wasm × 2', '']];
  for (const c of cases) {
    if (c.name.endsWith('16-bit')) {
      all.forEach((k, i) => {
        for (const ptr of [buffers[i].c, buffers[i].d]) k.i32(ptr, n).set(k.i32(ptr, n).map((x) => (x << 16) >> 16));
      });
    }
    const best = all.map(() => Number.POSITIVE_INFINITY);
    for (let turn = 0; turn < 40; turn++) {
      all.forEach((k, i) => {
        if (i > 0 || turn % 20 === 0)
          best[i] = Math.min(
            best[i],
            milliseconds(() => c.run(k, buffers[i])),
          );
      });
    }
    const rate = (ms: number): string => `${(c.count / ms / 1000).toPrecision(3)} M ${c.unit}/s`;
    const ratio = (ms: number): string => `${(best[0] / ms).toPrecision(3)}×`;
    lines.push([c.name, rate(best[0]), rate(best[1]), ratio(best[1]), rate(best[2]), ratio(best[2])]);
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  console.log(lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i])).join('  ')).join('\n'));
  await Promise.all(all.map((k) => k.close()));
}

describe('kernels', () => {
  bench('all of them, once', measure, { iterations: 1, time: 0, warmupIterations: 0, warmupTime: 0 });
});
