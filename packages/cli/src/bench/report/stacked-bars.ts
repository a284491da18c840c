/** Bars of parts, one for each name, all of the same length. */
import { COLOURS, type Drawing, FAINT } from './svg.js';

export interface Bar {
  readonly name: string;
  readonly parts: readonly number[];
  /** What the whole comes to, in words. */
  readonly total: string;
}

const LINE = 26;
const TOP = 84;
const LEFT = 180;
const RIGHT = 90;

export const stackedHeight = (bars: number): number => TOP + LINE * bars + 40;

export function drawStacked(d: Drawing, title: string, names: readonly string[], bars: readonly Bar[]): void {
  const width = d.width - LEFT - RIGHT;
  d.text(16, 24, title, { bold: true, size: 15 });
  let x = LEFT;
  names.forEach((name, i) => {
    d.rect(x, 42, 14, 14, COLOURS[i % COLOURS.length]);
    d.text(x + 20, 54, name);
    x += 36 + 7.2 * name.length;
  });
  bars.forEach((bar, k) => {
    const y = TOP + LINE * k;
    const sum = bar.parts.reduce((a, b) => a + b, 0);
    d.text(LEFT - 10, y + 14, bar.name, { anchor: 'end' });
    let at = LEFT;
    bar.parts.forEach((part, i) => {
      const length = (width * part) / sum;
      d.rect(at, y, length, LINE - 7, COLOURS[i % COLOURS.length]);
      const percent = `${Math.round((100 * part) / sum)} %`;
      if (length > 38)
        d.text(at + length / 2, y + 14, percent, { anchor: 'middle', size: 11.5, colour: '#ffffff', bold: true });
      at += length;
    });
    d.text(LEFT + width + 8, y + 14, bar.total, { colour: FAINT });
  });
  const bottom = TOP + LINE * bars.length;
  for (const percent of [0, 25, 50, 75, 100]) {
    const at = LEFT + (width * percent) / 100;
    d.text(at, bottom + 16, `${percent} %`, { anchor: 'middle', size: 12, colour: FAINT });
  }
}
