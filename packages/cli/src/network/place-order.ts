/** From the command line's words to an order and its verdict. */
import { rmSync } from 'node:fs';
import { InputError } from '@dsperse/core/graph';
import { toJson } from '@dsperse/network/messages';
import type { Identity } from '@dsperse/network/node';
import { TransportError } from '@dsperse/network/transport';
import { type Client, type ComparedGateways, chooseGateway, compareGateways, type OrderHandle } from '@dsperse/sdk';
import pc from 'picocolors';
import { parseWhole } from '../arguments/parse-options.js';
import { checkRunTarget } from '../artifacts/run-directory.js';
import type { Outcome } from '../commands/command.js';
import type { OrderOptions } from '../commands/order.js';
import { readInput } from '../inputs/read-input.js';
import { expectedOf } from '../proving/open-program.js';
import { EXIT } from '../terminal/describe-error.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { formatTokens, parseAmount } from './amounts.js';
import { orderOutcome } from './describe-order.js';
import { parseOrderId } from './identifiers.js';
import { clientOptions, findNetwork, type NetworkPlace, openAccount, openClient } from './network-access.js';
import { describeEvent } from './order-progress.js';
import { keepPaidPrice, readPaidPrices } from './paid-prices.js';
import { fingerprintOfSource, openProgramSource, type ProgramSource } from './program-source.js';
import { quantizedFor } from './quantized-input.js';
import { dataDirectoryOf, readOrderFile, saveOrderFile } from './saved-orders.js';
import { writeOrderRun } from './write-order-run.js';

/** An order that has not ended so long after its deadline is not waited for. */
const LATE_MS = 600_000;
const WEEK_SECONDS = 7 * 24 * 3600;
/** Over the lowest price that is expected of any gateway. */
const DEFAULT_OVER_BPS = 500;

export async function placeOrder(
  program: string | undefined,
  options: OrderOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const terms = termsOf(options);
  if (options.output !== undefined) checkRunTarget(options.output);
  const place = findNetwork(options);
  const identity = await openAccount(options, place, 'requester');
  const data = dataDirectoryOf(place, options.data);
  const progress = terminal.progress();
  const began = Date.now();
  try {
    if (options.resume !== undefined) {
      const saved = readOrderFile(data, parseOrderId(options.resume));
      // Where it was ordered, unless another gateway is named.
      const at = options.gateway?.[0] ?? ('gatewayUrl' in saved ? String(saved.gatewayUrl) : place.gatewayUrl);
      const client = await openClient(place, identity, at);
      return await follow(await client.resume(saved), client, data, options, terminal, began);
    }
    const source = program as string;
    const compared = await compare(source, place, identity, terms, data, terminal);
    if (options.quote) return quoteOutcome(fingerprintOfSource(source), compared);
    const overBps = overOf(options, compared);
    const { offer, placed } = await chooseGateway(
      compared,
      terms,
      async ({ client }, signed) =>
        send(await openProgramSource(source, client, progress), client, signed, data, options, terminal),
      overBps,
    );
    if (compared.offers.length > 1) terminal.note(`at ${pc.bold(offer.gatewayUrl)}`);
    return await follow(placed, offer.client, data, options, terminal, began);
  } catch (error) {
    throw refusalOf(error) ?? error;
  } finally {
    progress.done();
  }
}

/** The gateways that are known, with what each quotes. @throws InputError `no-gateway`; TransportError `no-gateway` */
async function compare(
  program: string,
  place: NetworkPlace,
  identity: Identity,
  { price, deadlineSeconds, budget }: ReturnType<typeof termsOf>,
  data: string,
  terminal: Terminal,
): Promise<ComparedGateways> {
  const { gatewayUrls = [] } = place;
  const progress = terminal.progress();
  const fingerprint = fingerprintOfSource(program);
  const prepare = async (client: Client) => {
    await openProgramSource(program, client, progress);
  };
  const request = { fingerprint, price, deadlineSeconds };
  // Alone there is nothing to choose: what it refuses is said as it says it.
  if (gatewayUrls.length < 2) {
    const client = await openClient(place, identity);
    await prepare(client);
    progress.done();
    const quote = await client.quote(request);
    return { offers: [{ gatewayUrl: gatewayUrls[0], client, quote, expected: quote.unitPrice }], skipped: [] };
  }
  const limits = budget === undefined ? {} : { budget };
  const options = clientOptions(place, identity);
  const compared = await compareGateways(
    options,
    gatewayUrls,
    { ...request, ...limits },
    readPaidPrices(data),
    prepare,
  );
  progress.done();
  for (const { gatewayUrl, message } of compared.skipped) terminal.note(pc.yellow(`${gatewayUrl}: ${message}`));
  return compared;
}

