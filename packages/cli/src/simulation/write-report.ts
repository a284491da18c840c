/** Puts the tables between the marks of docs/economics.md, and draws its pictures. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { findChromium } from '../bench/browser/chromium.js';
import { rasterise } from '../bench/report/rasterise.js';
import { economyCharts } from './charts.js';
import type { SimulationResults } from './results.js';
import { TABLES } from './tables.js';

/** Text between `<!-- name -->` and `<!-- /name -->` for each table that there is. */
export function fillTables(page: string, results: SimulationResults): string {
  let text = page;
  for (const [name, of] of Object.entries(TABLES)) {
    const table = of(results);
    const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [start, end] = [text.indexOf(from), text.indexOf(to)];
    if (table === undefined || start < 0 || end < start) continue;
    text = `${text.slice(0, start + from.length)}\n\n${table}\n\n${text.slice(end)}`;
  }
  return text;
}

/** @returns the files written, and whether every picture is there as PNG too */
export async function writeEconomics(
  results: SimulationResults,
  resultsFile: string,
): Promise<{ files: string[]; pictures: boolean }> {
  const directory = dirname(resultsFile);
  const page = `${directory}.md`;
  if (!existsSync(page))
    throw new InputError('not-found', `${page} is not there`, 'write it, with marks for the tables');
  writeFileSync(page, fillTables(readFileSync(page, 'utf8'), results));
  const chromium = findChromium();
  const files = [page];
  let pictures = true;
  for (const chart of economyCharts(results)) {
    const [svg, png] = ['svg', 'png'].map((kind) => join(directory, `${chart.name}.${kind}`));
    writeFileSync(svg, chart.svg);
    files.push(svg);
    // One of earlier results would be worse than none.
    rmSync(png, { force: true });
    if (chromium && (await rasterise(chromium, svg, png, chart))) files.push(png);
    else pictures = false;
  }
  return { files, pictures };
}
