import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.js';
import { Random } from './random.js';

describe('the queue of events', () => {
  it('gives them by time, and in the order of entry where times are equal', () => {
    const random = new Random(7);
    const queue = new EventQueue<number>();
    const entered = Array.from({ length: 500 }, (_, k) => ({ at: random.below(40), k }));
    for (const { at, k } of entered) queue.push(at, k);
    const out: number[] = [];
    for (let next = queue.pop(); next; next = queue.pop()) out.push(next.event);
    expect(out).toEqual([...entered].sort((a, b) => a.at - b.at || a.k - b.k).map(({ k }) => k));
  });
});

describe('random numbers', () => {
  it('are the same on every machine', () => {
    const random = new Random(1);
    expect([random.word(), random.word(), random.below(1_000), random.between(5, 9)]).toMatchInlineSnapshot(`
      [
        3219067074,
        3573976570,
        35,
        9,
      ]
    `);
    expect(random.hex(2)).toMatch(/^0x[0-9a-f]{16}$/);
    expect(new Random(2).word()).not.toBe(new Random(1).word());
  });

  it('are spread evenly', () => {
    const random = new Random(3);
    const counts = new Array<number>(10).fill(0);
    for (let k = 0; k < 20_000; k++) counts[random.below(10)]++;
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });
});
