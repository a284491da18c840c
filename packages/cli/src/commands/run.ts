import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { quantizeInputs } from '@dsperse/core/program';
import { deriveSalt, fromHex } from '@dsperse/core/prove';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseHex } from '../arguments/parse-options.js';
import { writeBoundaryFile } from '../artifacts/boundary-file.js';
import { jsonText } from '../artifacts/manifest.js';
import { SECRET_FILE } from '../artifacts/run-directory.js';
import { inputDigest, openRunSecret } from '../artifacts/run-secret.js';
import { writeWholeFile } from '../artifacts/write-whole.js';
import { type Fidelity, type LayerFidelity, measureFidelity, measureLayers } from '../fidelity/measure-fidelity.js';
import { readInput } from '../inputs/read-input.js';
import { executeProgram } from '../proving/execute-program.js';
import { expectedOf, type OpenProgram, openProgram } from '../proving/open-program.js';
import { describeTensors, tensorDocuments } from '../proving/tensor-document.js';
import { formatList, formatMs, formatNumber } from '../terminal/format.js';
import { renderTable } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { modelOf } from './slice.js';

export interface InputOptions {
  readonly input: readonly string[];
  readonly clamp?: boolean;
}

interface RunOptions extends CommonOptions, InputOptions {
  readonly output?: string;
  readonly layers?: boolean;
  readonly fidelity: boolean;
  readonly boundaries?: string;
  readonly nonce?: string;
}

export const INPUT_HELP = 'JSON, .npy, .npz, .pb or .png; for several inputs repeat it, or give a directory';

export function runCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('run', 'r', 'integer inference, and its error against floats')
      .argument('<program>', 'a compiled program')
      .requiredOption('-i, --input <input>', INPUT_HELP, collect)
      .option('-o, --output <file>', 'also write the outputs to a JSON file')
      .option('--clamp', 'saturate numbers outside the range that the program was made for')
      .option('--layers', 'the error of every layer')
      .option('--no-fidelity', 'leave out the comparison with floats')
      .option('--boundaries <directory>', 'write what provers of single slices need (see prove-slice)')
      .option('--nonce <hex>', 'nonce for the boundaries; random where it is not given'),
  ).action((path: string, options: RunOptions) => perform(options, (terminal) => run(path, options, terminal)));
}

/** The integers of an input, and a remark where numbers were clamped. */
export function quantizedInput(program: OpenProgram, options: InputOptions, terminal: Terminal) {
  const tensors = readInput(options.input, expectedOf(program.key, program.key.inputs));
  const { integers, clamped } = quantizeInputs(program.key, tensors, { clamp: options.clamp });
  for (const { tensor, count } of clamped) {
    terminal.note(`${pc.yellow('clamped')} ${count} of ${integers.get(tensor)?.length} numbers of ${tensor}`);
  }
  return { tensors, integers, clamped };
}

async function run(path: string, options: RunOptions, terminal: Terminal): Promise<Outcome> {
  const program = openProgram(path);
  const { tensors, integers, clamped } = quantizedInput(program, options, terminal);
  const progress = terminal.progress();
  const kernels = await createKernels();
  try {
    const began = performance.now();
    const boundaries = options.boundaries ? await boundaryWriter(program, integers, options) : undefined;
    const integerOutputs = await executeProgram(program, integers, kernels, async (slice, values) => {
      progress.report('running', (slice.index + 1) / program.key.slices.length);
      await boundaries?.(slice, values);
    });
    const runMs = performance.now() - began;
    const outputs = tensorDocuments(program.key, integerOutputs);
    progress.report('comparing with floats', 0);
    const model = options.fidelity || options.layers ? modelOf(program.directory) : undefined;
    const { manifest } = program.directory;
    const fidelity =
      model && options.fidelity
        ? await measureFidelity(model, manifest, tensors, new Map(Object.entries(outputs)))
        : undefined;
    const layers =
      model && options.layers ? await measureLayers(model, manifest, tensors, integers, kernels) : undefined;
    const document = {
      fingerprint: program.fingerprint,
      outputs,
      ...(fidelity ? { fidelity } : {}),
      ...(layers ? { layers } : {}),
      clamped,
      runMs,
    };
    if (options.output) await writeWholeFile(options.output, jsonText(document));
    progress.done();
    const text = [
      describeTensors(outputs),
      ...(fidelity ? [describeFidelity(fidelity)] : []),
      ...(layers ? ['', layerTable(layers)] : []),
      pc.dim(`integer inference in ${formatMs(runMs)}`),
    ].join('\n');
    return { document, text };
  } finally {
    progress.done();
    await kernels.close();
  }
}

/** Writes the boundary file of each slice, with salts of one run. */
async function boundaryWriter(program: OpenProgram, integers: ReadonlyMap<string, Int32Array>, options: RunOptions) {
  const directory = options.boundaries as string;
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0 && !existsSync(join(directory, SECRET_FILE))) {
    throw new InputError(
      'exists',
      `${directory} is there already and holds something else`,
      'give another --boundaries',
    );
  }
  const { fingerprint } = program;
  const nonce = options.nonce === undefined ? undefined : parseHex('--nonce', options.nonce);
  const digest = inputDigest(integers);
  const { secret } = await openRunSecret(directory, { fingerprint, inputDigest: digest, nonce });
  const key = fromHex(secret.secret, 32) as Uint8Array;
  return (
    slice: { index: number; inputs: readonly string[]; outputs: readonly string[] },
    values: ReadonlyMap<string, Int32Array>,
  ) => {
    const tensors = [...slice.inputs, ...slice.outputs].map(
      (name) => [name, { salt: hexOf(deriveSalt(key, name)), values: values.get(name) }] as const,
    );
    return writeBoundaryFile(join(directory, `${slice.index}.json`), {
      fingerprint,
      slice: slice.index,
      nonce: secret.nonce,
      tensors: new Map(tensors),
    });
  };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function describeFidelity(f: Fidelity): string {
  const share = `${(100 * f.maxRelError).toPrecision(2)}% of the largest output`;
  const place = f.argmaxAgrees ? 'the largest output is the same' : pc.yellow('the largest output is another');
  const error = `error at most ${formatNumber(f.maxAbsError)} (${share}), ${formatNumber(f.meanAbsError)} on average`;
  const leftOut = f.leftOut > 0 ? `; ${f.leftOut} numbers that are masks or not finite there are left out` : '';
  return `${error}; ${place}\n${pc.dim(`against ${f.against}${leftOut}`)}`;
}

function layerTable(layers: readonly LayerFidelity[]): string {
  const worst = layers.reduce((a, b) => (b.loss > a.loss ? b : a), layers[0]);
  const table = renderTable(
    [
      { title: 'tensor', most: 32 },
      { title: 'nodes', most: 40 },
      { title: 'max error', align: 'right' },
      { title: 'relative', align: 'right' },
      { title: 'loss', align: 'right' },
    ],
    layers.map((l) => [
      l.tensor,
      formatList(l.nodes, 3),
      formatNumber(l.maxAbsError),
      `${(100 * l.maxRelError).toPrecision(3)}%`,
      `${l === worst ? pc.yellow('← most ') : ''}${(100 * l.loss).toPrecision(2)}%`,
    ]),
  );
  const most = worst ? `\nmost is lost at ${worst.tensor} (${formatList(worst.nodes, 3)})` : '';
  const leftOut = layers.filter((l) => l.leftOut > 0).map((l) => `${l.leftOut} of ${l.tensor}`);
  const masked = leftOut.length > 0 ? `\nleft out, as they only mask: ${formatList(leftOut, 5)}` : '';
  return `${table}${most}${masked}`;
}
