/** Waiting for a transaction, as long as the chain answers. */
import { TransportError } from '@dsperse/network/transport';
import type { Hex, PublicClient, TransactionReceipt } from 'viem';

const LOOK_MS = 1_000;
/** A chain that has not answered for so long is away. */
const AWAY_MS = 8_000;

/**
 * The receipt of a transaction that was sent, also of one that took its place.
 * @throws TransportError `chain` where the chain goes away meanwhile; what viem throws after `timeout` ms
 */
export async function minedReceipt(
  client: Pick<PublicClient, 'waitForTransactionReceipt' | 'getBlockNumber'>,
  hash: Hex,
  timeout: number,
): Promise<TransactionReceipt> {
  const mined = client.waitForTransactionReceipt({ hash, timeout });
  const ending = new AbortController();
  const away = untilAway(client, ending.signal).then((): never => {
    const said = `the chain stopped answering after the transaction ${hash} was sent: it may be mined all the same`;
    const hint = 'when the chain’s RPC runs again, look what became of it before you send another';
    throw new TransportError('chain', said, { retryable: false, hint });
  });
  for (const either of [mined, away]) either.catch(() => {});
  try {
    return await Promise.race([mined, away]);
  } finally {
    ending.abort();
  }
}

/** Resolves when the chain has not answered for too long; never after the signal. */
async function untilAway(client: Pick<PublicClient, 'getBlockNumber'>, signal: AbortSignal): Promise<void> {
  for (let answeredMs = Date.now(); Date.now() - answeredMs < AWAY_MS; ) {
    const asked = client.getBlockNumber({ cacheTime: 0 }).then(
      () => true,
      () => false,
    );
    // One that is silent does not even refuse.
    if (await Promise.race([asked, pause(AWAY_MS).then(() => false)])) answeredMs = Date.now();
    await pause(LOOK_MS);
    if (signal.aborted) return new Promise(() => {});
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
