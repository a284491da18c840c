/** A request that is refused: what the handler throws to answer with an error. */
import { InputError } from '@dsperse/core/verify';
import { TransportError } from '../errors.js';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint = '',
    readonly options: { readonly retryAfterSeconds?: number; readonly closesConnection?: boolean } = {},
  ) {
    super(message);
  }
}

/** As which refusal an error goes out; undefined for what is nobody's business but this node's. */
export function refusalFrom(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (error instanceof InputError) return new Refusal(400, error.code, error.message, error.hint);
  const { retryable, code } = (error ?? {}) as { retryable?: unknown; code?: unknown };
  if (retryable !== true) return undefined;
  // What exactly is away (a database, a disk) stays in the log.
  const known = error instanceof TransportError && typeof code === 'string' ? code : 'unavailable';
  const message = 'a part of this node is not available';
  return new Refusal(503, known, message, 'try again soon', { retryAfterSeconds: 2 });
}
