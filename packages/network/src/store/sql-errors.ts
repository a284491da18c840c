import { InputError } from '@dsperse/core/verify';
import { StoreError } from './store-error.js';

/** Classes of SQLSTATE that pass by themselves: connection, rollback, resources, operator's intervention. */
const RETRYABLE_CLASSES = ['08', '40', '53', '57'];
const RETRYABLE_STATES = new Set(['55P03', '25P03', '25P04']);
const LOST =
  /terminated|timeout exceeded|timeout expired|connection error|not queryable|read timeout|connection (was )?closed|socket hang up/i;

/** What the driver threw for a statement, as a StoreError. */
export function sqlError(error: unknown): unknown {
  const known = stateError(error);
  if (known !== error || error instanceof StoreError || error instanceof InputError) return known;
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && /^E[A-Z_]+$/.test(code)) || LOST.test(error.message) ? lost(error) : error;
}

/** What the server said, as a StoreError; any other error is passed on as it is. */
export function stateError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  const { code, severity, constraint } = error as { code?: unknown; severity?: unknown; constraint?: string };
  if (typeof severity !== 'string' || typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return error;
  const retryable = RETRYABLE_CLASSES.includes(code.slice(0, 2)) || RETRYABLE_STATES.has(code);
  const hint = retryable ? 'Try again.' : '';
  return new StoreError(code, `The database says: ${error.message}`, retryable, hint, { cause: error, constraint });
}

function lost(cause: Error): StoreError {
  const message = `The database cannot be reached: ${cause.message}`;
  return new StoreError('connection-lost', message, true, 'Check that it runs and that DATABASE_URL is right.', {
    cause,
  });
}

/** True for conflicts between transactions, after which the same transaction may well succeed. */
export function isConflict(error: unknown): boolean {
  return error instanceof StoreError && (error.code === '40001' || error.code === '40P01');
}

/** True where the connection may be in any state, so that it must not be used again. */
export function isLost(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'connection-lost' || /^(08|57P|25P)/.test(error.code));
}
