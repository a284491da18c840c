import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LOCAL_PARAMETERS, PARAMETERS } from '@dsperse/contracts';
import { configRows } from '@dsperse/network/node';
import { describe, expect, it } from 'vitest';

const doc = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8');
/** Cells of the tables' rows, by the first. */
const rows = (text: string): Map<string, string[]> =>
  new Map(
    text
      .split('\n')
      .filter((line) => /^\| +`/.test(line))
      .map((line) => {
        const cells = line
          .split('|')
          .slice(1, -1)
          .map((c) => c.trim().replaceAll('`', ''));
        return [cells[0], cells];
      }),
  );

describe('generated documents are up to date', () => {
  it('parameters.md', () => {
    const found = rows(doc('parameters.md'));
    expect([...found.keys()]).toEqual(PARAMETERS.map((p) => p.name));
    for (const { name, meaning, unit, ...p } of PARAMETERS) {
      const local = LOCAL_PARAMETERS[name];
      const differs = local !== undefined && (typeof local === 'bigint' ? local : local.value) !== p.default;
      const [, says, inUnit, standard, bounds, step, here] = found.get(name) as string[];
      expect([name, says, inUnit]).toEqual([name, meaning, unit === 'token units' ? 'tokens' : unit]);
      const units = (text: string) =>
        unit === 'token units' ? BigInt(Math.round(Number(text) * 1e6)) * 10n ** 12n : BigInt(text);
      expect([name, units(standard.split(' ')[0]), ...bounds.split(' – ').map(units)]).toEqual([
        name,
        p.default,
        p.min,
        p.max,
      ]);
      expect([name, step]).toEqual([name, `${Number(p.maxStepBps) / 100} %`]);
      expect([name, here !== '']).toEqual([name, differs]);
    }
  });

  it('the settings in operating.md', () => {
    const [, table] = /<!-- settings:[^\n]*\n([\s\S]*?)<!-- \/settings -->/.exec(doc('operating.md')) ?? [];
    const found = rows(table ?? '');
    expect([...found.keys()]).toEqual(configRows().map((r) => r.name));
    for (const { name, environment, fallback, meaning } of configRows()) {
      const [, variable, standard, says] = found.get(name) as string[];
      expect([name, variable, standard]).toEqual([name, environment, fallback === '-' ? 'none' : fallback]);
      expect(says.startsWith(meaning.replaceAll('`', ''))).toBe(true);
    }
  });
});
