/** What a remote prover runs: it needs nothing but the slice package and the boundary values. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { decodeSlicePackage, fromHex, provePackage, type SlicePackage } from '@dsperse/core/prove';
import type { Command } from 'commander';
import { parseProver, parseWhole } from '../arguments/parse-options.js';
import { type BoundaryFile, readBoundaryFile } from '../artifacts/boundary-file.js';
import { jsonText } from '../artifacts/manifest.js';
import { readNamed } from '../artifacts/read-named.js';
import { removeFile, writeWholeFile } from '../artifacts/write-whole.js';
import { type CacheOption, constantsStore } from '../proving/constants-store.js';
import { formatBytes, formatMs } from '../terminal/format.js';
import { renderFacts } from '../terminal/table.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { CACHE_HELP, peakRssBytes } from './prove.js';

interface ProveSliceOptions extends CommonOptions {
  readonly boundary: string;
  readonly output: string;
  readonly prover?: string;
  readonly workers?: string;
  readonly cache?: CacheOption;
}

export function proveSliceCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('prove-slice', undefined, 'prove one slice, from its package and boundary values alone')
      .argument('<package>', 'slices/<index>.slice of a program')
      .requiredOption('-b, --boundary <file>', 'boundary values, as dsperse run --boundaries writes them')
      .requiredOption('-o, --output <proof>', 'file to write; statement.json is written beside it')
      .option('--prover <id>', 'who proves, as it shall stand in the statement', '')
      .option('--workers <n>', 'threads; one for each core where nothing is said')
      .option('--cache <directory>', CACHE_HELP)
      .option('--no-cache', 'keep no commitments to weights'),
  ).action((path: string, options: ProveSliceOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      const prover = parseProver(options.prover ?? '');
      const workers = options.workers === undefined ? undefined : parseWhole('--workers', options.workers, 1, 64);
      checkTarget(options.output);
      const slice = decodeSlicePackage(readNamed(path));
      const boundary = readBoundaryFile(options.boundary);
      checkSame(slice, boundary, path);
      const tensors = new Map(
        [...boundary.tensors].map(([name, t]) => [name, { ...t, salt: fromHex(t.salt, 32) as Uint8Array }]),
      );
      const store = await constantsStore(options.cache);
      const progress = terminal.progress();
      progress.report(`proving slice ${slice.index}`, 0);
      const kernels = await createKernels({ threads: workers });
      try {
        const began = performance.now();
        const nonce = fromHex(boundary.nonce, 32) as Uint8Array;
        const { statement, proof } = provePackage(kernels, slice, tensors, { nonce, prover, store });
        const proveMs = performance.now() - began;
        const directory = dirname(resolve(options.output));
        mkdirSync(directory, { recursive: true });
        const statementFile = join(directory, 'statement.json');
        // The proof comes last: where it is, its statement is too.
        await removeFile(options.output);
        await writeWholeFile(statementFile, jsonText(statement));
        await writeWholeFile(options.output, proof);
        const document = {
          fingerprint: slice.fingerprint,
          slice: slice.index,
          proof: options.output,
          statement,
          pid: process.pid,
          proveMs,
          proofBytes: proof.length,
          peakRssBytes: peakRssBytes(),
        };
        const text = renderFacts([
          ['slice', `${slice.index} of the program ${slice.fingerprint}`],
          ['proof', `${options.output} (${formatBytes(proof.length)})`],
          ['statement', statementFile],
          ['time', formatMs(proveMs)],
        ]);
        return { document, text };
      } finally {
        progress.done();
        await kernels.close();
      }
    }),
  );
}

function checkTarget(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError('is-directory', `${path} is a directory, not a file`, `write -o ${join(path, 'proof.bin')}`);
  }
}

function checkSame(slice: SlicePackage, boundary: BoundaryFile, path: string): void {
  const hint = 'take the package and the boundary values of the same program and slice';
  if (boundary.fingerprint !== slice.fingerprint) {
    throw new InputError('bad-boundary', `the boundary values are of another program than ${path}`, hint);
  }
  if (boundary.slice !== slice.index) {
    throw new InputError(
      'bad-boundary',
      `the boundary values are of slice ${boundary.slice}, the package is slice ${slice.index}`,
      hint,
    );
  }
}
