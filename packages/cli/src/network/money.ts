/** What `dsperse order deposit | withdraw | balance` do: the requester's money in the market. */
import { toJson } from '@dsperse/network/messages';
import { balancesOf, type ChainAccess, deposit, withdraw } from '@dsperse/sdk';
import type { Outcome } from '../commands/command.js';
import { renderFacts } from '../terminal/table.js';
import { formatTokens, parsePositiveAmount } from './amounts.js';
import { type Hex, parseAddress } from './identifiers.js';
import { findNetwork, openAccount, openChain } from './network-access.js';
import type { NetworkOptions } from './network-options.js';

export function depositTokens(text: string, options: NetworkOptions): Promise<Outcome> {
  const amount = parsePositiveAmount('the amount', text);
  return withChain(options, (chain) => deposit(chain, amount));
}

/** @param to who gets them; the account itself otherwise */
export function withdrawTokens(text: string, options: NetworkOptions, to: string | undefined): Promise<Outcome> {
  const amount = parsePositiveAmount('the amount', text);
  const receiver = to === undefined ? undefined : parseAddress('--to', to);
  return withChain(options, (chain) => withdraw(chain, amount, receiver));
}

export const showBalance = (options: NetworkOptions): Promise<Outcome> => withChain(options, async () => undefined);

async function withChain(
  options: NetworkOptions,
  act: (chain: ChainAccess) => Promise<Hex | undefined>,
): Promise<Outcome> {
  const place = findNetwork(options);
  const identity = await openAccount(options, place, 'requester');
  const chain = await openChain(place, identity);
  const transaction = await act(chain);
  const account = identity.account.address;
  const balances = await balancesOf(chain, account);
  return {
    document: toJson({ account, ...balances, transaction }) as object,
    text: renderFacts([
      ['account', account],
      ['free in the market', formatTokens(balances.free)],
      ['on the account', formatTokens(balances.wallet)],
      ...(transaction === undefined ? [] : [['transaction', transaction] as const]),
    ]),
  };
}
