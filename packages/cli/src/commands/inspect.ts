import { statSync } from 'node:fs';
import { InputError, inspectModel, type ModelReport, type TensorReport } from '@dsperse/core/graph';
import { semanticsOf, unsupportedIn } from '@dsperse/core/program';
import type { SliceProof } from '@dsperse/core/verify';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseInputShape } from '../arguments/parse-options.js';
import { inputShapes, openModel } from '../artifacts/model-file.js';
import { isProgram } from '../artifacts/program-directory.js';
import { isRun, isUnfinishedRun, readRun } from '../artifacts/run-directory.js';
import { expectedOf, openProgram } from '../proving/open-program.js';
import { EXIT } from '../terminal/describe-error.js';
import { formatBytes, formatCount, formatDims, formatIndices, formatRange } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { compileDocument, sliceTable } from './compile.js';

interface InspectOptions extends CommonOptions {
  readonly inputShape?: readonly string[];
}

export function inspectCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('inspect', undefined, 'what a model, a program or a run is made of')
      .argument('<path>', 'model.onnx, a program or a run')
      .option('--input-shape <name=dims>', 'shape of an input of a model (repeatable)', collect),
  ).action((path: string, options: InspectOptions) => perform(options, async () => inspect(path, options)));
}

function inspect(path: string, options: InspectOptions): Outcome {
  if (!statSync(path).isDirectory()) return inspectFile(path, options);
  if (isProgram(path)) return inspectProgram(path);
  if (isRun(path) || isUnfinishedRun(path)) return inspectRun(path);
  throw new InputError(
    'bad-artifact',
    `${path} is neither a program nor a run`,
    'give a .onnx file, a program or a run',
  );
}

function inspectFile(path: string, options: InspectOptions): Outcome {
  const model = openModel(path);
  const shapes = inputShapes(model, (options.inputShape ?? []).map(parseInputShape));
  const report = inspectModel(model.bytes, {
    semantics: semanticsOf,
    inputShapes: shapes,
    externalData: model.externalData,
    unsupportedIn,
  });
  const supported = report.unsupported.length === 0 && report.issues.length === 0;
  return { document: { kind: 'model', supported, ...report }, text: modelText(report), exitCode: EXIT.done };
}

function modelText(report: ModelReport): string {
  const tensor = (t: TensorReport): string => `${t.name} ${t.dtype} [${t.dims.join(', ')}]`;
  const nodes = renderTable(
    [
      { title: 'node', most: 40 },
      { title: 'operator' },
      { title: 'makes', most: 40 },
      { title: 'parameters', align: 'right' },
      { title: 'multiplications', align: 'right' },
    ],
    report.nodes.map((n) => [
      n.name,
      n.op,
      n.outputs.map((o) => (o.dims ? formatDims(o.dims) : '?')).join(' '),
      n.parameters ? formatCount(n.parameters) : '',
      n.multiplications ? formatCount(n.multiplications) : '',
    ]),
  );
  const facts = renderFacts([
    ['model', `${report.name || '(no name)'}, opset ${report.opset}`],
    ['inputs', report.inputs.map(tensor).join(', ')],
    ['outputs', report.outputs.map(tensor).join(', ')],
    [
      'operators',
      Object.entries(report.operators)
        .map(([op, n]) => `${op}${n > 1 ? ` ×${n}` : ''}`)
        .join(', '),
    ],
    ['parameters', formatCount(report.parameters)],
    ['multiplications', formatCount(report.multiplications)],
  ]);
  const problems = [
    ...report.unsupported.map(
      (u) => `${pc.red('unsupported')} ${u.node} (${u.domain ? `${u.domain}.` : ''}${u.op}): ${u.hint}`,
    ),
    ...report.issues.map((issue) => `${pc.yellow('issue')} ${issue}`),
  ];
  const verdict = problems.length > 0 ? problems : [pc.green('every operator is supported')];
  const notes = report.notes.map((note) => `${pc.cyan('note')} ${note}`);
  return `${nodes}\n\n${facts}\n\n${[...verdict, ...notes].join('\n')}`;
}

function inspectProgram(path: string): Outcome {
  const program = openProgram(path);
  const { manifest } = program.directory;
  const { key } = program;
  const tensor = (names: readonly string[]) =>
    expectedOf(key, names).map(({ name, dtype, dims }) => ({ name, dtype, dims }));
  const words = (names: readonly string[]) =>
    names
      .map((name) => key.tensors.get(name))
      .map(
        (t) =>
          t &&
          `${t.name} ${formatDims(t.dims)} in [${(t.lo * t.scale).toPrecision(3)}, ${(t.hi * t.scale).toPrecision(3)}]`,
      )
      .join(', ');
  const facts = renderFacts([
    ['program', manifest.name || path],
    ['fingerprint', pc.bold(program.fingerprint)],
    ['precision', manifest.precision],
    ['inputs', words(key.inputs)],
    ['outputs', words(key.outputs)],
    ['parameters', formatCount(manifest.parameters)],
    ['multiplications', formatCount(manifest.multiplications)],
    ['verifier key', formatBytes(program.keyBytes.length)],
  ]);
  return {
    document: {
      kind: 'program',
      ...compileDocument(manifest),
      inputs: tensor(key.inputs),
      outputs: tensor(key.outputs),
      keyBytes: program.keyBytes.length,
    },
    text: `${sliceTable(manifest)}\n\n${facts}`,
  };
}

function inspectRun(path: string): Outcome {
  if (isUnfinishedRun(path)) {
    const text = `${path} is a run that was interrupted: dsperse prove with the same -o continues it`;
    return { document: { kind: 'run', complete: false }, text };
  }
  const { manifest, run, missing } = readRun(path);
  const table = renderTable(
    [
      { title: 'slice', align: 'right' },
      { title: 'proof', align: 'right' },
      { title: 'prover', most: 40 },
    ],
    run.slices.flatMap((s, i) =>
      s
        ? [
            [
              formatRange({ index: i, count: countOf(s) }),
              formatBytes(s.proof.length),
              String(s.statement?.prover ?? ''),
            ],
          ]
        : [],
    ),
  );
  const proofs = run.slices.flatMap((s, i) => (s ? [i] : []));
  const proven = run.slices.flatMap((s, i) => (s ? Array.from({ length: countOf(s) }, (_, k) => i + k) : []));
  const facts = renderFacts([
    ['run', path],
    ['fingerprint', manifest.fingerprint],
    ['nonce', manifest.nonce],
    ['slices', `${formatIndices(proven)} of ${manifest.sliceCount}`],
    ...(missing.length > 0 ? [['missing', missing.join(', ')] as const] : []),
  ]);
  const document = {
    kind: 'run',
    complete: missing.length === 0,
    ...manifest,
    proofs: proofs.map((i) => ({
      index: i,
      statement: run.slices[i]?.statement,
      proofBytes: run.slices[i]?.proof.length,
    })),
    missing,
  };
  return { document, text: `${table}\n\n${facts}\n\nnothing of this is verified: dsperse verify does that` };
}

/** Slices that a proof says it is about; nobody has checked that. */
const countOf = ({ statement }: SliceProof): number => {
  const count = statement?.count;
  return Number.isSafeInteger(count) && Number(count) >= 1 && Number(count) < 2 ** 16 ? Number(count) : 1;
};
