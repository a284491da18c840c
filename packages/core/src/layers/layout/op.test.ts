import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, ints, runNode, wave } from '../../../../../tests/models/build-model.js';
import { broadcastCell, cell, expectCells } from '../../../../../tests/models/cells.js';

const shape = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

describe('layout on floats', () => {
  it('Transpose', () => {
    const permuted = shape.chain((dims) => {
      const axes = dims.map((_, i) => i);
      return fc.tuple(fc.constant(dims), fc.shuffledSubarray(axes, { minLength: axes.length }));
    });
    fc.assert(
      fc.property(permuted, ([dims, perm]) => {
        const x = wave(dims);
        expectCells(
          runNode('Transpose', [x], { perm })[0],
          perm.map((p) => dims[p]),
          (i) =>
            cell(
              x,
              dims.map((_, k) => i[perm.indexOf(k)]),
            ),
        );
        const reversed = [...dims].reverse();
        expectCells(runNode('Transpose', [x])[0], reversed, (i) => cell(x, [...i].reverse()));
      }),
    );
  });

  it('Concat, and Split back', () => {
    const parts = shape.chain((dims) =>
      fc.tuple(
        fc.constant(dims),
        fc.integer({ min: -dims.length, max: dims.length - 1 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      ),
    );
    fc.assert(
      fc.property(parts, ([dims, axis, sizes]) => {
        const a = axis < 0 ? axis + dims.length : axis;
        const tensors = sizes.map((n, k) =>
          wave(
            dims.map((d, i) => (i === a ? n : d)),
            k + 1,
          ),
        );
        const [y] = runNode('Concat', tensors, { axis });
        const total = sizes.reduce((p, q) => p + q, 0);
        expectCells(
          y,
          dims.map((d, i) => (i === a ? total : d)),
          (index) => {
            let k = 0;
            let at = index[a];
            while (at >= sizes[k]) at -= sizes[k++];
            return cell(
              tensors[k],
              index.map((p, i) => (i === a ? at : p)),
            );
          },
        );
        const back = runNode('Split', [y], { axis }, { constants: [ints(sizes)], outputs: sizes.length });
        back.forEach((t, k) => {
          expect([t.dims, t.data]).toEqual([tensors[k].dims, tensors[k].data]);
        });
      }),
    );
  });

  it('Slice with any starts, ends and steps', () => {
    const cut = fc.record({
      start: fc.integer({ min: -7, max: 7 }),
      end: fc.constantFrom(-(2 ** 62), -6, -3, -1, 0, 1, 3, 6, 2 ** 62),
      step: fc.constantFrom(-3, -2, -1, 1, 2, 3),
    });
    const sliced = shape.chain((dims) =>
      fc.tuple(fc.constant(dims), fc.array(cut, { minLength: dims.length, maxLength: dims.length })),
    );
    fc.assert(
      fc.property(sliced, ([dims, cuts]) => {
        // Positions as numpy walks them.
        const kept = dims.map((n, i) => {
          const { start, end, step } = cuts[i];
          const from = start < 0 ? start + n : start;
          const to = end < 0 ? Math.max(end + n, -1) : end;
          const positions: number[] = [];
          if (step > 0)
            for (let p = Math.min(Math.max(from, 0), n); p < Math.min(Math.max(to, 0), n); p += step) positions.push(p);
          else for (let p = Math.min(Math.max(from, 0), n - 1); p > Math.min(to, n - 1); p += step) positions.push(p);
          return positions;
        });
        fc.pre(kept.every((p) => p.length > 0));
        const x = wave(dims);
        const constants = [
          ints(cuts.map((c) => c.start)),
          ints(cuts.map((c) => c.end)),
          ints(dims.map((_, i) => i - dims.length)),
          ints(cuts.map((c) => c.step)),
        ];
        const [y] = runNode('Slice', [x], {}, { constants });
        expectCells(
          y,
          kept.map((p) => p.length),
          (index) =>
            cell(
              x,
              index.map((i, k) => kept[k][i]),
            ),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('Pad in every mode', () => {
    const padded = shape.chain((dims) =>
      fc.tuple(
        fc.constant(dims),
        fc.constantFrom('constant', 'edge', 'reflect', 'wrap'),
        fc.tuple(...dims.map((d) => fc.tuple(fc.integer({ min: -1, max: d }), fc.integer({ min: -1, max: d })))),
      ),
    );
    fc.assert(
      fc.property(padded, ([dims, mode, wanted]) => {
        // What is repeated reaches as far as there are cells, without the border in a reflection.
        const pads = dims.map((d, i) => {
          const left = d - wanted[i].filter((p) => p < 0).length;
          const most = mode === 'reflect' ? left - 1 : mode === 'wrap' ? left : d;
          return wanted[i].map((p) => Math.min(p, most));
        });
        fc.pre(mode === 'constant' || dims.every((d, i) => d > wanted[i].filter((p) => p < 0).length));
        const out = dims.map((d, i) => d + pads[i][0] + pads[i][1]);
        fc.pre(out.every((d) => d > 0));
        const x = wave(dims);
        const constants = [ints([...pads.map((p) => p[0]), ...pads.map((p) => p[1])]), floats([], [0.5])];
        const [y] = runNode('Pad', [x], { mode }, { constants, opset: 19 });
        expectCells(y, out, (index) => {
          const at = index.map((i, k) => {
            if (mode === 'constant') return i - pads[k][0];
            // Negative pads crop first; the n cells that are left, from `first` on, are repeated.
            const first = Math.max(0, -pads[k][0]);
            const n = dims[k] - first - Math.max(0, -pads[k][1]);
            const p = i - Math.max(0, pads[k][0]);
            if (mode === 'edge') return first + Math.max(0, Math.min(n - 1, p));
            if (mode === 'wrap') return first + (p < 0 ? p + n : p >= n ? p - n : p);
            return first + (p < 0 ? -p : p >= n ? 2 * (n - 1) - p : p);
          });
          return cell(x, at) ?? 0.5;
        });
      }),
      { numRuns: 300 },
    );
  });

  it('Gather, Expand and Tile', () => {
    const x = wave([3, 4]);
    const picked = ints([2, -3, 0, -1], [2, 2]);
    const [g] = runNode('Gather', [x], { axis: -1 }, { constants: [picked] });
    expectCells(g, [3, 2, 2], ([r, i, j]) => cell(x, [r, (picked.data[2 * i + j] + 4) % 4]));
    const [first] = runNode('Gather', [x], { axis: 0 }, { constants: [ints([1], [])] });
    expectCells(first, [4], ([j]) => cell(x, [1, j]));
    const [e] = runNode('Expand', [wave([3, 1])], {}, { constants: [ints([2, 1, 4])] });
    expectCells(e, [2, 3, 4], (i) => broadcastCell(wave([3, 1]), i));
    const [t] = runNode('Tile', [x], {}, { constants: [ints([2, 3])] });
    expectCells(t, [6, 12], ([i, j]) => cell(x, [i % 3, j % 4]));
  });

  it('Reshape and Flatten keep the order of cells', () => {
    const x = wave([2, 3, 4]);
    const cases: [number[], number[]][] = [
      [[-1], [24]],
      [
        [0, -1],
        [2, 12],
      ],
      [
        [4, 0, -1],
        [4, 3, 2],
      ],
      [
        [1, 2, 3, 4, 1],
        [1, 2, 3, 4, 1],
      ],
    ];
    for (const [to, dims] of cases) {
      const [y] = runNode('Reshape', [x], {}, { constants: [ints(to)] });
      expect([y.dims, y.data]).toEqual([dims, x.data]);
    }
    for (const [axis, dims] of [
      [0, [1, 24]],
      [1, [2, 12]],
      [-1, [6, 4]],
      [3, [24, 1]],
    ] as const)
      expect(runNode('Flatten', [x], { axis })[0].dims).toEqual(dims);
  });

  it('DepthToSpace in both modes, and SpaceToDepth', () => {
    const x = wave([1, 8, 2, 3]);
    const [dcr] = runNode('DepthToSpace', [x], { blocksize: 2 });
    expectCells(dcr, [1, 2, 4, 6], ([n, c, i, j]) => cell(x, [n, ((i % 2) * 2 + (j % 2)) * 2 + c, i >> 1, j >> 1]));
    const [crd] = runNode('DepthToSpace', [x], { blocksize: 2, mode: 'CRD' });
    expectCells(crd, [1, 2, 4, 6], ([n, c, i, j]) => cell(x, [n, c * 4 + (i % 2) * 2 + (j % 2), i >> 1, j >> 1]));
    const [back] = runNode('SpaceToDepth', [dcr], { blocksize: 2 });
    expect([back.dims, back.data]).toEqual([x.dims, x.data]);
  });

  it('GatherElements and ScatterElements', () => {
    const x = wave([3, 4]);
    const index = ints([2, -1, 0, 1, 2, 0], [2, 3]);
    const row = (i: number, j: number) => (index.data[i * 3 + j] + 3) % 3;
    const [g] = runNode('GatherElements', [x], { axis: 0 }, { constants: [index] });
    expectCells(g, [2, 3], ([i, j]) => cell(x, [row(i, j), j]));
    const updates = wave([2, 3], 5);
    const [s] = runNode('ScatterElements', [x], { axis: 0 }, { constants: [index, updates], opset: 18 });
    expectCells(s, [3, 4], ([i, j]) => {
      const last = [1, 0].find((k) => j < 3 && row(k, j) === i);
      return last === undefined ? cell(x, [i, j]) : cell(updates, [last, j]);
    });
  });

  it('GatherND and ScatterND', () => {
    const x = wave([2, 3, 4]);
    const index = ints([1, -1, 0, 2], [2, 2]);
    const at = [
      [1, 2],
      [0, 2],
    ];
    const [g] = runNode('GatherND', [x], {}, { constants: [index] });
    expectCells(g, [2, 4], ([r, j]) => cell(x, [...at[r], j]));
    const [b] = runNode('GatherND', [x], { batch_dims: 1 }, { constants: [ints([2, 0], [2, 1])] });
    expectCells(b, [2, 4], ([r, j]) => cell(x, [r, r === 0 ? 2 : 0, j]));
    const updates = wave([2, 4], 5);
    const [s] = runNode('ScatterND', [x], {}, { constants: [index, updates] });
    expectCells(s, [2, 3, 4], ([i, j, k]) => {
      const r = at.findIndex(([p, q]) => p === i && q === j);
      return r < 0 ? cell(x, [i, j, k]) : cell(updates, [r, k]);
    });
  });

  it('Trilu', () => {
    const x = wave([2, 3, 4]);
    for (const upper of [0, 1]) {
      for (const k of [-1, 0, 2]) {
        const [y] = runNode('Trilu', [x], { upper }, { constants: [ints([k], [])], opset: 14 });
        expectCells(y, [2, 3, 4], (i) => ((upper ? i[2] >= i[1] + k : i[2] <= i[1] + k) ? cell(x, i) : 0));
      }
    }
  });
});
