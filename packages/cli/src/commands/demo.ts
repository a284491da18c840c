/** The main job on an embedded default: a whole network on this machine. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import type { Command } from 'commander';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/digits/', import.meta.url));

interface DemoOptions extends CommonOptions {
  readonly keep?: string;
}

export function demoCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand(
      'demo',
      undefined,
      'a digit is ordered, proven in chunks by strangers, verified and paid, on a network of this machine',
    )
      .argument(
        '[picture]',
        'a picture of a digit, white on black, 28×28 or a multiple; an example where nothing is given',
      )
      .option('--keep <directory>', 'keep program, network and run there'),
  ).action((picture: string | undefined, options: DemoOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      if (!existsSync(join(EXAMPLE, 'model.onnx'))) {
        throw new InputError(
          'missing-artifact',
          'the example examples/digits is not there',
          'run the demo from a checkout',
        );
      }
      const given = picture ?? join(EXAMPLE, 'samples/3.png');
      if (!existsSync(given)) throw new InputError('not-found', `${given} does not exist`, 'give a picture, or none');
      const directory = place(options.keep);
      const kept = options.keep !== undefined;
      try {
        const { runNetworkDemo } = await import('../demo/run-network-demo.js');
        return await runNetworkDemo({ directory, example: EXAMPLE, picture: given, kept }, terminal);
      } finally {
        if (!kept) rmSync(directory, { recursive: true, force: true });
      }
    }),
  );
}

function place(keep: string | undefined): string {
  if (keep === undefined) return mkdtempSync(join(tmpdir(), 'dsperse-demo-'));
  mkdirSync(keep, { recursive: true });
  if (readdirSync(keep).length > 0) {
    throw new InputError('exists', `${keep} is there already and is not empty`, 'give another --keep');
  }
  return keep;
}
