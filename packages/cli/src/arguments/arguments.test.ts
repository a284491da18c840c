import { describe, expect, it } from 'vitest';
import { chooseSlices, drawSlices } from './choose-slices.js';
import {
  parseHex,
  parseIndices,
  parseInputShape,
  parseShare,
  parseSlicePlan,
  parseTolerance,
  parseWhole,
} from './parse-options.js';

const usage = expect.objectContaining({ name: 'InputError', code: 'usage' });

describe('options', () => {
  it('slice plans', () => {
    expect(parseSlicePlan('auto')).toBe('auto');
    expect(parseSlicePlan('layers')).toBe('layers');
    expect(parseSlicePlan('4')).toBe(4);
    expect(parseSlicePlan('at:r1, r2')).toEqual({ at: ['r1', 'r2'] });
    for (const bad of ['', '0', '-1', '1.5', 'at:', 'at:a,,b', 'some'])
      expect(() => parseSlicePlan(bad)).toThrow(usage);
  });

  it('slice indices', () => {
    expect(parseIndices('0,2-4', 6)).toEqual([0, 2, 3, 4]);
    expect(parseIndices('3,1,1-2', 4)).toEqual([1, 2, 3]);
    for (const bad of ['', '4-2', '6', 'a', '1,', '-1', '0-6']) expect(() => parseIndices(bad, 6)).toThrow(usage);
  });

  it('input shapes', () => {
    expect(parseInputShape('image=1,3,224,224')).toEqual({ name: 'image', dims: [1, 3, 224, 224] });
    expect(parseInputShape('1x3')).toEqual({ name: undefined, dims: [1, 3] });
    expect(parseInputShape('a=b=2')).toEqual({ name: 'a=b', dims: [2] });
    for (const bad of ['', 'image=', 'image', '1,0', '1,-3', '=1', 'a=1,b']) {
      expect(() => parseInputShape(bad)).toThrow(usage);
    }
  });

  it('numbers', () => {
    expect(parseShare('25%')).toBe(0.25);
    for (const bad of ['0', '1.5', '', 'x', '-1']) expect(() => parseShare(bad)).toThrow(usage);
    expect(parseWhole('--workers', '2', 1, 64)).toBe(2);
    for (const bad of ['0', '65', '1e1', '', '2.0']) expect(() => parseWhole('--workers', bad, 1, 64)).toThrow(usage);
    expect(parseTolerance('1e-3')).toBe(0.001);
    for (const bad of ['', '-1', 'Infinity', 'x']) expect(() => parseTolerance(bad)).toThrow(usage);
    expect(parseHex('--nonce', `0x${'AB'.repeat(32)}`)).toBe('ab'.repeat(32));
    for (const bad of ['', 'ab', `${'ab'.repeat(32)}0`, 'xy'.repeat(32)]) {
      expect(() => parseHex('--nonce', bad)).toThrow(usage);
    }
  });
});

describe('the choice of slices', () => {
  it('is all of them where nothing is said', () => {
    expect(chooseSlices({}, 3)).toEqual({ indices: [0, 1, 2] });
  });

  it('is drawn the same for a seed, everywhere', () => {
    expect(drawSlices(10, 0.3, 7)).toEqual([0, 4, 7]);
    const { indices, drawn } = chooseSlices({ share: '0.5' }, 8);
    expect(drawn && drawSlices(8, drawn.share, drawn.seed)).toEqual(indices);
  });

  it('draws at least one, never one twice, and every slice at some seed', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 100; seed++) {
      const drawn = drawSlices(5, 0.4, seed);
      expect(new Set(drawn).size).toBe(2);
      for (const i of drawn) seen.add(i);
      expect(drawSlices(5, 0.001, seed)).toHaveLength(1);
      expect(drawSlices(5, 1, seed)).toEqual([0, 1, 2, 3, 4]);
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('excludes what does not go together', () => {
    expect(() => chooseSlices({ slices: '0', share: '0.5' }, 3)).toThrow(usage);
    expect(() => chooseSlices({ seed: '1' }, 3)).toThrow(usage);
  });
});
