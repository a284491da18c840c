import { freemem } from 'node:os';
import { InputError } from '@dsperse/core/graph';
import type { Command } from 'commander';
import pc from 'picocolors';
import { chooseSlices } from '../arguments/choose-slices.js';
import { parseGigabytes, parseHex, parseProver, parseWhole } from '../arguments/parse-options.js';
import { checkRunTarget } from '../artifacts/run-directory.js';
import { type CacheOption, constantsStore } from '../proving/constants-store.js';
import { JOINED_BYTES } from '../proving/joined-memory.js';
import { type OpenProgram, openProgram } from '../proving/open-program.js';
import { type ProvenRun, proveRun } from '../proving/prove-run.js';
import { describeTensors, tensorDocuments } from '../proving/tensor-document.js';
import { formatBytes, formatIndices, formatMs, formatRange } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { INPUT_HELP, type InputOptions, quantizedInput } from './run.js';

export interface ProveOptions extends CommonOptions, InputOptions {
  readonly output: string;
  readonly slices?: string;
  readonly share?: string;
  readonly seed?: string;
  readonly workers?: string;
  readonly nonce?: string;
  readonly prover?: string;
  readonly joined?: boolean;
  readonly memory?: string;
  readonly cache?: CacheOption;
  readonly boundaries?: string;
}

export const CACHE_HELP = "keep commitments to weights here; in the user's cache where nothing is said";

/** The options of `prove` and `full-run`. */
export function withProveOptions(command: Command): Command {
  return command
    .requiredOption('-i, --input <input>', INPUT_HELP, collect)
    .requiredOption('-o, --output <run>', 'directory to write; an interrupted run there is continued')
    .option('--clamp', 'saturate numbers outside the range that the program was made for')
    .option('--share <part>', 'prove a random share of the slices, like 0.25')
    .option('--seed <n>', 'seed of the random share; drawn where it is not given')
    .option('--workers <n>', 'threads; one for each core where nothing is said')
    .option('--nonce <hex>', 'session or order that the proofs are for; random where it is not given')
    .option('--prover <id>', 'who proves, as it shall stand in the statements')
    .option('--joined', 'prove consecutive slices together: as few proofs as memory allows')
    .option('--memory <GB>', 'of --joined: for one proof; 2.5 where that much is free')
    .option('--cache <directory>', CACHE_HELP)
    .option('--no-cache', 'keep no commitments to weights');
}

export function proveCommand(perform: Perform): Command {
  const command = newCommand('prove', 'p', 'prove a run of a program').argument('<program>', 'a compiled program');
  return withCommonOptions(
    withProveOptions(command)
      .option('--slices <indices>', 'prove only these slices, like 0,2-4')
      .option('--boundaries <directory>', 'of run --boundaries: proofs made from it, in <run>/slices, are kept'),
  ).action((path: string, options: ProveOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      checkRunTarget(options.output, options.boundaries !== undefined);
      const progress = terminal.progress();
      try {
        const program = openProgram(path);
        const { integers } = quantizedInput(program, options, terminal);
        const choice = chooseSlices(options, program.key.slices.length);
        const store = await constantsStore(options.cache);
        const proven = await proveRun(
          {
            program,
            integers,
            run: options.output,
            choice,
            boundaries: options.boundaries,
            store,
            ...proveWords(options),
          },
          progress,
        );
        progress.done();
        return proveOutcome(options.output, program, proven, choice.drawn);
      } finally {
        progress.done();
      }
    }),
  );
}

export function proveWords(options: Pick<ProveOptions, 'nonce' | 'prover' | 'workers' | 'joined' | 'memory'>) {
  const joinedBytes = joinedMemory(options);
  return {
    ...(joinedBytes === undefined ? {} : { joinedBytes }),
    ...(options.nonce === undefined ? {} : { nonce: parseHex('--nonce', options.nonce) }),
    ...(options.prover === undefined ? {} : { prover: parseProver(options.prover) }),
    ...(options.workers === undefined ? {} : { workers: parseWhole('--workers', options.workers, 1, 64) }),
  };
}

/** Of free memory, what proving joined slices may take. */
const FREE_SHARE = 0.75;

/** Bytes that one proof of joined slices may take; undefined where slices are proven one by one. */
function joinedMemory({ joined, memory }: Pick<ProveOptions, 'joined' | 'memory'>): number | undefined {
  if (!joined && memory !== undefined) {
    throw new InputError('usage', '--memory is for --joined', 'give --joined too, or leave --memory out');
  }
  if (!joined) return undefined;
  return memory === undefined ? Math.min(JOINED_BYTES, FREE_SHARE * freemem()) : parseGigabytes('--memory', memory);
}

/** Largest amount of memory that this process held, in bytes. */
export const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;

export function proveOutcome(
  path: string,
  program: OpenProgram,
  done: ProvenRun,
  drawn?: { readonly share: number; readonly seed: number },
): Outcome {
  const outputs = tensorDocuments(program.key, done.outputs);
  const { slices, kept, proveMs, proofBytes, secret } = done;
  const all = program.key.slices.length;
  const proven = slices.flatMap(({ index, count = 1 }) => Array.from({ length: count }, (_, i) => index + i));
  const unproven = program.key.slices.flatMap((_, i) => (proven.includes(i) ? [] : [i]));
  const table = renderTable(
    [
      { title: 'slice', align: 'right' },
      { title: 'time', align: 'right' },
      { title: 'proof', align: 'right' },
    ],
    slices.map((s) => [
      formatRange(s),
      kept.includes(s.index) ? 'kept' : formatMs(s.proveMs),
      formatBytes(s.proofBytes),
    ]),
  );
  const facts = renderFacts([
    ['run', path],
    ['fingerprint', pc.bold(program.fingerprint)],
    ['nonce', secret.nonce],
    [
      'proven',
      unproven.length === 0
        ? all === 1
          ? 'the one slice'
          : `all ${all} slices`
        : `slices ${formatIndices(proven)} of ${all}; ${pc.yellow(`unproven: ${formatIndices(unproven)}`)}`,
    ],
    ...(drawn ? [['drawn', `a share of ${drawn.share}, seed ${drawn.seed}`] as const] : []),
    ['time', formatMs(proveMs)],
    ['proofs', `${slices.length}, ${formatBytes(proofBytes)}`],
    ['memory', formatBytes(peakRssBytes())],
  ]);
  return {
    document: {
      fingerprint: program.fingerprint,
      run: path,
      nonce: secret.nonce,
      prover: secret.prover,
      slices,
      kept,
      unproven,
      ...(drawn ? { drawn } : {}),
      proveMs,
      proofBytes,
      peakRssBytes: peakRssBytes(),
      outputs,
    },
    text: `${table}\n\n${describeTensors(outputs)}\n\n${facts}`,
  };
}
