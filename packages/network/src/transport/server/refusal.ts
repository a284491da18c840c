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
  if (error instanceof TransportError && error.retryable) {
    return new Refusal(503, error.code, error.message, error.hint, { retryAfterSeconds: 5 });
  }
  return undefined;
}
