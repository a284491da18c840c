/** Logarithmic and linear axes. */

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly log: boolean;
  readonly ticks: readonly number[];
}

/** From a power of ten to a power of ten; where that is one or two decades, with ticks at 2 and 5. */
export function logAxis(values: readonly number[]): Axis {
  const low = Math.floor(Math.log10(Math.min(...values) * 0.999));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values) * 1.001)));
  const steps = high - low <= 3 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let k = low; k < high; k++) for (const s of steps) ticks.push(s * 10 ** k);
  ticks.push(10 ** high);
  return { from: 10 ** low, to: 10 ** high, log: true, ticks };
}

/** From zero, four to eight ticks. */
export function linearAxis(values: readonly number[]): Axis {
  const most = Math.max(...values) * 1.08;
  const unit = 10 ** Math.floor(Math.log10(most));
  const step = unit * (most / unit > 5 ? 1 : most / unit > 2 ? 0.5 : 0.2);
  const count = Math.ceil(most / step);
  const ticks = Array.from({ length: count + 1 }, (_, i) => i * step);
  return { from: 0, to: count * step, log: false, ticks };
}

/** 0 … 1 */
export function place(axis: Axis, value: number): number {
  if (!axis.log) return (value - axis.from) / (axis.to - axis.from);
  return Math.log(value / axis.from) / Math.log(axis.to / axis.from);
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

export function tickMs(ms: number): string {
  if (ms === 0) return '0';
  if (ms < 1000) return `${short(ms)} ms`;
  return `${short(ms / 1000)} s`;
}

export function tickBytes(bytes: number): string {
  if (bytes === 0) return '0';
  if (bytes < 1e6) return `${short(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${short(bytes / 1e6)} MB` : `${short(bytes / 1e9)} GB`;
}

export function tickCount(count: number): string {
  if (count < 1e3) return short(count);
  if (count < 1e6) return `${short(count / 1e3)} k`;
  return count < 1e9 ? `${short(count / 1e6)} M` : `${short(count / 1e9)} G`;
}
