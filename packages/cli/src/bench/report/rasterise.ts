/** PNG from SVG, by Chromium. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Chromium, runChromium } from '../browser/chromium.js';

const TIMEOUT_MS = 60_000;

/** @returns whether the picture was made */
export async function rasterise(
  chromium: Chromium,
  svg: string,
  png: string,
  { width, height }: { width: number; height: number },
): Promise<boolean> {
  const words = [`--screenshot=${png}`, `--window-size=${width},${height}`, '--hide-scrollbars'];
  await runChromium(chromium, [...words, '--force-device-scale-factor=1.5', pathToFileURL(svg).href], TIMEOUT_MS);
  return existsSync(png);
}
