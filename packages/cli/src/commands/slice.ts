import { join } from 'node:path';
import type { Command } from 'commander';
import { parseSlicePlan } from '../arguments/parse-options.js';
import type { ModelFile } from '../artifacts/model-file.js';
import {
  checkProgramTarget,
  MODEL_FILE,
  type ProgramDirectory,
  readProgram,
  readProgramFile,
} from '../artifacts/program-directory.js';
import { compileArtifacts, saveCompiled } from '../proving/compile-artifacts.js';
import { type CommonOptions, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { compileOutcome } from './compile.js';

export function sliceCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('slice', 's', 'cut a program another way')
      .argument('<program>', 'a compiled program')
      .requiredOption('-o, --output <program>', 'directory to write')
      .requiredOption('--slices <plan>', 'auto, layers, a number, or at:<tensor>,…'),
  ).action((path: string, options: CommonOptions & { readonly output: string; readonly slices: string }) =>
    perform(options, async (terminal): Promise<Outcome> => {
      const slices = parseSlicePlan(options.slices);
      const program = readProgram(path);
      checkProgramTarget(options.output);
      const { precision, ranges, inputShapes, calibration } = program.manifest;
      const progress = terminal.progress();
      try {
        const compiled = await compileArtifacts(
          {
            model: modelOf(program),
            options: { precision, ranges, inputShapes, slices },
            samples: calibration.samples,
          },
          progress,
        );
        await saveCompiled(options.output, compiled);
        progress.done();
        return compileOutcome(options.output, compiled);
      } finally {
        progress.done();
      }
    }),
  );
}

/** The model that a program was made of, as it stands in the program's directory. */
export function modelOf(program: ProgramDirectory): ModelFile {
  const external = new Map<string, Uint8Array>();
  const path = join(program.path, MODEL_FILE);
  return {
    path,
    bytes: readProgramFile(program, MODEL_FILE),
    external,
    externalData(location) {
      const data = external.get(location) ?? readProgramFile(program, location);
      external.set(location, data);
      return data;
    },
  };
}
