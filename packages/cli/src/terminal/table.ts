/** Plain tables: columns two spaces apart, numbers to the right. */
import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells are cut. */
  readonly most?: number;
}

const width = (text: string): number => stripVTControlCharacters(text).length;

function cut(text: string, most: number | undefined): string {
  return most !== undefined && width(text) > most ? `${stripVTControlCharacters(text).slice(0, most - 1)}…` : text;
}

export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((c) => c.title), ...rows.map((row) => row.map((cell, i) => cut(cell, columns[i].most)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => width(line[i]))));
  return lines
    .map((line) =>
      line
        .map((cell, i) => {
          const pad = ' '.repeat(widths[i] - width(cell));
          return columns[i].align === 'right' ? pad + cell : cell + pad;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Lines "name  value", the values in one column. */
export function renderFacts(facts: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(widest)}  ${value}`).join('\n');
}
