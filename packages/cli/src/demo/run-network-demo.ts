/** The whole product on one machine: an order, provers of which two do not do their work, validators, and the books. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quantizeInputs } from '@dsperse/core/program';
import { REQUESTER } from '@dsperse/network/local';
import type { OrderView } from '@dsperse/network/messages';
import { nodeFetch, nodeRpcFetch } from '@dsperse/network/transport/server';
import { type Client, createClient, type OrderHandle, type OrderResult } from '@dsperse/sdk';
import pc from 'picocolors';
import { parseEther } from 'viem';
import type { Outcome } from '../commands/command.js';
import { compileRequest } from '../commands/compile.js';
import { readInput } from '../inputs/read-input.js';
import { type RunningNetwork, startNetwork } from '../local-network/start-network.js';
import { describeEvent } from '../network/order-progress.js';
import { publishable } from '../network/program-source.js';
import { writeOrderRun } from '../network/write-order-run.js';
import { compileArtifacts, saveCompiled } from '../proving/compile-artifacts.js';
import { expectedOf, type OpenProgram, openProgram } from '../proving/open-program.js';
import { argmax } from '../proving/tensor-document.js';
import { EXIT } from '../terminal/describe-error.js';
import { formatCount, formatMs, formatNumber } from '../terminal/format.js';
import { pictureAsText } from '../terminal/picture.js';
import type { Progress } from '../terminal/progress.js';
import { renderFacts } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { type Forgery, secondProof, tryForgeries } from './forgeries.js';
import { type NetworkBooks, readBooks } from './network-books.js';
import { booksTable, forgeryTable, tokens } from './tables.js';

export interface DemoRequest {
  /** Where everything is kept. */
  readonly directory: string;
  readonly example: string;
  readonly picture: string;
  readonly kept: boolean;
}

const SLICES = 'layers';
/** Four chunks: the largest layers by themselves, the rest in one proof. */
const CHUNK_WORK_UNITS = 1_500_000;
/** The cheapest asks get the first chunks: those who do not do their work ask for the least. */
const CHEAT = 'prover-1';
const VANISHING = 'prover-2';
const PROVERS = 4;
const VALIDATORS = 3;
const DISHONEST = fileURLToPath(new URL('./dishonest-node.js', import.meta.url));
const second = (value: bigint) => ({ value, min: 1n });
const PRICE = { min: parseEther('0.01'), max: parseEther('1'), rampSeconds: 30 };
const SETTLE_MS = 90_000;

export async function runNetworkDemo(request: DemoRequest, terminal: Terminal): Promise<Outcome> {
  const progress = terminal.progress();
  let network: RunningNetwork | undefined;
  const stopNetwork = () => {
    network?.stop().finally(() => process.exit(EXIT.input));
  };
  process.once('SIGINT', stopNetwork).once('SIGTERM', stopNetwork);
  try {
    const program = await compileExample(request, progress, terminal);
    progress.done();
    terminal.say(pc.bold('2  A network: chain, gateway, three validators, four provers, each a process of its own'));
    network = await startDemoNetwork(request.directory, (step) => progress.report(step, 0));
    progress.done();
    const { contracts, chainId } = network.network;
    terminal.say(
      renderFacts([
        ['   gateway', network.gatewayUrl],
        ['   chain', `${network.rpcUrl}, id ${chainId}`],
        ['   market', contracts.market],
        ['   provers', `${PROVERS}; ${CHEAT} will cheat, ${VANISHING} will vanish with its lock`],
      ]),
    );
    const account = network.keys.get(REQUESTER)?.account;
    if (!account) throw new Error('the network has no requester');
    const client = await createClient({
      gatewayUrl: network.gatewayUrl,
      account,
      network: { chainId, contracts },
      chain: { rpcUrl: network.rpcUrl, fetch: nodeRpcFetch },
      fetch: nodeFetch,
    });
    await client.publish(publishable(program));

    terminal.say(`\n${pc.bold('3  The order: a picture, a price, a deadline')}`);
    const inputs = integersOf(program, request.picture);
    terminal.say(`${pictureAsText(pixelsOf(program, request.picture), 28, 28).replace(/^/gm, '   ')}\n`);
    const { handle, result } = await order(client, program, inputs, terminal);
    describeResult(program, result, terminal);

    terminal.say(`\n${pc.bold('5  Forgeries: what the client says to a gateway that lies')}`);
    const forgeries = await tryOnClient(client, program, request, inputs, result);
    terminal.say(forgeryTable(forgeries).replace(/^/gm, '   '));

    terminal.say(`\n${pc.bold('6  Settlement: validators sign the epoch, the chain pays')}`);
    progress.report('waiting for the epoch to be signed, posted and final', 0);
    const view = await settled(handle);
    progress.report('waiting for claims', 0.5);
    const books = await readBooks(network, [view]);
    progress.done();
    terminal.say(booksTable(books).replace(/^/gm, '   '));
    describeLedger(books, view, terminal);
    if (request.kept) {
      await writeOrderRun(join(request.directory, 'run'), result);
      terminal.say(`\n   kept: dsperse verify ${join(request.directory, 'run')} --fingerprint ${program.fingerprint}`);
      terminal.say(`   goes on with: dsperse up -d ${join(request.directory, 'network')}`);
    }
    return outcome(program, result, view, books, forgeries, request);
  } finally {
    progress.done();
    process.off('SIGINT', stopNetwork).off('SIGTERM', stopNetwork);
    await network?.stop();
  }
}

