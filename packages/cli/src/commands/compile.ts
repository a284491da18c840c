import type { Command } from 'commander';
import pc from 'picocolors';
import { parseInputShape, parsePrecision, parseSlicePlan } from '../arguments/parse-options.js';
import { expectedInputs, inputShapes, openModel } from '../artifacts/model-file.js';
import { checkProgramTarget, type ProgramManifest } from '../artifacts/program-directory.js';
import { readCalibration } from '../inputs/read-calibration.js';
import { type Compiled, type CompileRequest, compileArtifacts, saveCompiled } from '../proving/compile-artifacts.js';
import { formatBytes, formatCount, formatList, formatMs } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';

export interface CompileOptionWords extends CommonOptions {
  readonly inputShape?: readonly string[];
  readonly calibrate?: readonly string[];
  readonly precision?: string;
  readonly slices?: string;
}

/** The options of `compile` and `full-run`. */
export function withCompileOptions(command: Command): Command {
  return command
    .option('--input-shape <name=dims>', 'shape of an input, like image=1,3,224,224 (repeatable)', collect)
    .option(
      '--calibrate <input>',
      'sample inputs that the quantisation is made for: file or directory (repeatable)',
      collect,
    )
    .option('--precision <level>', 'fast, standard or high', 'standard')
    .option('--slices <plan>', 'auto, layers, a number, or at:<tensor>,…', 'auto');
}

export function compileCommand(perform: Perform): Command {
  const command = newCommand('compile', 'c', 'make an integer program of an ONNX model, cut into slices')
    .argument('<model.onnx>', 'the model')
    .requiredOption('-o, --output <program>', 'directory to write');
  return withCommonOptions(withCompileOptions(command)).action(
    (model: string, options: CompileOptionWords & { readonly output: string }) =>
      perform(options, async (terminal): Promise<Outcome> => {
        checkProgramTarget(options.output);
        const progress = terminal.progress();
        try {
          const request = compileRequest(model, options);
          const compiled = await compileArtifacts(request, progress);
          progress.report('writing', 0);
          await saveCompiled(options.output, compiled);
          progress.done();
          return compileOutcome(options.output, compiled);
        } finally {
          progress.done();
        }
      }),
  );
}

/** @param calibrate inputs to calibrate with where no --calibrate is given */
export function compileRequest(
  path: string,
  options: CompileOptionWords,
  calibrate: readonly string[] = [],
): CompileRequest {
  const precision = parsePrecision(options.precision ?? 'standard');
  const slices = parseSlicePlan(options.slices ?? 'auto');
  const shapeOptions = (options.inputShape ?? []).map(parseInputShape);
  const model = openModel(path);
  const shapes = inputShapes(model, shapeOptions);
  const files = options.calibrate ?? calibrate;
  const calibration = files.length > 0 ? readCalibration(files, expectedInputs(model, shapes)) : [];
  return { model, options: { precision, slices, inputShapes: shapes, calibration }, samples: calibration.length };
}

export function compileDocument(manifest: Omit<ProgramManifest, 'files'>): object {
  const { fingerprint, precision, slices, parameters, multiplications, calibration } = manifest;
  return { fingerprint, precision, slices, parameters, multiplications, calibration };
}

export function compileOutcome(path: string, compiled: Compiled): Outcome {
  const { manifest, files, compileMs } = compiled;
  const { samples } = manifest.calibration;
  const bytes = [...files.values()].reduce((n, b) => n + b.length, 0);
  const facts = renderFacts([
    ['program', path],
    ['fingerprint', pc.bold(manifest.fingerprint)],
    ['precision', manifest.precision],
    [
      'ranges',
      samples > 0
        ? `from ${samples} sample${samples === 1 ? '' : 's'}`
        : 'from seeded probes; --calibrate with real inputs is better',
    ],
    ['parameters', formatCount(manifest.parameters)],
    ['multiplications', formatCount(manifest.multiplications)],
    ['written', formatBytes(bytes)],
    ['time', formatMs(compileMs)],
  ]);
  return {
    document: { program: path, ...compileDocument(manifest), compileMs },
    text: `${sliceTable(manifest)}\n\n${facts}`,
  };
}

export function sliceTable(manifest: Omit<ProgramManifest, 'files'>): string {
  const total = manifest.slices.reduce((n, s) => n + s.workUnits, 0) || 1;
  return renderTable(
    [
      { title: 'slice', align: 'right' },
      { title: 'work', align: 'right' },
      { title: 'parameters', align: 'right' },
      { title: 'multiplications', align: 'right' },
      { title: 'nodes', most: 48 },
      { title: 'reads', most: 24 },
      { title: 'makes', most: 24 },
    ],
    manifest.slices.map((s) => [
      String(s.index),
      `${((100 * s.workUnits) / total).toFixed(0)}%`,
      formatCount(s.parameters),
      formatCount(s.multiplications),
      formatList(s.nodes),
      formatList(s.inputs),
      formatList(s.outputs),
    ]),
  );
}
