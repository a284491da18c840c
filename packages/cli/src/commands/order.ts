import { InputError } from '@dsperse/core/graph';
import type { Command } from 'commander';
import { AMOUNT_HELP } from '../network/amounts.js';
import { type NetworkOptions, withNetworkOptions } from '../network/network-options.js';
import { withSubcommands } from '../network/subcommands.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { INPUT_HELP } from './run.js';

export interface OrderOptions extends CommonOptions, NetworkOptions {
  readonly input?: readonly string[];
  readonly output?: string;
  readonly budget?: string;
  readonly priceMin: string;
  readonly priceMax: string;
  readonly ramp: string;
  readonly deadline: string;
  readonly over?: string;
  readonly quote?: boolean;
  readonly ownActivations?: boolean;
  readonly clamp?: boolean;
  readonly resume?: string;
  readonly data?: string;
}

const EXAMPLES = `
Examples:
  dsperse order program -i input.json -o run          order, follow, verify here, and keep the run
  dsperse order program -i input.json --quote         what it would cost, and the chance that it is filled
  dsperse order program -i input.json --gateway http://a --gateway http://b    at the cheaper one
  dsperse order --resume 0x…                          go on with an order whose command was interrupted

Exit codes: 0 accepted, 1 rejected, 2 bad usage or input, 3 not delivered or not to be judged`;

export function orderCommand(perform: Perform): Command {
  const command = newCommand('order', undefined, 'order a proven run from a network, and verify it here')
    .argument('[program]', 'a compiled program, or the fingerprint of one that the gateway knows')
    .option('-i, --input <input>', INPUT_HELP, collect)
    .option('-o, --output <run>', 'directory to write the accepted run to, with its certificate')
    .option('--budget <amount>', `most that is paid, ${AMOUNT_HELP}; the whole order at --price-max otherwise`)
    .option('--price-min <amount>', `price per million work units at the start, ${AMOUNT_HELP}`, '0.001')
    .option('--price-max <amount>', 'price per million work units that it rises to', '0.01')
    .option('--ramp <seconds>', 'in how many seconds it rises', '30')
    .option('--deadline <seconds>', 'when the order ends, from now', '600')
    .option('--over <percent>', 'sign at most this much over the lowest price expected; 5 where gateways are compared')
    .option('--quote', 'only say what it would cost')
    .option('--own-activations', 'run the model here instead of at the gateway')
    .option('--clamp', 'saturate numbers outside the range that the program was made for')
    .option('--resume <id>', 'go on with an order that was interrupted')
    .option('--data <directory>', 'where open orders are kept; beside the network file otherwise')
    .addHelpText('after', EXAMPLES);
  withCommonOptions(withNetworkOptions(command)).action((program: string | undefined, options: OrderOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      if (options.resume === undefined && (program === undefined || (options.input === undefined && !options.quote))) {
        throw new InputError('usage', 'give a program and -i <input>, or --resume <id>', 'dsperse order --help');
      }
      const { placeOrder } = await import('../network/place-order.js');
      return placeOrder(program, options, terminal);
    }),
  );
  return withSubcommands(command, [...openOrderCommands(perform), ...moneyCommands(perform)]);
}

interface OpenOrderOptions extends CommonOptions, NetworkOptions {
  readonly onChain?: boolean;
}

const finish = (command: Command): Command => withCommonOptions(withNetworkOptions(command));
// The network's libraries are loaded by its commands only.
const openOrders = () => import('../network/open-orders.js');
const money = () => import('../network/money.js');

function openOrderCommands(perform: Perform): Command[] {
  const about = (name: string, summary: string) => newCommand(name, undefined, summary).argument('<id>', 'the order');
  return [
    finish(about('status', 'state, chunks and attempts of an order')).action((id: string, options: OpenOrderOptions) =>
      perform(options, async () => (await openOrders()).orderStatus(id, options)),
    ),
    finish(
      about('cancel', 'no further work on an order; what is locked is still paid').option(
        '--on-chain',
        'on the chain, without the gateway',
      ),
    ).action((id: string, options: OpenOrderOptions) =>
      perform(options, async () => (await openOrders()).cancelOpenOrder(id, options, options.onChain ?? false)),
    ),
    finish(about('exit', 'take the reserve of an order back that nobody settles')).action(
      (id: string, options: OpenOrderOptions) =>
        perform(options, async () => (await openOrders()).exitOrder(id, options)),
    ),
  ];
}

interface MoneyOptions extends CommonOptions, NetworkOptions {
  readonly to?: string;
}

function moneyCommands(perform: Perform): Command[] {
  const ofAmount = (name: string, summary: string) =>
    newCommand(name, undefined, summary).argument('<amount>', AMOUNT_HELP);
  return [
    finish(ofAmount('deposit', 'put tokens into the market, for orders')).action(
      (amount: string, options: MoneyOptions) =>
        perform(options, async () => (await money()).depositTokens(amount, options)),
    ),
    finish(
      ofAmount('withdraw', 'take free tokens out of the market').option(
        '--to <address>',
        'who gets them; the account itself otherwise',
      ),
    ).action((amount: string, options: MoneyOptions) =>
      perform(options, async () => (await money()).withdrawTokens(amount, options, options.to)),
    ),
    finish(newCommand('balance', undefined, 'tokens in the market and on the account')).action(
      (options: MoneyOptions) => perform(options, async () => (await money()).showBalance(options)),
    ),
  ];
}
