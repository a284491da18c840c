import { InputError } from '@dsperse/core/graph';
import { ProvingError } from '@dsperse/core/prove';
import { describe, expect, it } from 'vitest';
import { describeError } from './describe-error.js';
import { formatBytes, formatCount, formatIndices, formatList, formatMs } from './format.js';
import { jsonDocument } from './json-document.js';
import { pictureAsText } from './picture.js';
import { Progress } from './progress.js';
import { renderTable } from './table.js';

describe('formats', () => {
  it('are for people', () => {
    expect([999, 1000, 85_350, 999_600, 2.5e9].map(formatBytes)).toEqual([
      '999 B',
      '1.0 kB',
      '85 kB',
      '1.0 MB',
      '2.5 GB',
    ]);
    expect([1.234, 56.7, 1234, 61_000, 200_000].map(formatMs)).toEqual([
      '1.2 ms',
      '57 ms',
      '1.23 s',
      '61.0 s',
      '3.3 min',
    ]);
    expect([42, 61_706, 4_206_595].map(formatCount)).toEqual(['42', '61 706', '4.21 M']);
    expect(formatIndices([0, 1, 2, 4, 6, 7])).toBe('0-2, 4, 6, 7');
    expect(formatList(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  });

  it('keep JSON whole', () => {
    const value = { a: [1, -2.5e-7, 3], b: { 'x,\n[1, 2]': [] }, c: [[1], [2, 3]], d: ['[\n 1, 2\n]', 4], e: [0] };
    expect(JSON.parse(jsonDocument(value))).toEqual(value);
    expect(jsonDocument({ a: [1, 2] })).toBe('{\n  "a": [1, 2]\n}');
  });
});

describe('tables', () => {
  it('align, cut, and leave colours out of the widths', () => {
    const table = renderTable(
      [{ title: 'a' }, { title: 'number', align: 'right' }, { title: 'c', most: 4 }],
      [
        ['\x1b[31mred\x1b[39m', '1', 'abcdefgh'],
        ['x', '22', ''],
      ],
    );
    expect(table.split('\n').map((l) => l.replaceAll('\x1b[31m', '').replaceAll('\x1b[39m', ''))).toEqual([
      'a    number  c',
      'red       1  abc…',
      'x        22',
    ]);
  });

  it('show pictures, two rows to a line', () => {
    expect(pictureAsText([0, 1, 0, 1, 0.5, 0], 2, 3)).toBe(' @\n+');
  });
});

describe('progress', () => {
  const record = (isTTY: boolean) => {
    const written: string[] = [];
    let clock = 0;
    const progress = new Progress({ isTTY, columns: 60, write: (t) => written.push(t) }, () => clock);
    const at = (ms: number, stage: string, part: number) => {
      clock = ms;
      progress.report(stage, part);
    };
    return { written, at, progress };
  };

  it('writes no lines in the first second', () => {
    const { written, at, progress } = record(false);
    at(0, 'a', 0);
    at(999, 'a', 0.9);
    progress.done();
    expect(written).toEqual([]);
  });

  it('is a bar on a terminal, which goes away', () => {
    const { written, at, progress } = record(true);
    at(0, 'proving', 0.5);
    at(10, 'proving', 0.6);
    at(100, 'proving', 0.75);
    progress.done();
    expect(written).toHaveLength(3);
    expect(written[1]).toMatch(/█{18}░{6} {2}75% {2}proving/);
    expect(written[2]).toBe('\r\x1b[2K');
  });

  it('is now and then a line elsewhere', () => {
    const { written, at, progress } = record(false);
    at(1000, 'a', 0);
    at(1500, 'b', 0.1);
    at(2000, 'b', 0.2);
    at(3000, 'b', 0.3);
    at(7000, 'b', 0.9);
    progress.done();
    expect(written).toEqual(['a\n', 'b 20%\n', 'b 90%\n']);
  });
});

describe('errors', () => {
  it('have an exit code by their kind', () => {
    const input = describeError(new InputError('bad', 'what is wrong', 'what to do', 'conv1'));
    expect(input).toEqual({
      error: { kind: 'InputError', code: 'bad', message: 'what is wrong', hint: 'what to do', node: 'conv1' },
      exitCode: 2,
    });
    expect(describeError(new ProvingError('overflow', 'too large')).exitCode).toBe(2);
    const noSpace = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write', path: '/x' });
    expect(describeError(noSpace).error).toMatchObject({ code: 'no-space', message: 'no space is left for /x' });
    expect(describeError(new RangeError('Array buffer allocation failed'))).toMatchObject({
      error: { code: 'out-of-memory' },
      exitCode: 2,
    });
  });

  it('say that it is our bug where it is', () => {
    for (const thrown of [new TypeError('x is not a function'), 'text', undefined, { code: 'ENOENT' }]) {
      const { error, exitCode } = describeError(thrown);
      expect(exitCode).toBe(70);
      expect(error.message).toMatch(/bug in dsperse/);
    }
  });
});
