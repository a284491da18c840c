export type DeploymentErrorCode = 'bad-genesis' | 'wrong-chain' | 'nonce-used' | 'failed';

/** A network that could not be deployed: one line what is wrong, one line what to do. */
export class DeploymentError extends Error {
  override readonly name = 'DeploymentError';

  constructor(
    readonly code: DeploymentErrorCode,
    message: string,
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
