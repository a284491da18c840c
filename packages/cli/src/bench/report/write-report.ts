/** Writes docs/bench/README.md and its pictures from docs/bench/results.json. */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { findChromium } from '../browser/chromium.js';
import { readResults } from '../results-file.js';
import { charts } from './charts.js';
import { page } from './page.js';
import { rasterise } from './rasterise.js';

export interface WrittenReport {
  readonly directory: string;
  readonly files: readonly string[];
  /** False: there is no Chromium, and so no PNG. */
  readonly pictures: boolean;
}

export async function writeReport(resultsFile: string): Promise<WrittenReport> {
  const kept = readResults(resultsFile);
  if (!kept) throw new InputError('not-found', `${resultsFile} is not there`, 'measure first: dsperse bench --write');
  const results = { ...kept, results: [...kept.results].sort((a, b) => a.multiplications - b.multiplications) };
  const directory = dirname(resultsFile);
  const chromium = findChromium();
  const files: string[] = [];
  const pictures = new Set<string>();
  const drawn = charts(results);
  for (const chart of drawn) {
    const [svg, png] = ['svg', 'png'].map((kind) => join(directory, `${chart.name}.${kind}`));
    writeFileSync(svg, chart.svg);
    files.push(svg);
    // One of earlier results would be worse than none.
    rmSync(png, { force: true });
    if (chromium && (await rasterise(chromium, svg, png, chart))) {
      pictures.add(chart.name);
      files.push(png);
    }
  }
  const readme = join(directory, 'README.md');
  writeFileSync(readme, page(results, drawn, pictures));
  return { directory, files: [...files, readme], pictures: pictures.size === drawn.length };
}
