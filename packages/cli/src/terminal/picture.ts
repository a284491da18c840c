/** A grey picture as text: two rows of pixels to a line, since characters are twice as high as wide. */
const SHADES = ' .:-=+*#%@';

/** @param pixels row by row, 0 (blank) … 1 (ink) */
export function pictureAsText(pixels: ArrayLike<number>, width: number, height: number): string {
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = '';
    for (let x = 0; x < width; x++) {
      const upper = pixels[y * width + x];
      const lower = y + 1 < height ? pixels[(y + 1) * width + x] : upper;
      const level = Math.min(1, Math.max(0, (upper + lower) / 2));
      line += SHADES[Math.min(SHADES.length - 1, Math.floor(level * SHADES.length))];
    }
    lines.push(line.trimEnd());
  }
  return lines.join('\n');
}
