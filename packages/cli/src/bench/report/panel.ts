/** A chart with two axes: points, lines between them, names beside them. */
import { type Axis, place } from './axis.js';
import { COLOURS, type Drawing, FAINT, GRID, INK } from './svg.js';

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly name?: string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Points are joined. */
  readonly joined?: boolean;
  readonly hollow?: boolean;
  /** Number of the colour; its place in the list where nothing is said. */
  readonly colour?: number;
}

export interface Panel {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly xTick: (value: number) => string;
  readonly yTick: (value: number) => string;
  readonly series: readonly Series[];
  /** Names of series stand in a column to the right of their last points, instead of a legend. */
  readonly namesAtEnd?: boolean;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const LEGEND_LINE = 18;

/** Draws the panel in a box, axes, titles and legend included. */
export function drawPanel(d: Drawing, box: Box, panel: Panel): void {
  const legend = panel.series.length > 1 && !panel.namesAtEnd ? panel.series.length * LEGEND_LINE : 0;
  const plot: Box = {
    x: box.x + 82,
    y: box.y + 34 + legend,
    width: box.width - 102,
    height: box.height - 34 - legend - 52,
  };
  const px = (value: number): number => plot.x + plot.width * place(panel.x, value);
  const py = (value: number): number => plot.y + plot.height * (1 - place(panel.y, value));
  d.text(box.x + 16, box.y + 20, panel.title, { bold: true, size: 15 });
  drawAxes(d, plot, panel, px, py);
  const taken: Box[] = panel.series.flatMap((s) =>
    s.points.map((p) => ({ x: px(p.x) - 6, y: py(p.y) - 6, width: 12, height: 12 })),
  );
  panel.series.forEach((s, i) => {
    const colour = COLOURS[(s.colour ?? i) % COLOURS.length];
    if (legend > 0) {
      const y = box.y + 42 + i * LEGEND_LINE;
      if (s.joined) d.line(plot.x - 6, y - 4, plot.x + 18, y - 4, colour, 2, s.hollow);
      d.dot(plot.x + 6, y - 4, colour, s.hollow);
      d.text(plot.x + 26, y, s.name, { size: 13 });
    }
    if (s.joined) {
      s.points.slice(1).forEach((p, k) => {
        const q = s.points[k];
        d.line(px(q.x), py(q.y), px(p.x), py(p.y), colour, 2, s.hollow);
      });
    }
    for (const p of s.points) d.dot(px(p.x), py(p.y), colour, s.hollow);
  });
  if (panel.namesAtEnd) nameEnds(d, panel.series, px, py);
  for (const s of panel.series)
    for (const p of s.points) if (p.name) drawName(d, p.name, px(p.x), py(p.y), plot, taken);
}

function drawAxes(
  d: Drawing,
  plot: Box,
  panel: Panel,
  px: (value: number) => number,
  py: (value: number) => number,
): void {
  const bottom = plot.y + plot.height;
  for (const tick of panel.y.ticks) {
    d.line(plot.x, py(tick), plot.x + plot.width, py(tick), GRID);
    d.text(plot.x - 8, py(tick) + 4, panel.yTick(tick), { anchor: 'end', size: 12, colour: FAINT });
  }
  let edge = Number.NEGATIVE_INFINITY;
  for (const tick of panel.x.ticks) {
    const x = px(tick);
    d.line(x, plot.y, x, bottom, GRID);
    const words = panel.xTick(tick);
    if (x - 4 * words.length < edge) continue;
    d.text(x, bottom + 18, words, { anchor: 'middle', size: 12, colour: FAINT });
    edge = x + 4 * words.length;
  }
  d.line(plot.x, bottom, plot.x + plot.width, bottom, INK);
  d.line(plot.x, plot.y, plot.x, bottom, INK);
  d.text(plot.x + plot.width / 2, bottom + 40, panel.xTitle, { anchor: 'middle' });
  d.text(plot.x - 64, plot.y + plot.height / 2, panel.yTitle, { anchor: 'middle', turn: -90 });
}

const END_LINE = 15;

/** A column of names, in the order of the points and apart from each other, each joined to its point. */
function nameEnds(
  d: Drawing,
  series: readonly Series[],
  px: (value: number) => number,
  py: (value: number) => number,
): void {
  const ends = series.map((s, i) => {
    const { x, y } = s.points[s.points.length - 1];
    return { name: s.name, colour: COLOURS[(s.colour ?? i) % COLOURS.length], x: px(x), y: py(y), at: py(y) };
  });
  ends.sort((a, b) => a.y - b.y);
  // Pushed apart around their middle: half a step up or down for every two that are too close.
  for (let pass = 0; pass < 200; pass++) {
    ends.slice(1).forEach((end, i) => {
      const gap = END_LINE - (end.at - ends[i].at);
      if (gap <= 0.1) return;
      ends[i].at -= gap / 2;
      end.at += gap / 2;
    });
  }
  for (const { name, colour, x, y, at } of ends) {
    d.line(x + 6, y, x + 30, at, colour);
    d.text(x + 34, at + 4, name, { size: 12 });
  }
}

/** At the first place around the point where it hides nothing. */
function drawName(d: Drawing, name: string, x: number, y: number, plot: Box, taken: Box[]): void {
  const width = 6.4 * name.length;
  const at = (left: number, base: number): Box => ({ x: left, y: base - 10, width, height: 12 });
  const places: Box[] = [];
  for (const far of [0, 12, 24, 36]) {
    places.push(at(x + 8, y + 4 - far), at(x - width - 8, y + 4 - far), at(x + 8, y + 4 + far));
    places.push(at(x - width - 8, y + 4 + far), at(x - width / 2, y - 9 - far), at(x - width / 2, y + 18 + far));
  }
  const inside = (b: Box): boolean =>
    b.x >= plot.x &&
    b.x + b.width <= plot.x + plot.width + 16 &&
    b.y >= plot.y &&
    b.y + b.height <= plot.y + plot.height;
  const free = (b: Box): boolean => inside(b) && !taken.some((t) => overlap(t, b));
  const best = places.find(free) ?? places[0];
  taken.push(best);
  d.text(best.x, best.y + 10, name, { size: 11.5 });
}

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
