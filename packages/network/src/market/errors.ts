/** A bug of ours: what happened cannot happen. Caught only at the process edge. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}
