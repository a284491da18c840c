/** Numbers for people. */

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${(ms / 60_000).toFixed(1)} min`;
}

/** 61706 as "61 706", 4206595 as "4.21 M". */
export function formatCount(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toPrecision(3)} G`;
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)} M`;
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

export const formatDims = (dims: readonly number[]): string => `[${dims.join(', ')}]`;

/** A number in at most six significant digits. */
export const formatNumber = (x: number): string => String(Number(x.toPrecision(6)));

/** The beginning of a list, and how many more there are. */
export function formatList(items: readonly string[], most = 5): string {
  if (items.length <= most) return items.join(', ');
  return `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}

/** 0, 1, 2, 5 as "0-2, 5". */
export function formatIndices(indices: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < indices.length; ) {
    let j = i;
    while (j + 1 < indices.length && indices[j + 1] === indices[j] + 1) j++;
    parts.push(
      j === i ? `${indices[i]}` : j === i + 1 ? `${indices[i]}, ${indices[j]}` : `${indices[i]}-${indices[j]}`,
    );
    i = j + 1;
  }
  return parts.join(', ');
}

/** Consecutive slices of one proof: 2, or 2-4. */
export const formatRange = ({ index, count = 1 }: { readonly index: number; readonly count?: number }): string =>
  count === 1 ? `${index}` : `${index}-${index + count - 1}`;
