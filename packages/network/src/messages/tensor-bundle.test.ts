import { InputError } from '@dsperse/core/verify';
import { expect, it } from 'vitest';
import { type BundledTensor, decodeBundle, encodeBundle, joinBundles } from './tensor-bundle.js';

const salt = (digit: string) => digit.repeat(64);
const one = new Map<string, BundledTensor>([
  ['a', { values: Int32Array.of(1, -2, 3), salt: salt('1') }],
  ['b', { salt: salt('2') }],
]);
const other = new Map<string, BundledTensor>([
  ['c', { values: Int32Array.of(70_000, -1), salt: salt('3') }],
  ['d', { values: Int32Array.of(300), salt: salt('4') }],
]);

it('joins bundles to what one of all tensors would be', () => {
  const joined = joinBundles([encodeBundle(one), encodeBundle(other)]);
  expect(joined).toEqual(encodeBundle(new Map([...one, ...other])));
  expect(decodeBundle(joined)).toEqual(new Map([...one, ...other]));
  expect(joinBundles([encodeBundle(one)])).toEqual(encodeBundle(one));
});

it('leaves out what is not wanted', () => {
  const joined = joinBundles([encodeBundle(one), encodeBundle(other)], (name) => name === 'd' || name === 'b');
  const left = [...one, ...other].filter(([name]) => name === 'd' || name === 'b');
  expect(joined).toEqual(encodeBundle(new Map(left)));
  expect(decodeBundle(joinBundles([encodeBundle(one)], () => false)).size).toBe(0);
  expect(decodeBundle(joinBundles([])).size).toBe(0);
});

it('joins nothing that is cut off or has more than it says', () => {
  const bytes = encodeBundle(one);
  for (const bad of [bytes.subarray(0, bytes.length - 1), Uint8Array.of(...bytes, 0)]) {
    expect(() => joinBundles([bad])).toThrow(InputError);
    expect(() => joinBundles([bad], () => false)).toThrow(InputError);
  }
});

it('joins nothing that is no bundle, and nothing that comes twice', () => {
  expect(() => joinBundles([encodeBundle(one), new Uint8Array(3)])).toThrow(InputError);
  expect(() => decodeBundle(joinBundles([encodeBundle(one), encodeBundle(one)]))).toThrow(/comes twice/);
});
