/** What went wrong between this node and another. */

/** Codes raised here; besides them, the code that the other side answered with. */
export type TransportCode =
  | 'unreachable'
  | 'timeout'
  | 'aborted'
  | 'too-large'
  | 'bad-response'
  | 'slow-reader'
  | (string & {});

/** `retryable` says whether the same request may succeed later as it is. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportCode;
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  readonly retryable: boolean;
  /** One line: what to do. */
  readonly hint: string;

  constructor(
    code: TransportCode,
    message: string,
    options: { status?: number; retryable: boolean; hint?: string; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retryable = options.retryable;
    this.hint = options.hint ?? '';
  }
}