async function compileExample(request: DemoRequest, progress: Progress, terminal: Terminal): Promise<OpenProgram> {
  terminal.say(pc.bold('1  The model becomes an integer program, cut into slices'));
  const place = join(request.directory, 'program');
  let ms = 0;
  if (!existsSync(place)) {
    const options = { slices: SLICES, calibrate: [join(request.example, 'calibration.json')] };
    const compiled = await compileArtifacts(compileRequest(join(request.example, 'model.onnx'), options), progress);
    await saveCompiled(place, compiled);
    ms = compiled.compileMs;
  }
  const program = openProgram(place);
  const { manifest } = program.directory;
  progress.done();
  terminal.say(
    `   ${formatCount(manifest.parameters)} parameters, ${manifest.slices.length} slices, compiled in ${formatMs(ms)}`,
  );
  terminal.say(`   fingerprint ${program.fingerprint}\n`);
  return program;
}

function startDemoNetwork(directory: string, tell: (step: string) => void): Promise<RunningNetwork> {
  const kinds: Record<string, string> = { [CHEAT]: 'cheat', [VANISHING]: 'vanish' };
  return startNetwork({
    directory: join(directory, 'network'),
    provers: PROVERS,
    validators: VALIDATORS,
    terms: {
      // Short times: an epoch, a challenge and a missed lock fit into a minute.
      parameters: {
        lockFloorSeconds: second(12n),
        verifySeconds: second(5n),
        epochSeconds: second(3n),
        challengeSeconds: second(2n),
      },
    },
    settings: (name) => ({
      'gateway.chunkWorkUnits': CHUNK_WORK_UNITS,
      'prover.ask': name in kinds ? '1000' : '1000000000000000',
      'prover.workers': 1,
    }),
    program: (name) => (name in kinds ? [DISHONEST, kinds[name]] : undefined),
    tell,
  });
}

function tensorsOf(program: OpenProgram, picture: string) {
  return readInput([picture], expectedOf(program.key, program.key.inputs));
}

const pixelsOf = (program: OpenProgram, picture: string) =>
  tensorsOf(program, picture).get(program.key.inputs[0])?.data ?? [];

const integersOf = (program: OpenProgram, picture: string) =>
  quantizeInputs(program.key, tensorsOf(program, picture), { clamp: true }).integers;

async function order(
  client: Client,
  program: OpenProgram,
  integers: ReadonlyMap<string, Int32Array>,
  terminal: Terminal | undefined,
): Promise<{ handle: OrderHandle; result: OrderResult }> {
  const handle = await client.order({
    program: { fingerprint: program.fingerprint, key: program.keyBytes },
    input: { integers },
    price: PRICE,
    deadlineSeconds: 300,
  });
  let firstMs: number | undefined;
  const result = await handle.result({
    onEvent: (event) => {
      firstMs ??= event.atMs;
      terminal?.say(`  ${describeEvent(event, firstMs)}`);
    },
  });
  return { handle, result };
}

function describeResult(program: OpenProgram, result: OrderResult, terminal: Terminal): void {
  terminal.say(`\n${pc.bold('4  The requester believes nobody: it verifies every proof and every link itself')}`);
  const [name] = program.key.outputs;
  const output = result.outputs.get(name);
  const accepted = result.verdict === 'accepted';
  terminal.say(
    renderFacts([
      ['   prediction', output ? pc.bold(String(argmax(output.data))) : 'none is bound'],
      ['   outputs', output ? [...output.data].map(formatNumber).join(', ') : ''],
      ['   order', result.id],
      ['   spent', `${tokens(result.spent)} tokens`],
      ['   verified in', formatMs(result.verifyMs)],
      [
        '   verdict',
        accepted
          ? pc.green(pc.bold('ACCEPTED'))
          : pc.red(`${result.verdict} ${result.code ?? ''} ${result.reason ?? ''}`),
      ],
    ]),
  );
}

