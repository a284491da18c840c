/** Relations drawn at random: both verifiers accept the truth, and neither a lie about the output. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BoundaryMode } from '../../packages/core/src/proof/slice-protocol.js';
import { RelationBuilder } from '../../packages/core/src/relation/builder.js';
import type { AxisIndex, LinearMap, ValueId } from '../../packages/core/src/relation/relation.js';
import { secondOpinion } from './bigint-verifier.js';
import { type Attempt, attempt, executeWith, type Model, PRESET, verdict } from './dishonest-prover.js';
import { changed, ramp, toOutput } from './relations.js';

type Draw = (least: number, most: number) => number;

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function drawDims(draw: Draw, most = 4): number[] {
  const rank = draw(0, 3);
  return Array.from({ length: rank }, () => draw(1, most));
}

/** A reading of a tensor by indices; it may leave the tensor, read one cell often, and mix indices. */
function drawAxes(draw: Draw, indices: number, src: readonly number[]): AxisIndex[] {
  return src.map(() => {
    const terms: { index: number; step: number }[] = [];
    for (let i = 0; i < indices; i++) if (draw(0, 2) === 0) terms.push({ index: i, step: draw(-1, 2) });
    return { start: draw(-1, 1), terms };
  });
}

function drawMap(draw: Draw, src: readonly number[]): { dims: number[]; map: LinearMap } {
  const kind = draw(0, 2);
  if (kind === 0 && src.length > 0) {
    const axis = draw(0, src.length - 1);
    const index = Array.from({ length: draw(1, 5) }, () => draw(-1, src[axis] - 1));
    return { dims: src.map((d, i) => (i === axis ? index.length : d)), map: { kind: 'gather', axis, index } };
  }
  if (kind === 1) {
    const n = size(src);
    const divisors = Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
    const first = divisors[draw(0, divisors.length - 1)];
    const dims = draw(0, 1) === 0 ? [first, n / first] : [1, first, 1, n / first];
    return { dims, map: { kind: 'reshape' } };
  }
  const dims = drawDims(draw);
  const sums = Array.from({ length: draw(0, 1) }, () => draw(1, 3));
  return { dims, map: { kind: 'affine', sums, axes: drawAxes(draw, dims.length + sums.length, src) } };
}

function drawModel(draw: Draw): Model {
  const b = new RelationBuilder();
  const range = { lo: -2, hi: 2 };
  const wide = { lo: -(2 ** 30), hi: 2 ** 30 };
  const numbers = (n: number) => ramp(n, () => draw(-2, 2));
  const inputDims = drawDims(draw, 5);
  const pool: ValueId[] = [b.input('x', inputDims, range)];
  const inputs = [numbers(size(inputDims))];
  const constants: ValueId[] = [];
  for (let i = draw(0, 3); i > 0; i--) {
    const dims = drawDims(draw, 5);
    constants.push(b.constant(`c${i}`, dims, numbers(size(dims))));
  }
  pool.push(...constants);
  const pick = () => pool[draw(0, pool.length - 1)];
  const limbs: ValueId[] = [];
  for (let step = draw(2, 5); step > 0; step--) {
    const kind = draw(0, 2);
    if (kind === 0) {
      const src = pick();
      const { dims, map } = drawMap(draw, b.dims(src));
      const terms = [{ src, coef: draw(-2, 3), map }];
      pool.push(b.linear(`linear${step}`, dims, terms, draw(-1, 1), wide));
    } else if (kind === 1) {
      const [p, q] = [pick(), pick()];
      const dims = drawDims(draw);
      const sums = Array.from({ length: draw(0, 2) }, () => draw(1, 3));
      const n = dims.length + sums.length;
      const [axesA, axesB] = [drawAxes(draw, n, b.dims(p)), drawAxes(draw, n, b.dims(q))];
      pool.push(b.contract(`product${step}`, dims, p, q, sums, axesA, axesB, wide));
    } else {
      // A committed copy of the input, in a range of three bits.
      const id = pool[0];
      const y = b.witness(`copy${step}`, b.dims(id), range, { kind: 'copy', src: id });
      const axes = b.dims(id).map((_, i) => ({ start: 0, terms: [{ index: i, step: 1 }] }));
      const terms = [{ src: y, coef: 1, map: { kind: 'affine' as const, sums: [], axes } }];
      limbs.push(b.linear(`from${step}`, b.dims(id), terms, 2));
      pool.push(y);
    }
  }
  for (const id of limbs) b.lookup(b.rangeTable(3), id);
  toOutput(b, pool[pool.length - 1]);
  // Under one root: in one oracle, or in an oracle for each.
  const oracles = draw(0, 1) === 0 ? undefined : constants.map((id) => [id]);
  return { relation: b.build(), constants: b.constants, inputs, oracles };
}

const modes: BoundaryMode[] = ['public', 'clear', 'merkle'];
const both = (a: Attempt): [string, string] => [verdict(a), secondOpinion(a)];

describe('random relations', () => {
  it('are proven, and their verifiers agree', () => {
    let proven = 0;
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(2 ** 20)), (stream) => {
        const draw: Draw = (least, most) => least + ((stream.next().value as number) % (most - least + 1));
        const model = drawModel(draw);
        const honest = executeWith(model, new Map());
        const [out] = model.relation.outputs;
        // Products of products may leave 31 bits; such a relation says nothing.
        const large = model.relation.values.some((_, id) => honest.get(id).some((x) => Math.abs(x) > 2 ** 24));
        if (large) return;
        // Rows, folds and the last message of any length.
        const lengths = {
          logFinal: draw(0, 4),
          minLogRow: draw(0, 4),
          maxLogRow: draw(4, 10),
          programLogRow: draw(0, 5),
          logFreeWord: draw(2, 8),
        };
        const preset = { ...PRESET, queries: 16, grindingBits: 0, ...lengths };
        const chosen = [modes[draw(0, 2)], modes[draw(0, 2)]];
        expect(both(attempt(model, chosen, {}, preset))).toEqual(['accepted', 'accepted']);
        const data = honest.get(out);
        const cell = draw(0, data.length - 1);
        const lie = { values: new Map([[out, changed(data, { [cell]: data[cell] + 1 })]]) };
        const [first, second] = both(attempt(model, chosen, lie, preset));
        expect(first).not.toBe('accepted');
        expect(second).toBe(first);
        proven++;
      }),
      { numRuns: 150, seed: 20240704 },
    );
    expect(proven).toBeGreaterThan(100);
  });
});
