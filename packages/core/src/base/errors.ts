/**
 * The errors a caller can meet. A verdict is never an error: `verify` returns it.
 */

/** What the caller gave cannot be used: an unsupported operator, a bad shape, a bad file. */
export class InputError extends Error {
  override readonly name = 'InputError';
  constructor(
    readonly code: string,
    message: string,
    /** One line: what to do next. */
    readonly hint: string = '',
    /** The ONNX node the error is about, where there is one. */
    readonly node?: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A proof could not be made (overflow, failed self-check). Nothing was written. */
export class ProvingError extends Error {
  override readonly name = 'ProvingError';
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string = '',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A bug of ours. Caught only at the process edge. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an {@link InvariantError} unless `condition` holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
