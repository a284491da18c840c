/** `dsperse order deposit | withdraw | balance`: the requester's money in the market. */
import { toJson } from '@dsperse/network/messages';
import { balancesOf, type ChainAccess, deposit, withdraw } from '@dsperse/sdk';
import type { Command } from 'commander';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from '../commands/command.js';
import { renderFacts } from '../terminal/table.js';
import { AMOUNT_HELP, formatTokens, parseAmount } from './amounts.js';
import { type Hex, parseAddress } from './identifiers.js';
import { findNetwork, type NetworkOptions, openAccount, openChain, withNetworkOptions } from './network-access.js';

interface MoneyOptions extends CommonOptions, NetworkOptions {
  readonly to?: string;
}

export function moneyCommands(perform: Perform): Command[] {
  const finish = (command: Command) => withCommonOptions(withNetworkOptions(command));
  return [
    finish(
      newCommand('deposit', undefined, 'put tokens into the market, for orders').argument('<amount>', AMOUNT_HELP),
    ).action((text: string, options: MoneyOptions) =>
      perform(options, () => {
        const amount = parseAmount('the amount', text);
        return withChain(options, (chain) => deposit(chain, amount));
      }),
    ),
    finish(newCommand('withdraw', undefined, 'take free tokens out of the market').argument('<amount>', AMOUNT_HELP))
      .option('--to <address>', 'who gets them; the account itself otherwise')
      .action((text: string, options: MoneyOptions) =>
        perform(options, () => {
          const amount = parseAmount('the amount', text);
          const to = options.to === undefined ? undefined : parseAddress('--to', options.to);
          return withChain(options, (chain) => withdraw(chain, amount, to));
        }),
      ),
    finish(newCommand('balance', undefined, 'tokens in the market and on the account')).action(
      (options: MoneyOptions) => perform(options, () => withChain(options, async () => undefined)),
    ),
  ];
}

async function withChain(
  options: MoneyOptions,
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
