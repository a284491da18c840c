/** A model that keeps its weights in a file beside it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dsperse, temporary } from './dsperse-process.js';

const at = temporary();

/** Fields of the protocol buffers encoding; numbers are below 128. */
const number = (field: number, value: number): number[] => [field << 3, value];
const nested = (field: number, ...parts: (number[] | string)[]): number[] => {
  const body = parts.flatMap((p) => (typeof p === 'string' ? [...Buffer.from(p)] : p));
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return [(field << 3) | 2, ...length, ...body];
};
const entry = (key: string, value: string): number[] => nested(13, nested(1, key), nested(2, value));
const matrix = (field: number, name: string): number[] => {
  const dims = [2, 2].map((d) => nested(1, number(1, d)));
  return nested(field, nested(1, name), nested(2, nested(1, number(1, 1), nested(2, ...dims))));
};

/** y = x · w for 2×2 matrices, w in weights.bin from byte 16 on. */
function model(): Uint8Array {
  const weights = [entry('location', 'weights.bin'), entry('offset', '16'), entry('length', '16')];
  const tensor = nested(5, number(1, 2), number(1, 2), number(2, 1), nested(8, 'w'), ...weights, number(14, 1));
  const node = nested(1, nested(1, 'x'), nested(1, 'w'), nested(2, 'y'), nested(3, 'product'), nested(4, 'MatMul'));
  const graph = nested(7, node, nested(2, 'g'), tensor, matrix(11, 'x'), matrix(12, 'y'));
  return Uint8Array.from([...number(1, 8), ...graph, ...nested(8, nested(1, ''), number(2, 13))]);
}

it('is compiled with it, and keeps it in the program', async () => {
  mkdirSync(at('model'));
  writeFileSync(at('model/m.onnx'), model());
  writeFileSync(at('x.json'), '[[1, 2], [3, 4]]');
  const missing = await dsperse('compile', at('model/m.onnx'), '-o', at('program'), '--json');
  expect([missing.code, missing.json.error.code]).toEqual([2, 'missing-external-data']);
  writeFileSync(at('model/weights.bin'), new Uint8Array(Float32Array.of(9, 9, 9, 9, 1, 0, 0.5, 2).buffer));
  const words = ['-o', at('program'), '--calibrate', at('x.json'), '--json'];
  const compiled = await dsperse('compile', at('model/m.onnx'), ...words);
  expect(compiled.code).toBe(0);
  expect(existsSync(at('program/weights.bin'))).toBe(true);
  const run = await dsperse('run', at('program'), '-i', at('x.json'), '--json');
  expect(run.json.outputs.y.data.map((y: number) => Math.round(y * 10) / 10)).toEqual([2, 4, 5, 8]);
  const again = await dsperse('slice', at('program'), '-o', at('again'), '--slices', '1', '--json');
  expect(again.json.fingerprint).toBe(compiled.json.fingerprint);
  writeFileSync(at('program/weights.bin'), new Uint8Array(32));
  const damaged = await dsperse('slice', at('program'), '-o', at('third'), '--slices', '1', '--json');
  expect([damaged.code, damaged.json.error.code]).toEqual([2, 'damaged-artifact']);
});
