import { AsyncLocalStorage } from 'node:async_hooks';
import { InputError } from '@dsperse/core/verify';
import { isConflict } from './sql-errors.js';

const MAX_ATTEMPTS = 12;

/**
 * Notices when the store itself is used within the work of its own transaction: on one connection that would wait for
 * itself for ever, on several it would silently stand outside of the transaction.
 */
export class TransactionGuard {
  readonly #inside = new AsyncLocalStorage<{ open: boolean }>();

  /** InputError `nested-use` within a transaction's work. */
  check(): void {
    if (this.#inside.getStore()?.open) {
      throw new InputError('nested-use', 'The store is used within its own transaction.', 'Use the tx that is given.');
    }
  }

  /** Runs one transaction, again where it conflicts with others, with growing pauses. */
  async run<R>(attempt: () => Promise<R>): Promise<R> {
    this.check();
    for (let i = 1; ; i++) {
      const scope = { open: true };
      try {
        return await this.#inside.run(scope, attempt);
      } catch (error) {
        if (i >= MAX_ATTEMPTS || !isConflict(error)) throw error;
      } finally {
        scope.open = false;
      }
      const pauseMs = Math.random() * Math.min(400, 5 * 2 ** i);
      await new Promise((done) => setTimeout(done, pauseMs));
    }
  }
}