/** Another order, of another picture: what a forger would have at hand. */
async function tryOnClient(
  client: Client,
  program: OpenProgram,
  request: DemoRequest,
  inputs: ReadonlyMap<string, Int32Array>,
  result: OrderResult,
): Promise<Forgery[]> {
  const { certified, values, keyBytes } = result;
  if (!certified || !values || !keyBytes) return [];
  const other = await order(client, program, integersOf(program, join(request.example, 'samples/8.png')), undefined);
  const at = secondProof(certified.slices);
  const theirs = other.result.certified?.slices[at];
  const mine = certified.slices[at]?.statement;
  if (!theirs || !mine) return [];
  return tryForgeries({
    key: keyBytes,
    fingerprint: program.fingerprint,
    inputs,
    run: { nonce: result.id.slice(2), values, slices: certified.slices },
    output: program.key.outputs[0],
    otherSession: theirs,
    otherPicture: { ...theirs, statement: { ...theirs.statement, nonce: mine.nonce, prover: mine.prover } },
  });
}

async function settled(handle: OrderHandle): Promise<OrderView> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const view = await handle.view();
    if (view.state === 'settled' || Date.now() > until) return view;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function describeLedger(books: NetworkBooks, view: OrderView, terminal: Terminal): void {
  const { ledger, settlement } = books;
  const { provers, validators, burned, treasury, minted, penalties } = settlement.totals;
  terminal.say(
    `\n${renderFacts([
      [
        '   order',
        `${view.state} in epoch ${view.epoch}, ${tokens(view.spent)} of ${tokens(view.budget)} tokens spent`,
      ],
      ['   of the epoch', `${tokens(provers)} to provers, ${tokens(validators)} to validators`],
      ['', `${tokens(burned)} burned, ${tokens(treasury)} to the treasury (tokens)`],
      ['   minted', `${tokens(minted)} more to provers, validators and the treasury`],
      ['   slashed', tokens(penalties)],
      ['   supply', `${tokens(ledger.supply)}, held ${tokens(ledger.held)}`],
      ['   every token', ledger.conserved ? pc.green('is accounted for') : pc.red(pc.bold('IS NOT ACCOUNTED FOR'))],
    ])}`,
  );
}

function outcome(
  program: OpenProgram,
  result: OrderResult,
  view: OrderView,
  books: NetworkBooks,
  forgeries: readonly Forgery[],
  request: DemoRequest,
): Outcome {
  const [name] = program.key.outputs;
  const output = result.outputs.get(name);
  const { ledger } = books;
  const caught = forgeries.length > 0 && forgeries.every((f) => f.verdict !== 'accepted');
  const good = result.verdict === 'accepted';
  return {
    document: {
      order: { id: result.id, state: view.state, epoch: view.epoch, spent: view.spent.toString() },
      verdict: result.verdict,
      ...(result.code === undefined ? {} : { code: result.code }),
      fingerprint: program.fingerprint,
      output: output && { name, dims: output.dims, data: [...output.data], prediction: argmax(output.data) },
      chunks: view.chunks.map((c) => ({
        index: c.index,
        slices: c.slices,
        attempts: c.attempts.map((a) => ({ prover: a.prover, outcome: a.outcome, price: a.price.toString() })),
      })),
      provers: books.provers.map((p) => ({
        name: p.name,
        address: p.address,
        chunks: p.chunks,
        failed: p.failed,
        paid: p.paid.toString(),
        slashed: p.slashed.toString(),
      })),
      validators: books.validators.map((v) => ({
        name: v.name,
        address: v.address,
        verified: v.verified,
        rejected: v.rejected,
        paid: v.paid.toString(),
      })),
      ledger: {
        conserved: ledger.conserved,
        supply: ledger.supply.toString(),
        held: ledger.held.toString(),
        market: {
          free: ledger.free.toString(),
          reserved: ledger.reserved.toString(),
          pool: ledger.pool.toString(),
        },
      },
      tampered: forgeries,
      verifyMs: result.verifyMs,
      ...(request.kept ? { kept: request.directory, run: join(request.directory, 'run') } : {}),
    },
    text: '',
    exitCode: !ledger.conserved || !caught ? EXIT.bug : good ? EXIT.done : EXIT.rejected,
  };
}
