import { describe, expect, it } from 'vitest';
import { VerifierChannel } from '../argument/channel.js';
import { PRESETS } from '../argument/presets.js';
import { commitTree } from '../argument/prove-oracles.js';
import { Rejected } from '../argument/rejected.js';
import { asInt32, type Integers } from '../base/integers.js';
import { createKernels, type Kernels } from '../kernels/index.js';
import { createReferenceKernels } from '../kernels/reference.js';
import { at, axis, identityMap, RelationBuilder } from '../relation/builder.js';
import { execute } from '../relation/execute.js';
import { contractOn } from './contract-by-matmul.js';
import { commitBoundary, constantsData, proveSlice, valuesRead } from './prove.js';
import { type BoundaryMode, type SliceShape, sliceProtocol } from './slice-protocol.js';
import { constantValues, ownConstants, sliceShape } from './slice-shape.js';

/** conv 2→3 channels, 3×3, stride 1, pad 1 over 5×5, rescale by 2^4, relu; then 2×2 max over rows; residual copy. */
function small() {
  const b = new RelationBuilder();
  const x = b.input('x', [1, 2, 5, 5], { lo: -8, hi: 7 });
  const w = b.constant(
    'w',
    [9, 3, 2],
    Int32Array.from({ length: 54 }, (_, i) => ((i * 7) % 11) - 5),
  );
  const bias = b.constant('bias', [3], Int32Array.from([5, -9, 40]));
  const acc = b.contract(
    'acc',
    [1, 3, 5, 5],
    x,
    w,
    [2, 3, 3],
    [
      axis(0),
      axis(4),
      {
        start: -1,
        terms: [
          { index: 2, step: 1 },
          { index: 5, step: 1 },
        ],
      },
      {
        start: -1,
        terms: [
          { index: 3, step: 1 },
          { index: 6, step: 1 },
        ],
      },
    ],
    [
      {
        start: 0,
        terms: [
          { index: 5, step: 3 },
          { index: 6, step: 1 },
        ],
      },
      axis(1),
      axis(4),
    ],
  );
  const dims = [1, 3, 5, 5];
  const z = b.linear('z', dims, [
    { src: acc, coef: 1, map: identityMap(4) },
    { src: bias, coef: 1, map: { kind: 'affine', sums: [], axes: [axis(1)] } },
  ]);
  const q = b.witness('q', dims, { lo: -64, hi: 63 }, { kind: 'quotient', src: z, shift: 4 });
  const r = b.linear(
    'r',
    dims,
    [
      { src: z, coef: 1, map: identityMap(4) },
      { src: q, coef: -16, map: identityMap(4) },
    ],
    8,
  );
  b.lookup(b.rangeTable(4), r);
  const relu = b.functionTable('relu', -64, () => Int32Array.from({ length: 128 }, (_, i) => Math.max(0, i - 64)));
  const y = b.witness('y', dims, { lo: 0, hi: 63 }, { kind: 'table', src: q, table: relu });
  b.lookup(relu, q, y);
  // sum of 2×2 windows with stride 2, as a boundary output
  const pooled = b.linear(
    'pooled',
    [1, 3, 2, 2],
    [
      {
        src: y,
        coef: 1,
        map: {
          kind: 'affine',
          sums: [2, 2],
          axes: [
            at(0),
            axis(1),
            {
              start: 0,
              terms: [
                { index: 2, step: 2 },
                { index: 4, step: 1 },
              ],
            },
            {
              start: 0,
              terms: [
                { index: 3, step: 2 },
                { index: 5, step: 1 },
              ],
            },
          ],
        },
      },
    ],
  );
  const flat = b.linear('flat', [12], [{ src: pooled, coef: 1, map: { kind: 'reshape' } }]);
  const square = b.contract('square', [12], flat, flat, [], [axis(0)], [axis(0)]);
  const out = b.witness('out', [12], { lo: 0, hi: 63504 }, { kind: 'copy', src: square });
  b.zero(
    b.linear(
      'same',
      [12],
      [
        { src: out, coef: 1, map: identityMap(1) },
        { src: square, coef: -1, map: identityMap(1) },
      ],
    ),
  );
  b.output(out);
  return { relation: b.build(), constants: b.constants };
}

const input = Int32Array.from({ length: 50 }, (_, i) => ((i * 5) % 16) - 8);

/** The arrays that constants are held in. */
type Held = (data: Int32Array) => Integers;

function prove(
  modes: BoundaryMode[],
  held: Held = (data) => data,
  kernels: Kernels = createReferenceKernels(),
  preset = PRESETS.tiny,
) {
  const { relation, constants: wide } = small();
  const constants = new Map([...wide].map(([id, data]) => [id, held(data)]));
  const tree = commitTree(kernels, [constantsData({ relation, constants }, constantValues(relation), preset)]);
  const shape = sliceShape(relation, preset, modes, ownConstants(relation, tree.root));
  const values = execute(relation, constants, [input], contractOn(kernels), valuesRead(relation));
  const salt = new Uint8Array(32).fill(7);
  const boundary = [input, asInt32(values.get(relation.outputs[0]))].map((v, i) =>
    commitBoundary(kernels, shape, i, v, salt),
  );
  const statement = new TextEncoder().encode('statement');
  const proof = proveSlice(kernels, { prepared: { shape, constants: [tree] }, values, boundary, statement });
  return { shape, statement, boundary, proof };
}

function verify(
  shape: SliceShape,
  statement: Uint8Array,
  boundary: { commitment: Uint8Array; values: Int32Array }[],
  proof: Uint8Array,
): string {
  try {
    const channel = new VerifierChannel(proof);
    sliceProtocol(channel, shape, statement, {
      commitments: boundary.map((b) => b.commitment),
      publicValues: boundary.map((b) => b.values),
    });
    channel.end();
    return 'accepted';
  } catch (error) {
    if (error instanceof Rejected) return error.code;
    throw error;
  }
}

describe('a slice proof', () => {
  it.each([[['public', 'public']], [['clear', 'merkle']], [['merkle', 'clear']], [['merkle', 'merkle']]] as [
    BoundaryMode[],
  ][])('is accepted with boundary tensors %s, and rejected with any byte flipped', (modes) => {
    const { shape, statement, boundary, proof } = prove(modes);
    expect(verify(shape, statement, boundary, proof)).toBe('accepted');
    expect(verify(shape, new TextEncoder().encode('another'), boundary, proof)).not.toBe('accepted');
    for (let i = 0; i < proof.length; i += 13) {
      const bad = proof.slice();
      bad[i] ^= 1 << (i % 8);
      expect(verify(shape, statement, boundary, bad)).not.toBe('accepted');
    }
    expect(verify(shape, statement, boundary, proof.slice(0, -1))).toBe('truncated');
  });

  it('has the same bytes whatever the constants are held in', async () => {
    const modes: BoundaryMode[] = ['clear', 'merkle'];
    const { proof } = prove(modes);
    const kernels = await createKernels({ threads: 2 });
    const least = (data: Int32Array) => (data.every((x) => x >= -128 && x < 128) ? Int8Array.from(data) : data);
    for (const held of [(data: Int32Array) => data, (data: Int32Array) => Int16Array.from(data), least]) {
      expect(prove(modes, held).proof).toEqual(proof);
      expect(prove(modes, held, kernels).proof).toEqual(proof);
    }
    await kernels.close();
  });
});
