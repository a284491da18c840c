/** From the command line's words to an order and its verdict. */
import { rmSync } from 'node:fs';
import { InputError } from '@dsperse/core/graph';
import { toJson } from '@dsperse/network/messages';
import { TransportError } from '@dsperse/network/transport';
import type { Client, OrderHandle } from '@dsperse/sdk';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { checkRunTarget } from '../artifacts/run-directory.js';
import type { Outcome } from '../commands/command.js';
import type { OrderOptions } from '../commands/order.js';
import { readInput } from '../inputs/read-input.js';
import { expectedOf } from '../proving/open-program.js';
import { EXIT } from '../terminal/describe-error.js';
import { renderFacts } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { formatTokens, parseAmount } from './amounts.js';
import { orderOutcome } from './describe-order.js';
import { parseOrderId } from './identifiers.js';
import { findNetwork, openAccount, openClient } from './network-access.js';
import { describeEvent } from './order-progress.js';
import { openProgramSource, type ProgramSource } from './program-source.js';
import { quantizedFor } from './quantized-input.js';
import { dataDirectoryOf, readOrderFile, saveOrderFile } from './saved-orders.js';
import { writeOrderRun } from './write-order-run.js';

const WEEK_SECONDS = 7 * 24 * 3600;

export async function placeOrder(
  program: string | undefined,
  options: OrderOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const terms = termsOf(options);
  if (options.output !== undefined) checkRunTarget(options.output);
  const place = findNetwork(options);
  const client = await openClient(place, await openAccount(options, place, 'requester'));
  const data = dataDirectoryOf(place, options.data);
  const progress = terminal.progress();
  const began = Date.now();
  try {
    if (options.resume !== undefined) {
      const saved = readOrderFile(data, parseOrderId(options.resume));
      return await follow(await client.resume(saved), options, terminal, began);
    }
    const source = await openProgramSource(program as string, client, progress);
    progress.done();
    if (options.quote) return await quoteOutcome(client, source, terms);
    const tensors = readInput(options.input ?? [], expectedOf(source.key, source.key.inputs));
    const integers = quantizedFor(source.key, tensors, options.clamp ?? false, terminal);
    let file: string | undefined;
    const handle = await client
      .order({
        program: { fingerprint: source.fingerprint, key: source.keyBytes },
        input: { integers },
        ...terms,
        activations: options.ownActivations ? 'own' : 'gateway',
        ...(source.readSlice ? { readSlice: source.readSlice } : {}),
        // Before it is sent: from then on nothing is lost.
        onDrafted: async (drafted) => {
          file = await saveOrderFile(data, drafted.save());
        },
      })
      .catch((error) => {
        const refused = refusalOf(error);
        // What was refused needs no resuming.
        if (refused && file !== undefined) rmSync(file, { force: true });
        throw refused ?? error;
      });
    return await follow(handle, options, terminal, began);
  } finally {
    progress.done();
  }
}

/** What the gateway refuses for good is about what it was given, not about the network. */
function refusalOf(error: unknown): InputError | undefined {
  if (!(error instanceof TransportError) || error.retryable) return undefined;
  const { status = 0, code, message } = error;
  if (status < 400 || status >= 500) return undefined;
  const hint = code === 'no-deposit' ? '`dsperse order deposit <amount>`, or a lower --budget' : error.hint;
  const readable = message.replace(/\b\d{16,78}\b/g, (units) => formatTokens(BigInt(units)));
  return new InputError(code, readable, hint, undefined, { cause: error });
}

function termsOf(options: OrderOptions) {
  const { budget } = options;
  return {
    price: {
      min: parseAmount('--price-min', options.priceMin),
      max: parseAmount('--price-max', options.priceMax),
      rampSeconds: parseWhole('--ramp', options.ramp, 0, WEEK_SECONDS),
    },
    ...(budget === undefined ? {} : { budget: parseAmount('--budget', budget) }),
    deadlineSeconds: parseWhole('--deadline', options.deadline, 5, WEEK_SECONDS),
  };
}

async function quoteOutcome(
  client: Client,
  source: ProgramSource,
  { price, deadlineSeconds }: ReturnType<typeof termsOf>,
): Promise<Outcome> {
  const { fingerprint } = source;
  const quote = await client.quote({ fingerprint, price, deadlineSeconds });
  return {
    document: toJson({ fingerprint, ...quote }) as object,
    text: renderFacts([
      ['fingerprint', fingerprint],
      ['price', `${formatTokens(quote.price)} for the whole order`],
      ['unit price', `${formatTokens(quote.unitPrice)} per million work units`],
      ['time', `about ${quote.seconds} s`],
      ['chance', `${(quote.chanceBps / 100).toFixed(0)}% that all of it is filled`],
      ['rests on', `${quote.samples} past offers`],
    ]),
  };
}

async function follow(handle: OrderHandle, options: OrderOptions, terminal: Terminal, began: number): Promise<Outcome> {
  terminal.note(`order ${pc.bold(handle.id)}`);
  const interrupt = () => {
    terminal.note(`\nthe order goes on; see it through with  dsperse order --resume ${handle.id}`);
    process.exit(EXIT.undecided);
  };
  process.once('SIGINT', interrupt);
  let firstMs: number | undefined;
  const result = await handle
    .result({
      onEvent: (event) => {
        firstMs ??= event.atMs;
        terminal.note(describeEvent(event, firstMs));
      },
    })
    .finally(() => process.off('SIGINT', interrupt));
  const { output } = options;
  if (output !== undefined && result.verdict === 'accepted') await writeOrderRun(output, result);
  return orderOutcome(result, (Date.now() - began) / 1000, output);
}
