import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { chooseSlices } from '../arguments/choose-slices.js';
import { checkProgramTarget } from '../artifacts/program-directory.js';
import { checkRunTarget } from '../artifacts/run-directory.js';
import { removeIfStopped } from '../artifacts/write-whole.js';
import { compileArtifacts, saveCompiled } from '../proving/compile-artifacts.js';
import { constantsStore } from '../proving/constants-store.js';
import { openProgram } from '../proving/open-program.js';
import { proveRun } from '../proving/prove-run.js';
import type { Terminal } from '../terminal/terminal.js';
import { newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { type CompileOptionWords, compileOutcome, compileRequest, withCompileOptions } from './compile.js';
import { type ProveOptions, proveOutcome, proveWords, withProveOptions } from './prove.js';
import { quantizedInput } from './run.js';
import { verifyOutcome } from './verify.js';

interface FullRunOptions extends Omit<ProveOptions, 'slices'>, CompileOptionWords {
  readonly program?: string;
}

export function fullRunCommand(perform: Perform): Command {
  const command = newCommand('full-run', 'fr', 'compile, prove and verify').argument('<model.onnx>', 'the model');
  return withCommonOptions(
    withCompileOptions(withProveOptions(command)).option('--program <directory>', 'keep the compiled program here'),
  ).action((model: string, options: FullRunOptions) =>
    perform(options, (terminal) => fullRun(model, options, terminal)),
  );
}

async function fullRun(model: string, options: FullRunOptions, terminal: Terminal): Promise<Outcome> {
  checkRunTarget(options.output);
  const words = proveWords(options);
  if (options.program !== undefined) checkProgramTarget(options.program);
  const temporary = options.program === undefined ? mkdtempSync(join(tmpdir(), 'dsperse-')) : undefined;
  const release = temporary ? removeIfStopped(temporary) : undefined;
  const path = options.program ?? join(temporary as string, 'program');
  const progress = terminal.progress();
  try {
    // The input at hand is what the ranges are for, where nothing else is given.
    const compiled = await compileArtifacts(compileRequest(model, options, options.input), progress);
    await saveCompiled(path, compiled);
    const compiledOutcome = compileOutcome(options.program ?? '(not kept; --program keeps it)', compiled);
    progress.done();
    terminal.say(`${compiledOutcome.text}\n`);
    const program = openProgram(path);
    const { integers } = quantizedInput(program, options, terminal);
    const choice = chooseSlices({ share: options.share, seed: options.seed }, program.key.slices.length);
    const store = await constantsStore(options.cache);
    const request = { program, integers, run: options.output, choice, store, ...words };
    const proven = await proveRun(request, progress);
    const provenOutcome = proveOutcome(options.output, program, proven, choice.drawn);
    progress.done();
    terminal.say(`${provenOutcome.text}\n`);
    const verified = verifyOutcome(options.output, {
      fingerprint: program.fingerprint,
      input: options.input,
      clamp: options.clamp,
      allowUnproven: choice.drawn !== undefined,
    });
    const parts = { compile: compiledOutcome.document, prove: provenOutcome.document, verify: verified.document };
    return { ...verified, document: { ...verified.document, run: options.output, ...parts } };
  } finally {
    progress.done();
    release?.();
    if (temporary) rmSync(temporary, { recursive: true, force: true });
  }
}
