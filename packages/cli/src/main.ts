/** The edge of the process: from the command line to an exit code. */
import { CommanderError } from 'commander';
import pc from 'picocolors';
import { commandLine } from './command-line.js';
import type { Outcome } from './commands/command.js';
import { describeError, EXIT } from './terminal/describe-error.js';
import { jsonDocument } from './terminal/json-document.js';
import { Terminal } from './terminal/terminal.js';

/** Commander's ways to say that help was asked for, and given. */
const HELP = ['commander.helpDisplayed', 'commander.version', 'commander.help'];

let exitCode: number = EXIT.done;
let json = process.argv.includes('--json');

function fail(thrown: unknown): void {
  const { error, exitCode: code, stack } = describeError(usageError(thrown));
  exitCode = code;
  if (json) {
    process.stdout.write(`${jsonDocument({ error })}\n`);
  } else {
    process.stderr.write(`${pc.red('error')} ${error.message}${error.node ? ` (node ${error.node})` : ''}\n`);
    if (error.hint) process.stderr.write(`${pc.dim(' hint')} ${error.hint}\n`);
  }
  if (stack && process.env.DSPERSE_TRACE) process.stderr.write(`${stack}\n`);
}

/** Commander's errors as ours. */
function usageError(thrown: unknown): unknown {
  if (!(thrown instanceof CommanderError)) return thrown;
  const [message, ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const hint = rest.join(' ').replace(/^\(|\)$/g, '') || `${commandLineHelp()} lists what there is`;
  return { name: 'InputError', code: 'usage', message, hint };
}

function commandLineHelp(): string {
  const [, , verb = '', second] = process.argv;
  const known = line.commands.find((c) => c.name() === verb || c.aliases().includes(verb));
  if (!known) return 'dsperse --help';
  return known.commands.some((c) => c.name() === second)
    ? `dsperse ${verb} ${second} --help`
    : `dsperse ${verb} --help`;
}

const line = commandLine(async (options, work) => {
  json = options.json ?? false;
  const outcome: Outcome = await work(new Terminal(options));
  if (json) {
    if (outcome.document) process.stdout.write(`${jsonDocument(outcome.document)}\n`);
  } else if (!options.quiet && outcome.text !== '') process.stdout.write(`${outcome.text}\n`);
  exitCode = outcome.exitCode ?? EXIT.done;
});

// A reader that has seen enough (`dsperse … | head`) is no error; a full disk is.
process.stdout.on('error', (e: NodeJS.ErrnoException) => {
  if (e.code !== 'EPIPE') {
    json = false;
    fail(Object.assign(e, { path: 'the output' }));
  }
  process.exit(e.code === 'EPIPE' ? exitCode : EXIT.input);
});

try {
  if (process.argv.length <= 2) {
    process.stderr.write(line.helpInformation());
    exitCode = EXIT.input;
  } else {
    await line.parseAsync();
  }
} catch (thrown) {
  if (!(thrown instanceof CommanderError && HELP.includes(thrown.code))) fail(thrown);
}
// Whatever is still open (threads of a library) does not keep the process once the output is out.
// A failed write is told of before that.
process.stdout.write('', () => setImmediate(() => process.exit(exitCode)));
