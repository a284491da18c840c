/** Structured logs: a line of JSON each, to standard error or a file; short lines for people on a terminal. */
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import type { NodeConfig } from './config-keys.js';
import { prettyLine } from './pretty-log.js';
import { hideCredentials, redact } from './redact.js';

export type Logger = PinoLogger;

export interface LogOptions extends Partial<NodeConfig['log']> {
  /** In place of standard error or the file. */
  readonly to?: DestinationStream;
  /** Whether `auto` writes for people; by default where standard error is a terminal. */
  readonly terminal?: boolean;
  readonly colours?: boolean;
}

/** Secrets are hidden by their names, credentials in URLs by their form. Children: `logger.child({ role: 'prover' })`. */
export function createLogger(options: LogOptions = {}): Logger {
  const { level = 'info', format = 'auto', file, terminal = file === undefined && process.stderr.isTTY } = options;
  const raw = options.to ?? destination({ dest: file ?? 2, sync: true, ...(file && { mkdir: true, mode: 0o600 }) });
  const pretty = format === 'pretty' || (format === 'auto' && terminal);
  const { colours = pretty && terminal && !process.env.NO_COLOR } = options;
  const to: DestinationStream = pretty ? { write: (line) => raw.write(prettyLine(line, colours)) } : raw;
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (object) => redact(object) as Record<string, unknown>,
      },
      serializers: { err: (e) => e, error: (e) => e },
      hooks: { streamWrite: hideCredentials },
    },
    to,
  );
  // pino's formatters leave the bindings of children alone. Children have this method too.
  const { child } = logger;
  logger.child = function (this: Logger, bindings: object, ...rest: never[]) {
    return child.call(this, redact(bindings) as Record<string, unknown>, ...rest);
  } as typeof child;
  return logger;
}

/** A logger that says nothing: for tests and tools. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
