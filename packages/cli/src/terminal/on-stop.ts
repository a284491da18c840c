/** What is put in order when the process is stopped, by SIGINT, SIGTERM or its own end. */

const actions = new Set<() => void>();

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

function runAll(): void {
  for (const action of actions) action();
  actions.clear();
}

/** Asked once each, by the first signal. */
const askedFirst = new Set<() => void>();

const stop = (signal: keyof typeof CODES): void => {
  if (askedFirst.size > 0) {
    for (const ask of askedFirst) ask();
    askedFirst.clear();
    return;
  }
  runAll();
  process.exit(CODES[signal]);
};

/**
 * Signals are caught only while there is something to put in order: a long computation is stopped at once by them.
 * @returns takes the action back
 */
export function onStop(action: () => void): () => void {
  if (actions.size === 0) {
    process.on('SIGINT', stop).on('SIGTERM', stop).on('exit', runAll);
  }
  actions.add(action);
  return () => {
    actions.delete(action);
    if (actions.size === 0) process.off('SIGINT', stop).off('SIGTERM', stop).off('exit', runAll);
  };
}

/**
 * The first signal asks a long work to come to an end with what it has; the next stops it. Only where something is put in
 * order on stopping.
 * @returns takes the wish back
 */
export function onFirstSignal(ask: () => void): () => void {
  askedFirst.add(ask);
  return () => askedFirst.delete(ask);
}
