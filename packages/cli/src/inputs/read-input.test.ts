import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { npyFile } from '../../../../tests/fixtures/npy-file.js';
import { encodePng } from '../png.js';
import type { ExpectedTensor } from './bind-input.js';
import { readCalibration } from './read-calibration.js';
import { readInput } from './read-input.js';

const directory = mkdtempSync(join(tmpdir(), 'dsperse-inputs-'));
afterAll(() => rmSync(directory, { recursive: true }));

let counter = 0;
function file(ending: string, content: string | Uint8Array): string {
  const path = join(directory, `${counter++}${ending}`);
  writeFileSync(path, content);
  return path;
}
const json = (value: unknown): string => file('.json', JSON.stringify(value));
const floats = (...x: number[]): Uint8Array => new Uint8Array(Float32Array.from(x).buffer);

const X: ExpectedTensor = { name: 'x', dtype: 'float32', dims: [2, 2] };
const IDS: ExpectedTensor = { name: 'ids', dtype: 'int64', dims: [1, 3] };
const numbers = (paths: string | string[], ...expected: ExpectedTensor[]) =>
  [...readInput([paths].flat(), expected)].map(([name, t]) => [name, [...t.data], t.dims]);

describe('inputs', () => {
  it.each([
    ['flat lists', { input_data: [[1, 2, 3, 4]] }],
    [
      'a nested list',
      {
        input_data: [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      },
    ],
    [
      'the tensor itself',
      {
        input_data: [
          [1, 2],
          [3, 4],
        ],
      },
    ],
    ['with other keys beside', { input_data: [[1, 2, 3, 4]], output_data: [[0]], input_shapes: [[4]] }],
    [
      'by name',
      {
        x: [
          [1, 2],
          [3, 4],
        ],
      },
    ],
    ['by name, flat', { x: [1, 2, 3, 4] }],
    ['bare and flat', [1, 2, 3, 4]],
    [
      'bare and nested',
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ])('JSON: %s', (_, value) => {
    expect(numbers(json(value), X)).toEqual([['x', [1, 2, 3, 4], [2, 2]]]);
  });

  it('JSON for several inputs, in order and by name', () => {
    const both = [
      ['x', [1, 2, 3, 4], [2, 2]],
      ['ids', [5, 6, 7], [1, 3]],
    ];
    expect(
      numbers(
        json({
          input_data: [
            [1, 2, 3, 4],
            [5, 6, 7],
          ],
        }),
        X,
        IDS,
      ),
    ).toEqual(both);
    expect(numbers(json({ ids: [5, 6, 7], x: [1, 2, 3, 4] }), X, IDS)).toEqual(both);
    const two = [json([1, 2, 3, 4]), json([5, 6, 7])];
    expect(numbers([two[0], two[1]], X, IDS)).toEqual(both);
  });

  it('rounds to single precision, so that JSON and .npy agree', () => {
    const fromJson = readInput([json([0.1, 0.2, 0.3, 0.4])], [X]).get('x');
    const npy = file('.npy', npyFile('<f4', '2, 2', floats(0.1, 0.2, 0.3, 0.4)));
    expect(readInput([npy], [X]).get('x')).toEqual(fromJson);
  });

  it('reads booleans', () => {
    const expected = { name: 'b', dtype: 'bool', dims: [1, 2] };
    expect(numbers(json({ input_data: [[false, true]] }), expected)).toEqual([['b', [0, 1], [1, 2]]]);
  });

  it('reads pictures and ONNX tensors', () => {
    const picture = encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.of(0, 51, 255, 102) });
    const dims = [1, 1, 2, 2];
    const [[, pixels]] = numbers(file('.png', picture), { name: 'p', dtype: 'float32', dims });
    expect(pixels).toEqual([0, 0.2, 1, 0.4].map(Math.fround));
    // dims 2, 2; data_type 1 (float); raw data.
    const proto = Uint8Array.of(8, 2, 8, 2, 16, 1, 0x4a, 16, ...floats(1, 2, 3, 4));
    expect(numbers(file('.pb', proto), X)).toEqual([['x', [1, 2, 3, 4], [2, 2]]]);
  });

  it('reads a directory of input_0, input_1', () => {
    const set = join(directory, 'set');
    mkdirSync(set);
    writeFileSync(join(set, 'input_1.json'), '[5, 6, 7]');
    writeFileSync(join(set, 'input_0.npy'), npyFile('<f4', '4,', floats(1, 2, 3, 4)));
    expect(numbers(set, X, IDS)).toEqual([
      ['x', [1, 2, 3, 4], [2, 2]],
      ['ids', [5, 6, 7], [1, 3]],
    ]);
  });

  it('takes open dimensions from the file, or a batch of one', () => {
    const open: ExpectedTensor = { name: 'x', dtype: 'float32', dims: [undefined, 2] };
    expect(
      numbers(
        json({
          x: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        }),
        open,
      ),
    ).toEqual([['x', [1, 2, 3, 4, 5, 6], [3, 2]]]);
    expect(numbers(json([1, 2]), open)).toEqual([['x', [1, 2], [1, 2]]]);
    expect(() => numbers(json([1, 2]), { ...open, dims: [2, undefined] })).toThrow(/--input-shape x=2,N|is open/);
  });

  it.each([
    ['too few numbers', '[1, 2, 3]', /input x has 3 numbers, expected 4 for the shape \[2, 2\]/],
    ['another shape', '{"x": [[1, 2, 3, 4]]}', undefined],
    ['a wrong shape', '{"x": [[[1], [2], [3], [4]]]}', undefined],
    ['a ragged list', '[[1, 2], [3]]', /ragged/],
    ['a text', '[1, 2, 3, "four"]', /the text "four"/],
    ['null', '[1, 2, 3, null]', /null/],
    ['NaN, as Python writes it', '{"input_data": [[1, 2, NaN, 4]]}', /input x holds NaN at 2/],
    ['Infinity', '[1, -Infinity, 3, 4]', /input x holds -Infinity at 1/],
    ['an unknown name', '{"y": [1, 2, 3, 4]}', /no input y/],
    ['an empty file', '', /is empty/],
    ['no JSON', 'hello', /not JSON/],
    ['a number', '7', /no tensors/],
    ['an empty object', '{}', /no tensors/],
    ['too many tensors', '{"input_data": [[1, 2, 3, 4], [5]]}', /ragged|2 tensors/],
  ])('refuses %s', (_, text, message) => {
    const path = file('.json', text);
    if (message) expect(() => numbers(path, X)).toThrow(message);
    else expect(() => numbers(path, { ...X, dims: [4, 2] })).toThrow(/expected/);
  });

  it('refuses a transposed tensor, fractions for integers, missing inputs, unknown endings', () => {
    const wide = { name: 'x', dtype: 'float32', dims: [2, 3] };
    expect(() =>
      numbers(
        json([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
        wide,
      ),
    ).toThrow(/has the shape \[3, 2\], expected \[2, 3\]/);
    expect(() => numbers(json({ ids: [1, 2.5, 3] }), IDS)).toThrow(/input ids holds 2.5 at 1, expected int64/);
    expect(() => numbers(json({ x: [1, 2, 3, 4] }), X, IDS)).toThrow(/input ids is missing/);
    expect(() => numbers(file('.csv', '1,2'), X)).toThrow(/no known format/);
    expect(() => numbers(join(directory, 'nowhere.json'), X)).toThrow(/ENOENT/);
    expect(() => numbers(file('.pb', Uint8Array.of(1, 2, 3)), X)).toThrow(
      expect.objectContaining({ code: 'broken-pb' }),
    );
  });
});

describe('calibration', () => {
  const samples = (...paths: string[]) => readCalibration(paths, [X]).map((s) => [...(s.get('x')?.data ?? [])]);

  it('takes one input of a file, many of a list, all of a directory', () => {
    const [a, b] = [{ input_data: [[1, 2, 3, 4]] }, { input_data: [[5, 6, 7, 8]] }];
    expect(samples(json(a))).toEqual([[1, 2, 3, 4]]);
    expect(samples(json([a, b]))).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    expect(
      samples(
        json([
          [1, 2, 3, 4],
          [5, 6, 7, 8],
          [9, 9, 9, 9],
        ]),
      ),
    ).toHaveLength(3);
    expect(
      samples(
        json([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toEqual([[1, 2, 3, 4]]);
    const many = join(directory, 'many');
    mkdirSync(many);
    writeFileSync(join(many, 'a.json'), JSON.stringify(a));
    writeFileSync(join(many, 'b.json'), JSON.stringify([b, b]));
    writeFileSync(join(many, 'notes.txt'), 'no input');
    expect(samples(many)).toHaveLength(3);
    expect(samples(json(a), many)).toHaveLength(4);
  });

  it('takes an array of many samples apart', () => {
    const one: ExpectedTensor = { name: 'x', dtype: 'float32', dims: [1, 2] };
    const path = file('.npy', npyFile('<f4', '3, 2', floats(1, 2, 3, 4, 5, 6)));
    expect(readCalibration([path], [one]).map((s) => [...(s.get('x')?.data ?? [])])).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it('refuses an empty list and an empty directory', () => {
    expect(() => samples(json([]))).toThrow(/no samples/);
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    expect(() => samples(empty)).toThrow(/no inputs/);
  });
});
