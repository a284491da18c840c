/** Drawing digits as a pen would, each time a little differently. */
import { STYLES, strokesOf } from './glyphs.mjs';

export const SIDE = 28;

/**
 * Random numbers: the xorshift generator with 128 bits of state (Marsaglia, Xorshift RNGs, 2003, §4), seeded by its last
 * word. The same seed gives the same numbers on every machine.
 */
export class Random {
  constructor(seed) {
    this.state = Uint32Array.of(0x2545f491, 0x4f6cdd1d, 0x9e3779b9, seed);
    for (let k = 0; k < 64; k++) this.unit();
  }

  /** Uniform in [0, 1). */
  unit() {
    const s = this.state;
    const t = s[0] ^ (s[0] << 11);
    s.copyWithin(0, 1);
    s[3] = s[3] ^ (s[3] >>> 19) ^ t ^ (t >>> 8);
    return s[3] / 2 ** 32;
  }

  between(low, high) {
    return low + (high - low) * this.unit();
  }

  below(n) {
    return Math.floor(this.unit() * n);
  }

  /** Standard normal (Box and Muller, 1958). */
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  shuffle(list) {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }
}

const glyphs = STYLES.map((styles) => styles.map(strokesOf));

/** A smooth displacement of the plane: a few sine waves of low frequency, of `size` in units of the glyph's box. */
function warp(random, size) {
  const waves = Array.from({ length: 4 }, () => ({
    fx: random.between(-4, 4),
    fy: random.between(-4, 4),
    phase: random.between(0, 2 * Math.PI),
    dx: (size / 2) * random.normal(),
    dy: (size / 2) * random.normal(),
  }));
  return ([x, y]) => {
    let u = x;
    let v = y;
    for (const w of waves) {
      const s = Math.sin(w.fx * x + w.fy * y + w.phase);
      u += w.dx * s;
      v += w.dy * s;
    }
    return [u, v];
  };
}

/** Rotation, slant, scale and position: from the glyph's box to pixels. */
function placement(random) {
  const angle = 0.14 * random.normal();
  const slant = random.between(-0.32, 0.18);
  const height = random.between(16.5, 21);
  const width = height * random.between(0.55, 0.92);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const cx = SIDE / 2 + 1.1 * random.normal();
  const cy = SIDE / 2 + 1.1 * random.normal();
  return ([x, y]) => {
    const v = (y - 0.5) * height;
    const u = (x - 0.5) * width + slant * v;
    return [cx + cos * u - sin * v, cy + sin * u + cos * v];
  };
}

/** Brightens the pixels near a segment, by the distance of their centres to it; `half` is half the pen's width. */
function drawSegment(ink, [ax, ay], [bx, by], half) {
  const reach = half + 1;
  const [dx, dy] = [bx - ax, by - ay];
  const length2 = dx * dx + dy * dy || 1e-9;
  const x1 = Math.min(SIDE - 1, Math.ceil(Math.max(ax, bx) + reach));
  const y1 = Math.min(SIDE - 1, Math.ceil(Math.max(ay, by) + reach));
  for (let y = Math.max(0, Math.floor(Math.min(ay, by) - reach)); y <= y1; y++) {
    for (let x = Math.max(0, Math.floor(Math.min(ax, bx) - reach)); x <= x1; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
      const distance = Math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2);
      const cover = Math.min(1, Math.max(0, half + 0.5 - distance));
      const at = y * SIDE + x;
      if (cover > ink[at]) ink[at] = cover;
    }
  }
}

/** Each pixel mixed with the mean of its eight neighbours. */
function blur(ink, amount) {
  const out = new Float64Array(ink.length);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let sum = 0;
      for (let v = Math.max(0, y - 1); v <= Math.min(SIDE - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(SIDE - 1, x + 1); u++) sum += ink[v * SIDE + u];
      }
      out[y * SIDE + x] = (1 - amount) * ink[y * SIDE + x] + (amount / 9) * sum;
    }
  }
  return out;
}

/** One written digit: 28 × 28 bytes, white ink (255) on black. */
export function drawDigit(digit, random) {
  const styles = glyphs[digit];
  const strokes = styles[random.below(styles.length)];
  const bend = warp(random, 0.09);
  const place = placement(random);
  const pen = random.between(0.75, 1.75);
  let ink = new Float64Array(SIDE * SIDE);
  for (const stroke of strokes) {
    const shift = [0.018 * random.normal(), 0.018 * random.normal()];
    const points = stroke.map(([x, y]) => place(bend([x + shift[0], y + shift[1]])));
    const phase = random.between(0, 6);
    for (let k = 1; k < points.length; k++) {
      drawSegment(ink, points[k - 1], points[k], pen * (1 + 0.14 * Math.sin(phase + 0.25 * k)));
    }
  }
  ink = blur(ink, random.between(0.1, 0.6));
  const bright = random.between(0.8, 1.05);
  const noise = random.unit() < 0.5 ? random.between(0, 0.05) : 0;
  return Uint8Array.from(ink, (x) => {
    const value = bright * x + (noise > 0 ? noise * random.normal() : 0);
    return Math.round(255 * Math.min(1, Math.max(0, value)));
  });
}

/** `count` pictures, the digits in turn, in random order. */
export function drawSet(count, seed) {
  const random = new Random(seed);
  const labels = random.shuffle(Array.from({ length: count }, (_, i) => i % 10));
  return labels.map((label) => ({ label, pixels: drawDigit(label, random) }));
}

/** Pictures beside one another in a grid, each pixel enlarged `zoom` times; `colour(index)` paints a frame, RGB. */
export function contactSheet(pictures, columns, zoom, colour) {
  const cell = SIDE * zoom + 6;
  const rows = Math.ceil(pictures.length / columns);
  const [width, height] = [columns * cell, rows * cell];
  const data = new Uint8Array(width * height * 3).fill(255);
  pictures.forEach((pixels, i) => {
    const [left, top] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    for (let y = 1; y < cell - 1; y++) {
      for (let x = 1; x < cell - 1; x++) {
        const inside = x >= 3 && y >= 3 && x < cell - 3 && y < cell - 3;
        const grey = inside ? pixels[Math.floor((y - 3) / zoom) * SIDE + Math.floor((x - 3) / zoom)] : 0;
        data.set(inside ? [grey, grey, grey] : colour(i), ((top + y) * width + left + x) * 3);
      }
    }
  });
  return { width, height, channels: 3, data };
}
