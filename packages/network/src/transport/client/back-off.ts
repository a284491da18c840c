/** How long to wait before the next attempt. */

export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Doubles with each failure; between half and the whole of it, so that many clients do not come back at once. */
export function backOffMs(failures: number, { firstMs, maxMs }: BackOff): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
  return whole / 2 + (whole / 2) * Math.random();
}

/** Resolves after the time, or at once when the signal ends. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