/** In basis points; undefined where the price stays as it was given. */
function overOf({ over }: OrderOptions, { offers }: ComparedGateways): number | undefined {
  if (over === undefined) return offers.length > 1 ? DEFAULT_OVER_BPS : undefined;
  return parseWhole('--over', over, 0, 1_000) * 100;
}

async function send(
  source: ProgramSource,
  client: Client,
  terms: ReturnType<typeof termsOf>,
  data: string,
  options: OrderOptions,
  terminal: Terminal,
): Promise<OrderHandle> {
  const tensors = readInput(options.input ?? [], expectedOf(source.key, source.key.inputs));
  const integers = quantizedFor(source.key, tensors, options.clamp ?? false, terminal);
  let file: string | undefined;
  try {
    return await client.order({
      program: { fingerprint: source.fingerprint, key: source.keyBytes },
      input: { integers },
      ...terms,
      activations: options.ownActivations ? 'own' : 'gateway',
      ...(source.readSlice ? { readSlice: source.readSlice } : {}),
      // Before it is sent: from then on nothing is lost.
      onDrafted: async (drafted) => {
        file = await saveOrderFile(data, drafted.save());
      },
    });
  } catch (error) {
    // What was refused needs no resuming.
    if (refusalOf(error) && file !== undefined) rmSync(file, { force: true });
    throw error;
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

function quoteOutcome(fingerprint: string, { offers, skipped }: ComparedGateways): Outcome {
  const [best] = offers;
  if (!best) {
    const why = skipped.map((s) => `${s.gatewayUrl}: ${s.message}`).join('; ');
    throw new InputError('no-gateway', `no gateway would take it (${why})`, 'give other gateways, or a higher budget');
  }
  const { quote } = best;
  const rows = offers.map(({ gatewayUrl, client, quote: q, expected }) => {
    return { gateway: gatewayUrl, operator: client.gateway.address, ...q, expected };
  });
  const facts = renderFacts([
    ['fingerprint', fingerprint],
    ...(offers.length > 1 ? ([['gateway', best.gatewayUrl]] as const) : []),
    ['price', `${formatTokens(quote.price)} for the whole order`],
    ['unit price', `${formatTokens(quote.unitPrice)} per million work units`],
    ['time', `about ${quote.seconds} s`],
    ['chance', `${(quote.chanceBps / 100).toFixed(0)}% that all of it is filled`],
    ['rests on', `${quote.samples} past offers`],
  ]);
  const table = renderTable(
    [
      { title: 'gateway' },
      { title: 'price', align: 'right' },
      { title: 'unit price', align: 'right' },
      { title: 'expected', align: 'right' },
      { title: 'seconds', align: 'right' },
      { title: 'chance', align: 'right' },
    ],
    rows.map((r) => [
      r.gateway,
      formatTokens(r.price),
      formatTokens(r.unitPrice),
      formatTokens(r.expected),
      String(r.seconds),
      `${(r.chanceBps / 100).toFixed(0)}%`,
    ]),
  );
  return {
    document: toJson({ fingerprint, ...quote, gateway: best.gatewayUrl, gateways: rows, skipped }) as object,
    text: offers.length > 1 ? `${facts}\n\n${table}` : facts,
  };
}

/** Its gateway should have ended it at its deadline. */
function overdue(id: string, cause: TransportError): TransportError {
  const hint = `\`dsperse order status ${id}\` says whether it is left out, \`dsperse order exit ${id}\` takes its reserve back`;
  const message = `the order is long past its deadline, and its gateway has not ended it`;
  return new TransportError('overdue', message, { retryable: false, hint, cause });
}

async function follow(
  handle: OrderHandle,
  client: Client,
  data: string,
  options: OrderOptions,
  terminal: Terminal,
  began: number,
): Promise<Outcome> {
  terminal.note(`order ${pc.bold(handle.id)}`);
  const interrupt = () => {
    terminal.note(`\nthe order goes on; see it through with  dsperse order --resume ${handle.id}`);
    process.exit(EXIT.undecided);
  };
  process.once('SIGINT', interrupt);
  let firstMs: number | undefined;
  const result = await handle
    .result({
      timeoutMs: Math.max(0, handle.deadline * 1000 - Date.now()) + LATE_MS,
      onEvent: (event) => {
        firstMs ??= event.atMs;
        terminal.note(describeEvent(event, firstMs));
      },
    })
    .catch((error) => {
      throw error instanceof TransportError && error.code === 'timeout' ? overdue(handle.id, error) : error;
    })
    .finally(() => process.off('SIGINT', interrupt));
  await keepPaidPrice(data, client.gateway.address, result);
  const { output } = options;
  if (output !== undefined && result.verdict === 'accepted') await writeOrderRun(output, result);
  return orderOutcome(result, (Date.now() - began) / 1000, output);
}
