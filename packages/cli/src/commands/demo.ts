/** The main job on an embedded default: several provers, one verifier, and forgeries that fail. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import { quantizeInputs } from '@dsperse/core/program';
import type { SliceProof } from '@dsperse/core/verify';
import type { Command } from 'commander';
import pc from 'picocolors';
import { readRun, readSliceProof } from '../artifacts/run-directory.js';
import { removeIfStopped } from '../artifacts/write-whole.js';
import { completeRun, prepareRun } from '../demo/assemble-run.js';
import { tryForgeries } from '../demo/forgeries.js';
import { proveApart } from '../demo/prove-apart.js';
import { forgeryTable, proverTable } from '../demo/tables.js';
import { readInput } from '../inputs/read-input.js';
import { compileArtifacts, saveCompiled } from '../proving/compile-artifacts.js';
import { expectedOf, openProgram } from '../proving/open-program.js';
import { argmax, tensorDocuments } from '../proving/tensor-document.js';
import { verifyDirectory } from '../proving/verify-directory.js';
import { EXIT } from '../terminal/describe-error.js';
import { formatBytes, formatCount, formatMs, formatNumber } from '../terminal/format.js';
import { pictureAsText } from '../terminal/picture.js';
import { renderFacts } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { compileRequest } from './compile.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/digits/', import.meta.url));
const SLICES = '4';
const AT_ONCE = 2;

interface DemoOptions extends CommonOptions {
  readonly keep?: string;
}

export function demoCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand(
      'demo',
      undefined,
      'several provers prove a digit classifier; a verifier checks it and rejects forgeries',
    )
      .argument(
        '[picture]',
        'a picture of a digit, white on black, 28×28 or a multiple; an example where nothing is given',
      )
      .option('--keep <directory>', 'keep program and run there'),
  ).action((picture: string | undefined, options: DemoOptions) =>
    perform(options, async (terminal): Promise<Outcome> => {
      if (!existsSync(join(EXAMPLE, 'model.onnx'))) {
        throw new InputError(
          'missing-artifact',
          'the example examples/digits is not there',
          'run the demo from a checkout',
        );
      }
      const directory = place(options.keep);
      const release = options.keep === undefined ? removeIfStopped(directory) : undefined;
      try {
        return await demo(directory, picture ?? join(EXAMPLE, 'samples/3.png'), terminal, options);
      } finally {
        release?.();
        if (options.keep === undefined) rmSync(directory, { recursive: true, force: true });
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

async function demo(directory: string, picture: string, terminal: Terminal, options: DemoOptions): Promise<Outcome> {
  const progress = terminal.progress();
  try {
    terminal.say(pc.bold('1  The model becomes an integer program, cut into slices'));
    const request = compileRequest(join(EXAMPLE, 'model.onnx'), {
      slices: SLICES,
      calibrate: [join(EXAMPLE, 'calibration.json')],
    });
    const compiled = await compileArtifacts(request, progress);
    await saveCompiled(join(directory, 'program'), compiled);
    const program = openProgram(join(directory, 'program'));
    const { manifest } = program.directory;
    progress.done();
    terminal.say(
      `   ${formatCount(manifest.parameters)} parameters, ${manifest.slices.length} slices, compiled in ${formatMs(compiled.compileMs)}`,
    );
    terminal.say(`   fingerprint ${program.fingerprint}\n`);

    const expected = expectedOf(program.key, program.key.inputs);
    const tensors = readInput([picture], expected);
    const { integers } = quantizeInputs(program.key, tensors, { clamp: true });
    const pixels = tensors.get(program.key.inputs[0])?.data ?? [];
    terminal.say(pc.bold('2  The input'));
    terminal.say(`${pictureAsText(pixels, 28, 28).replace(/^/gm, '   ')}\n`);

    terminal.say(pc.bold(`3  Provers, each a process of its own that sees one slice`));
    const nonce = randomBytes(32).toString('hex');
    const honest = await prepareRun(program, integers, directory, nonce);
    // What a forger would have at hand: the same slice of another session, and of another picture.
    const middle = 1;
    const replay = await prepareRun(
      program,
      integers,
      join(directory, 'other-session'),
      randomBytes(32).toString('hex'),
    );
    const another = readInput([join(EXAMPLE, 'samples/8.png')], expected);
    const otherInput = quantizeInputs(program.key, another, { clamp: true }).integers;
    const other = await prepareRun(program, otherInput, join(directory, 'other-picture'), nonce);
    const jobs = [...honest.jobs, replay.jobs[middle], other.jobs[middle]];
    progress.report('proving', 0);
    const reports = await proveApart(jobs, AT_ONCE, (n) => progress.report('proving', n / jobs.length));
    const provers = reports.slice(0, honest.jobs.length);
    await completeRun(program, honest, provers);
    progress.done();
    terminal.say(`${proverTable(provers, manifest.slices).replace(/^/gm, '   ')}\n`);

    terminal.say(pc.bold('4  The verifier has the fingerprint, the run, and no model'));
    const verdict = verifyDirectory({
      run: honest.path,
      fingerprint: program.fingerprint,
      nonce,
      allowUnproven: false,
      inputs: () => integers,
    });
    const outputs = tensorDocuments(program.key, verdict.outputs);
    const [name] = program.key.outputs;
    const output = outputs[name] && { name, ...outputs[name], prediction: argmax(outputs[name].data) };
    const certificate = {
      fingerprint: program.fingerprint,
      nonce,
      prediction: output?.prediction,
      coverage: verdict.coverage,
      proofBytes: provers.reduce((n, p) => n + p.proofBytes, 0),
      verifyMs: verdict.verifyMs,
    };
    const accepted = verdict.verdict === 'accepted';
    terminal.say(
      renderFacts([
        ['   prediction', output ? pc.bold(String(output.prediction)) : 'none is bound'],
        ['   outputs', output ? output.data.map(formatNumber).join(', ') : ''],
        ['   program', program.fingerprint],
        ['   nonce', nonce],
        ['   provers', provers.map((p) => p.prover).join(', ')],
        ['   proofs', `${formatBytes(certificate.proofBytes)}, verified in ${formatMs(verdict.verifyMs)}`],
        ['   links', verdict.coverage.linked ? 'every slice takes up exactly what the one before made' : 'NOT LINKED'],
        ['   verdict', accepted ? pc.green(pc.bold('ACCEPTED')) : pc.red(`${verdict.verdict} ${verdict.code}`)],
      ]),
    );

    terminal.say(`\n${pc.bold('5  Forgeries')}`);
    const tampered = tryForgeries({
      key: program.keyBytes,
      fingerprint: program.fingerprint,
      inputs: integers,
      run: readRun(honest.path).run,
      output: name,
      otherSession: readSliceProof(replay.path, middle) as SliceProof,
      otherPicture: readSliceProof(other.path, middle) as SliceProof,
    });
    terminal.say(forgeryTable(tampered).replace(/^/gm, '   '));
    for (const f of ['other-session', 'other-picture']) rmSync(join(directory, f), { recursive: true, force: true });
    if (options.keep !== undefined) {
      terminal.say(`\n   kept: dsperse verify ${honest.path} --fingerprint ${program.fingerprint}`);
    }
    const caught = tampered.every((t) => t.verdict !== 'accepted');
    return {
      document: {
        verdict: verdict.verdict,
        ...(verdict.code === undefined ? {} : { code: verdict.code, path: verdict.path }),
        fingerprint: program.fingerprint,
        nonce,
        output,
        slices: manifest.slices,
        provers: provers.map(({ prover, ...report }) => ({ id: prover, ...report })),
        coverage: verdict.coverage,
        compileMs: compiled.compileMs,
        proofBytes: certificate.proofBytes,
        verifyMs: verdict.verifyMs,
        tampered,
        ...(options.keep === undefined ? {} : { kept: options.keep, run: honest.path }),
      },
      text: '',
      exitCode: !caught ? EXIT.bug : accepted ? EXIT.done : EXIT.rejected,
    };
  } finally {
    progress.done();
  }
}
