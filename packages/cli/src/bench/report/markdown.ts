/** Tables of Markdown. */

export interface MarkdownColumn {
  readonly title: string;
  /** Numbers. */
  readonly right?: boolean;
}

export const right = (...titles: string[]): MarkdownColumn[] => titles.map((title) => ({ title, right: true }));

export function markdownTable(columns: readonly MarkdownColumn[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((c) => c.title), ...rows].map((row) => row.map((cell) => cell.replace(/\|/g, '\\|')));
  const widths = columns.map((_, i) => Math.max(3, ...cells.map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (columns[i].right ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = columns.map((c, i) => (c.right ? `${'-'.repeat(widths[i] - 1)}:` : '-'.repeat(widths[i])));
  return [line(cells[0]), `| ${rule.join(' | ')} |`, ...cells.slice(1).map(line)].join('\n');
}
