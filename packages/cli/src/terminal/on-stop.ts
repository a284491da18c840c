/** What is put in order when the process is stopped, by SIGINT, SIGTERM or its own end. */

const actions = new Set<() => void>();

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

function runAll(): void {
  for (const action of actions) action();
  actions.clear();
}

const stop = (signal: keyof typeof CODES): void => {
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
