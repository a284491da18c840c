/** What `dsperse order status | cancel | exit` do: about an order that was placed. */
import { toJson } from '@dsperse/network/messages';
import { forceExit, requestCancel, reservedOrder } from '@dsperse/sdk';
import type { Outcome } from '../commands/command.js';
import { EXIT } from '../terminal/describe-error.js';
import { renderFacts } from '../terminal/table.js';
import { reservedWords, statusOutcome } from './describe-order.js';
import { formatTime, parseOrderId } from './identifiers.js';
import { findNetwork, openAccount, openChain, openClient } from './network-access.js';
import type { NetworkOptions } from './network-options.js';

export async function orderStatus(text: string, options: NetworkOptions): Promise<Outcome> {
  const id = parseOrderId(text);
  const place = findNetwork(options);
  const client = await openClient(place, await openAccount(options, place, 'requester'));
  const view = await client.view(id);
  const reserved = place.rpcUrl === undefined ? undefined : await reservedOrder(await client.chain(), id);
  return statusOutcome(view, reserved);
}

export async function cancelOpenOrder(text: string, options: NetworkOptions, onChain: boolean): Promise<Outcome> {
  const id = parseOrderId(text);
  const place = findNetwork(options);
  const identity = await openAccount(options, place, 'requester');
  if (!onChain) {
    const client = await openClient(place, identity);
    return statusOutcome(await client.cancel(id), undefined);
  }
  const chain = await openChain(place, identity);
  const transaction = await requestCancel(chain, id);
  const reserved = await reservedOrder(chain, id);
  return {
    document: toJson({ order: id, transaction, ...reserved }) as object,
    text: renderFacts([
      ['order', id],
      ['on the chain', reservedWords(reserved)],
    ]),
  };
}

/** In two steps where it has to be cancelled first: the contract wants time for what was done before. */
export async function exitOrder(text: string, options: NetworkOptions): Promise<Outcome> {
  const id = parseOrderId(text);
  const place = findNetwork(options);
  const chain = await openChain(place, await openAccount(options, place, 'requester'));
  const before = await reservedOrder(chain, id);
  const now = await chain.now();
  if (before.state === 'reserved' && now < BigInt(before.exitableAt)) {
    if (before.cancelRequestedAt === 0) await requestCancel(chain, id);
    const waiting = await reservedOrder(chain, id);
    return {
      document: toJson({ order: id, exited: false, ...waiting }) as object,
      text: `cancellation is requested; it may leave from ${formatTime(waiting.exitableAt)} on: run this again then`,
      exitCode: EXIT.undecided,
    };
  }
  const transaction = await forceExit(chain, id);
  return {
    document: toJson({ order: id, exited: true, transaction, returned: before.budget }) as object,
    text: 'the reserve is back in the free balance',
  };
}
