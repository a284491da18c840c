/** From anything thrown to what the user reads: one line what is wrong, one line what to do. */

export const EXIT = { done: 0, rejected: 1, input: 2, undecided: 3, bug: 70 } as const;

export interface ErrorDescription {
  readonly kind: 'InputError' | 'ProvingError' | 'TransportError' | 'InvariantError';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly node?: string;
}

/** Errors of the operating system that the user can do something about: code, message, hint. */
const SYSTEM: Readonly<Record<string, (path: string) => readonly [string, string, string]>> = {
  ENOENT: (path) => ['not-found', `${path} does not exist`, 'check the path'],
  ENOTDIR: (path) => ['not-found', `part of the path ${path} is not a directory`, 'check the path'],
  EISDIR: (path) => ['is-directory', `${path} is a directory, not a file`, 'give the path of a file'],
  EEXIST: (path) => ['exists', `${path} is there already and is not a directory`, 'give another path'],
  EACCES: (path) => [
    'permission-denied',
    `no permission to use ${path}`,
    'change its permissions or give another path',
  ],
  EPERM: (path) => ['permission-denied', `no permission to use ${path}`, 'change its permissions or give another path'],
  EROFS: (path) => ['read-only', `${path} is on a read-only file system`, 'give a path that can be written'],
  ENOSPC: (path) => ['no-space', `no space is left for ${path}`, 'free some space or give a path on another disk'],
  EDQUOT: (path) => ['no-space', `the disk quota is used up at ${path}`, 'free some space or give another path'],
  EFBIG: (path) => ['no-space', `${path} would be larger than is allowed`, 'give a path on another file system'],
  EMFILE: () => ['too-many-files', 'too many files are open', 'raise the limit (ulimit -n)'],
  ENAMETOOLONG: () => ['bad-path', 'a path is too long', 'give a shorter path'],
  ELOOP: (path) => ['bad-path', `${path} is a circle of links`, 'give another path'],
  EIO: (path) => ['disk-error', `the disk failed at ${path}`, 'try another disk'],
};

interface Thrown {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly hint?: unknown;
  readonly node?: unknown;
  readonly path?: unknown;
  readonly dest?: unknown;
  readonly syscall?: unknown;
}

const text = (x: unknown): string => (typeof x === 'string' ? x : '');

export function describeError(thrown: unknown): { error: ErrorDescription; exitCode: number; stack?: string } {
  const e: Thrown = typeof thrown === 'object' && thrown !== null ? thrown : { message: String(thrown) };
  const code = text(e.code);
  const [message, hint] = [text(e.message).replace(/\s*\n\s*/g, ' '), text(e.hint)];
  const node = typeof e.node === 'string' ? { node: e.node } : {};
  if (e.name === 'InputError')
    return { error: { kind: 'InputError', code, message, hint, ...node }, exitCode: EXIT.input };
  if (e.name === 'ProvingError') {
    return { error: { kind: 'ProvingError', code, message, hint, ...node }, exitCode: EXIT.input };
  }
  // A chain, database or blob store that is away or refuses is no bug either.
  if (e.name === 'TransportError' || e.name === 'LedgerError' || e.name === 'StoreError')
    return { error: { kind: 'TransportError', code, message, hint }, exitCode: EXIT.undecided };
  if (e.syscall !== undefined && Object.hasOwn(SYSTEM, code)) {
    const [name, what, todo] = SYSTEM[code](text(e.path) || text(e.dest) || 'the output');
    return { error: { kind: 'InputError', code: name, message: what, hint: todo }, exitCode: EXIT.input };
  }
  if (isOutOfMemory(thrown)) {
    return {
      error: {
        kind: 'ProvingError',
        code: 'out-of-memory',
        message: `not enough memory: ${message}`,
        hint: 'cut the model into more slices (--slices), or use a machine with more memory',
      },
      exitCode: EXIT.input,
    };
  }
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return {
    error: {
      kind: 'InvariantError',
      code: 'bug',
      message: `this is a bug in dsperse: ${message || 'an unknown error'}`,
      hint: 'please report it with the command and the lines below (DSPERSE_TRACE=1 shows where it happened)',
    },
    exitCode: EXIT.bug,
    ...(stack === undefined ? {} : { stack }),
  };
}

function isOutOfMemory(thrown: unknown): boolean {
  return thrown instanceof RangeError && /allocation failed|out of memory|could not allocate/i.test(thrown.message);
}
