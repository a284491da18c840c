import { describe, expect, it } from 'vitest';
import { Arrays } from './arrays.js';

describe('arrays that are used again', () => {
  it('are the same memory, as it was left or zeros', () => {
    const arrays = new Arrays(1_000);
    const first = arrays.take(10).fill(7);
    arrays.give(first);
    expect(arrays.freeBytes).toBe(40);
    const again = arrays.take(10);
    expect(again).toBe(first);
    expect(again[3]).toBe(7);
    expect(arrays.freeBytes).toBe(0);
    arrays.give(again);
    const zeros = arrays.zeros(10);
    expect(zeros).toBe(first);
    expect([...zeros]).toEqual(new Array(10).fill(0));
    expect(arrays.take(10)).not.toBe(first);
  });

  it('of other lengths are new', () => {
    const arrays = new Arrays(1_000);
    const given = new Int32Array(10);
    arrays.give(given);
    expect(arrays.take(9)).not.toBe(given);
    expect(arrays.take(10)).toBe(given);
  });

  it('are kept up to so many bytes: the lengths that were used last', () => {
    const arrays = new Arrays(100);
    arrays.give(new Int32Array(10));
    arrays.give(new Int32Array(10));
    const other = new Int32Array(5);
    arrays.give(other);
    expect(arrays.freeBytes).toBe(100);
    const last = new Int32Array(1);
    arrays.give(last);
    expect(arrays.freeBytes).toBe(24);
    expect(arrays.take(5)).toBe(other);
    expect(arrays.take(1)).toBe(last);
    arrays.give(new Int32Array(26));
    expect(arrays.freeBytes).toBe(0);
  });
});
