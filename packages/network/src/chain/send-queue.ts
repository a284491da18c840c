/** Transactions of one account, one after another: each is confirmed before the next is sent. */
import {
  type Account,
  BaseError,
  type Chain,
  ContractFunctionRevertedError,
  type Hex,
  HttpRequestError,
  type PublicClient,
  TransactionNotFoundError,
  type TransactionReceipt,
  type Transport,
  type WalletClient,
} from 'viem';
import { LedgerError } from './ledger.js';

export type Wallet = WalletClient<Transport, Chain | undefined, Account>;

// biome-ignore lint/suspicious/noExplicitAny: the call's ABI types are checked where it is made.
export type ContractCall = any;

/**
 * Gas for a call, with room: what a call writes depends on the second that it is mined in (checkpoints by time).
 * Fails where the call would be refused.
 */
export async function gasFor(publicClient: PublicClient, call: ContractCall): Promise<bigint> {
  return ((await publicClient.estimateContractGas(call)) * 13n) / 10n;
}

/** A transaction that the chain did not know this often in a row is lost: a chain may lose its last blocks. */
const LOST_AFTER = 3;
const LOOK_MS = 1_500;
/** A chain that has not answered for so long is away: what was sent is looked for by the next call. */
const AWAY_MS = 15_000;

export class SendQueue {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly publicClient: PublicClient,
    private readonly wallet: Wallet,
    private readonly confirmMs: number,
  ) {}

  /** Sends a call that was tried first, so that a refusal costs nothing and says why. @throws LedgerError */
  send(call: ContractCall): Promise<TransactionReceipt> {
    const sent = this.#last.then(() => this.#sendNow(call));
    this.#last = sent.catch(() => {});
    return sent;
  }

  async #sendNow(call: ContractCall): Promise<TransactionReceipt> {
    try {
      const gas = await gasFor(this.publicClient, { ...call, account: this.wallet.account });
      const hash = await this.wallet.writeContract({ ...call, gas });
      const receipt = await this.#receiptOf(hash);
      if (receipt.status === 'success') return receipt;
    } catch (error) {
      throw ledgerError(error, call.functionName);
    }
    throw new LedgerError('reverted', `${call.functionName} was reverted when it was mined`, true, 'try again');
  }

  /** @throws LedgerError `lost`, `unreachable` */
  async #receiptOf(hash: Hex): Promise<TransactionReceipt> {
    const confirmed = this.publicClient.waitForTransactionReceipt({ hash, timeout: this.confirmMs });
    let isDone = false;
    const lost = (async () => {
      let answeredMs = Date.now();
      for (let missing = 0; !isDone; ) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref());
        const isKnown = isDone || (await this.#isKnown(hash));
        if (isKnown !== undefined) answeredMs = Date.now();
        else if (Date.now() - answeredMs >= AWAY_MS) {
          const why = `the chain has not answered since the transaction ${hash} was sent`;
          throw new LedgerError('unreachable', why, true, 'is the chain’s RPC running?');
        }
        missing = isKnown === false ? missing + 1 : 0;
        if (missing >= LOST_AFTER) {
          throw new LedgerError('lost', `the chain does not know the transaction ${hash} any more`, true, 'try again');
        }
      }
      return confirmed;
    })();
    for (const either of [confirmed, lost]) either.catch(() => {});
    try {
      return await Promise.race([confirmed, lost]);
    } finally {
      isDone = true;
    }
  }

  /** undefined where the chain does not answer. */
  async #isKnown(hash: Hex): Promise<boolean | undefined> {
    try {
      await this.publicClient.getTransaction({ hash });
      return true;
    } catch (error) {
      return error instanceof TransactionNotFoundError ? false : undefined;
    }
  }
}

/** viem's errors as ours: `refused` where a contract says no. */
export function ledgerError(error: unknown, what: string): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof BaseError) {
    const revert = error.walk((e) => e instanceof ContractFunctionRevertedError);
    if (revert instanceof ContractFunctionRevertedError) {
      const name = revert.data?.errorName ?? revert.reason ?? 'no reason given';
      const args = revert.data?.args?.map(String).join(', ') ?? '';
      return new LedgerError('refused', `${what} was refused: ${name}(${args})`, false, '', { cause: error });
    }
    const away = error.walk((e) => e instanceof HttpRequestError) !== null;
    const hint = away ? 'is the chain’s RPC running?' : '';
    // Without the cause: viem's messages hold the RPC's URL, which may be a secret.
    return new LedgerError(away ? 'unreachable' : 'failed', `${what}: ${error.shortMessage}`, true, hint);
  }
  return new LedgerError('failed', `${what}: ${error instanceof Error ? error.message : error}`, true, '', {
    cause: error,
  });
}
