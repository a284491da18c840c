/** All commands. A new one is a file in commands/ and a line here. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchCommand } from './commands/bench.js';
import type { Perform } from './commands/command.js';
import { compileCommand } from './commands/compile.js';
import { demoCommand } from './commands/demo.js';
import { deployCommand } from './commands/deploy.js';
import { doctorCommand } from './commands/doctor.js';
import { fullRunCommand } from './commands/full-run.js';
import { govCommand } from './commands/gov.js';
import { inspectCommand } from './commands/inspect.js';
import { nodeCommand } from './commands/node.js';
import { orderCommand } from './commands/order.js';
import { proveCommand } from './commands/prove.js';
import { proveSliceCommand } from './commands/prove-slice.js';
import { runCommand } from './commands/run.js';
import { simulateCommand } from './commands/simulate.js';
import { sliceCommand } from './commands/slice.js';
import { stakeCommand } from './commands/stake.js';
import { upCommand } from './commands/up.js';
import { verifyCommand } from './commands/verify.js';

const COMMANDS = [
  inspectCommand,
  compileCommand,
  sliceCommand,
  runCommand,
  proveCommand,
  proveSliceCommand,
  verifyCommand,
  fullRunCommand,
  benchCommand,
  demoCommand,
  upCommand,
  nodeCommand,
  orderCommand,
  stakeCommand,
  govCommand,
  deployCommand,
  doctorCommand,
  simulateCommand,
];

const EXAMPLES = `
Examples:
  dsperse demo                                                 the whole way on an example, with forgeries rejected
  dsperse compile model.onnx -o program --calibrate input.json
  dsperse prove program -i input.json -o run
  dsperse verify run --fingerprint <the program's fingerprint>
  dsperse full-run model.onnx -i input.json -o run

Exit codes: 0 done or accepted, 1 rejected, 2 bad usage or input, 3 could not be judged, 70 a bug of ours`;

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

export function commandLine(perform: Perform): Command {
  const line = new Command('dsperse')
    .description('Proves the inference of a model slice by slice, and verifies every proof and every link.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this; after a command: its options')
    .helpCommand(false)
    // What stands behind a command is the command's.
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES);
  for (const command of COMMANDS) line.addCommand(command(perform));
  // Errors are printed by main.ts.
  for (const command of [line, ...line.commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return line;
}
