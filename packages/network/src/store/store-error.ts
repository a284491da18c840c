/** A store could not do its work: the disk, the database or the object store failed, or what it holds is damaged. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  constructor(
    /** An SQLSTATE (`23505`), or a word such as `disk-full`, `connection-lost`, `blob-damaged`. */
    readonly code: string,
    message: string,
    /** True where the same call may succeed later. What failed may still have been done: repeat only what is idempotent. */
    readonly retryable: boolean,
    /** One line: what to do next. */
    readonly hint: string = '',
    options?: { cause?: unknown; constraint?: string },
  ) {
    super(message, options);
    this.constraint = options?.constraint;
  }
  /** The constraint that a statement violated, where it is one. */
  readonly constraint: string | undefined;
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const BUSY = new Set(['EMFILE', 'ENFILE', 'EBUSY', 'EAGAIN', 'ENOMEM']);

/** What the file system reported, as a StoreError; a StoreError or any other error is passed on as it is. */
export function fileError(error: unknown, doing: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  const cause = { cause: error };
  if (FULL.has(code)) {
    return new StoreError(
      'disk-full',
      `The disk is full: ${doing} failed.`,
      true,
      'Free space; then try again.',
      cause,
    );
  }
  if (BUSY.has(code)) return new StoreError('disk-busy', `${doing} failed (${code}).`, true, 'Try again.', cause);
  return new StoreError(
    'disk-error',
    `${doing} failed (${code}).`,
    false,
    'Check the disk and its permissions.',
    cause,
  );
}
