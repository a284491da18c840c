/** The services of a process from its start to its exit code. */
import { type DataLock, lockDirectory } from './data-lock.js';
import { Lifecycle, type LifecycleOptions, type Service } from './lifecycle.js';

/** What is needed of `process`. */
export type ProcessEvents = Pick<NodeJS.EventEmitter, 'on' | 'off'> & { exit(code: number): unknown };

export interface RunOptions extends LifecycleOptions {
  /** Locked as long as the services run. */
  readonly dataDirectory?: string;
  /** Called when all are started. */
  readonly onReady?: () => void;
  /** Stops the services as SIGTERM does. */
  readonly signal?: AbortSignal;
  readonly process?: ProcessEvents;
}

/** Exit codes: stopped in good order; a bug, or services that did not stop. */
const [DONE, BUG] = [0, 70];
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Runs until SIGINT, SIGTERM or SIGHUP, then stops in good order; a second signal ends the process at once. An error that
 * nobody caught is logged, the services are stopped, and the code is 70.
 * @param build is given the lifecycle, for health and readiness
 * @returns the exit code
 * @throws InputError `data-in-use`, and what a service throws when it is started
 */
export async function runServices(
  build: readonly Service[] | ((lifecycle: () => Lifecycle) => readonly Service[]),
  options: RunOptions,
): Promise<number> {
  const { logger, dataDirectory, process: host = process as ProcessEvents } = options;
  let lock: DataLock | undefined;
  let lifecycle: Lifecycle | undefined;
  let code: number = DONE;
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let stopping = false;
  const stop = (why: object, message: string): void => {
    stopping = true;
    logger.info(why, message);
    end();
  };
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    if (!stopping) {
      stop({ signal }, 'stopping');
      return;
    }
    logger.warn({ signal }, 'stopped at once');
    lock?.release();
    host.exit(SIGNALS[signal]);
  };
  const onBug = (err: unknown): void => {
    logger.fatal({ err }, 'an error that nobody caught');
    code = BUG;
    if (!stopping) stop({}, 'stopping');
  };
  const onAbort = (): void => {
    if (!stopping) stop({}, 'stopping');
  };
  const listeners: [string, (error: unknown) => void][] = [
    ...Object.keys(SIGNALS).map((s): [string, () => void] => [s, () => onSignal(s as keyof typeof SIGNALS)]),
    ['uncaughtException', onBug],
    ['unhandledRejection', onBug],
  ];
  for (const [event, listener] of listeners) host.on(event, listener);
  options.signal?.addEventListener('abort', onAbort);
  try {
    if (dataDirectory !== undefined) lock = lockDirectory(dataDirectory);
    const services = typeof build === 'function' ? build(() => lifecycle as Lifecycle) : build;
    lifecycle = new Lifecycle(services, options);
    if (options.signal?.aborted) onAbort();
    // A signal while services are being started is not kept waiting by the one that hangs.
    await Promise.race([lifecycle.start(), ended]);
    if (!stopping) options.onReady?.();
    await ended;
    if (!(await lifecycle.stop())) code = BUG;
    return code;
  } finally {
    lock?.release();
    options.signal?.removeEventListener('abort', onAbort);
    for (const [event, listener] of listeners) host.off(event, listener);
  }
}
