/**
 * How the ten digits are written: for each digit several styles, each a list of pen strokes.
 *
 * A style is a path in a box of 100 × 100 (x to the right, y down) in the notation of SVG paths, as far as it is needed:
 * `M` lifts the pen, `L` draws a line, `C` a cubic Bézier curve; coordinates are absolute.
 */
export const STYLES = [
  [
    'M50 5 C20 5 12 30 12 50 C12 75 25 95 50 95 C78 95 88 72 88 50 C88 25 78 5 50 5',
    'M60 8 C35 2 22 25 20 50 C18 80 35 97 52 95 C74 93 82 65 80 45 C78 22 66 8 50 10',
    'M68 12 C40 -2 10 30 14 60 C17 85 38 98 58 92 C84 84 92 50 84 28 C80 16 70 8 58 8',
    'M40 10 C70 0 92 30 86 62 C80 96 30 104 18 70 C10 40 24 12 52 6',
  ],
  ['M50 5 L50 95', 'M28 26 L54 5 L54 95', 'M30 24 L52 5 L52 95 M28 95 L76 95', 'M62 5 L40 95'],
  [
    'M18 28 C20 8 45 0 62 8 C85 18 80 42 62 58 L15 94 L86 94',
    'M20 25 C28 2 72 0 76 26 C78 48 50 68 30 86 C15 98 8 84 22 80 C40 76 58 98 88 90',
    'M15 22 C35 2 80 5 78 30 C76 52 40 70 14 92 C40 88 65 92 90 93',
    'M22 14 C50 0 80 10 76 34 C72 60 36 74 18 94 L84 92',
  ],
  [
    'M18 14 C40 0 78 4 76 26 C75 42 58 47 42 48 C62 48 84 56 82 74 C80 96 38 100 15 84',
    'M18 7 L80 7 L45 42 C72 40 86 56 82 74 C76 98 36 98 14 84',
    'M20 18 C30 2 70 2 72 24 C73 40 52 46 40 47 C36 50 44 52 48 50 C70 48 86 62 80 80 C72 98 34 98 16 82',
    'M24 12 C60 0 84 18 74 34 C68 44 56 46 48 47 C72 48 88 64 78 82 C66 98 40 98 20 92',
  ],
  [
    'M25 5 L15 55 L88 55 M66 20 L66 96',
    'M66 96 L66 5 L10 64 L92 64',
    'M28 6 C22 28 16 42 20 50 C30 60 60 54 78 46 M80 6 C76 40 70 70 66 96',
    'M24 8 L20 50 L80 48 M72 8 L72 96',
  ],
  [
    'M78 7 L28 7 L22 44 C40 34 80 36 82 66 C83 94 40 102 14 84',
    'M26 8 L22 46 C50 30 84 44 80 70 C76 96 36 98 16 86 M26 8 L80 6',
    'M80 10 C60 6 40 8 30 10 C28 20 24 34 24 42 C50 38 80 48 78 70 C76 92 40 98 18 88',
    'M84 8 L34 10 L28 44 C60 40 82 54 76 76 C70 94 44 96 22 92',
  ],
  [
    'M72 6 C40 14 16 44 16 68 C16 90 36 97 52 95 C74 92 84 78 80 62 C76 46 50 42 34 54 C24 62 18 70 18 74',
    'M58 4 C36 30 20 55 20 74 C22 98 74 100 78 74 C80 52 40 46 24 70',
    'M78 14 C50 -2 16 30 16 64 C16 88 34 96 50 96 C70 96 84 84 82 68 C80 50 54 46 38 52 C26 58 18 66 17 70',
    'M50 4 C30 24 22 50 24 76 C28 98 66 98 72 78 C76 60 46 54 28 78',
  ],
  [
    'M14 8 L84 8 L40 96',
    'M14 8 L84 8 L40 96 M32 52 L74 52',
    'M14 16 C34 4 60 10 84 8 C64 36 50 64 46 96',
    'M16 22 L16 8 L84 8 C66 40 52 66 44 96',
  ],
  [
    'M74 16 C60 2 24 2 24 24 C24 44 78 52 78 76 C78 100 20 100 20 76 C20 54 72 44 76 24 C76 20 76 18 74 16',
    'M50 5 C22 5 22 46 50 47 C80 46 78 5 50 5 M50 47 C10 48 10 96 50 95 C90 96 90 48 50 47',
    'M50 48 C20 38 24 4 52 5 C80 6 78 36 50 48 C14 62 14 96 50 95 C86 94 86 62 50 48',
    'M66 10 C30 0 20 30 46 44 C76 58 80 90 50 95 C20 96 20 66 46 50 C74 34 82 16 66 10',
  ],
  [
    'M78 30 C76 4 24 -2 20 30 C18 58 72 60 78 30 L72 96',
    'M80 28 C78 2 22 0 20 30 C20 58 74 58 80 24 C84 54 82 92 54 95 C40 96 30 92 24 86',
    'M76 8 C50 0 18 10 18 34 C20 60 76 54 80 10 L78 96',
    'M74 14 C50 -2 22 14 22 32 C24 52 62 52 74 18 C76 44 66 74 46 96',
  ],
];

/** Segments that a Bézier curve is divided into. */
const STEPS = 12;

/** The strokes of a path, each as points [x, y] in units of the box (0 … 1). */
export function strokesOf(path) {
  const strokes = [];
  let points = [];
  for (const [, command, numbers] of path.matchAll(/([MLC])([^MLC]*)/g)) {
    const n = numbers
      .trim()
      .split(/[\s,]+/)
      .map((x) => Number(x) / 100);
    if (command === 'M') {
      points = [[n[0], n[1]]];
      strokes.push(points);
    } else if (command === 'L') line(points, n);
    else curve(points, n);
  }
  return strokes;
}

function line(points, [x, y]) {
  const [x0, y0] = points[points.length - 1];
  for (let k = 1; k <= STEPS / 2; k++) {
    const t = (2 * k) / STEPS;
    points.push([x0 + t * (x - x0), y0 + t * (y - y0)]);
  }
}

function curve(points, [x1, y1, x2, y2, x3, y3]) {
  const [x0, y0] = points[points.length - 1];
  for (let k = 1; k <= STEPS; k++) {
    const t = k / STEPS;
    const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
    points.push([a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3]);
  }
}
