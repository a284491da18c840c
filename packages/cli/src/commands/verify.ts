import { InputError } from '@dsperse/core/graph';
import { quantizeInputs } from '@dsperse/core/program';
import type { SliceReport, VerifierKey } from '@dsperse/core/verify';
import type { Command } from 'commander';
import pc from 'picocolors';
import { parseHex, parseTolerance } from '../arguments/parse-options.js';
import { readInput } from '../inputs/read-input.js';
import { compareExpected, type ExpectedComparison, readExpected } from '../proving/compare-expected.js';
import { expectedOf } from '../proving/open-program.js';
import { describeTensors, type TensorDocument, tensorDocuments } from '../proving/tensor-document.js';
import { type DirectoryVerdict, verifyDirectory } from '../proving/verify-directory.js';
import { EXIT } from '../terminal/describe-error.js';
import { formatBytes, formatIndices, formatMs, formatNumber, formatRange } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import { type CommonOptions, collect, newCommand, type Outcome, type Perform, withCommonOptions } from './command.js';
import { INPUT_HELP } from './run.js';

export interface VerifyOptions extends CommonOptions {
  readonly fingerprint?: string;
  readonly key?: string;
  readonly input?: readonly string[];
  readonly clamp?: boolean;
  readonly expect?: string;
  readonly tolerance?: string;
  readonly nonce?: string;
  readonly allowUnproven?: boolean;
}

export function verifyCommand(perform: Perform): Command {
  return withCommonOptions(
    newCommand('verify', 'v', 'verify every proof of a run, and every link between them')
      .argument('<run>', 'a run, as prove wrote it')
      .option('--fingerprint <hex>', 'fingerprint of the program that is trusted')
      .option('--key <file>', 'verifier.key of the program that is trusted')
      .option('-i, --input <input>', `the input that the run must be of: ${INPUT_HELP}`, collect)
      .option('--clamp', 'the input was clamped (see run)')
      .option('--expect <file>', 'outputs that the run must have, as run -o writes them')
      .option('--tolerance <x>', 'largest difference from the expected outputs', '0')
      .option('--nonce <hex>', 'nonce that the run must be for')
      .option('--allow-unproven', 'accept although slices are unproven'),
  ).action((path: string, options: VerifyOptions) =>
    perform(options, async (): Promise<Outcome> => verifyOutcome(path, options)),
  );
}

export function verifyOutcome(path: string, options: VerifyOptions): Outcome {
  if (options.fingerprint === undefined && options.key === undefined) {
    throw new InputError(
      'usage',
      'say which program is trusted: --fingerprint <hex> or --key <program>/verifier.key',
      'dsperse compile prints the fingerprint',
    );
  }
  const { fingerprint, nonce, input } = options;
  const tolerance = parseTolerance(options.tolerance ?? '0');
  const inputs = (key: VerifierKey) =>
    quantizeInputs(key, readInput(input ?? [], expectedOf(key, key.inputs)), { clamp: options.clamp }).integers;
  const verdict = verifyDirectory({
    run: path,
    ...(fingerprint === undefined ? {} : { fingerprint: parseHex('--fingerprint', fingerprint) }),
    ...(nonce === undefined ? {} : { nonce: parseHex('--nonce', nonce) }),
    ...(input === undefined ? {} : { inputs }),
    keyFile: options.key,
    allowUnproven: options.allowUnproven ?? false,
  });
  const { key } = verdict;
  // Nothing that a rejected run says is worth repeating.
  const outputs = key && verdict.verdict !== 'rejected' ? tensorDocuments(key, verdict.outputs) : {};
  const expected =
    key && options.expect !== undefined && verdict.verdict !== 'rejected'
      ? compareExpected(outputs, readExpected(options.expect, expectedOf(key, key.outputs)), tolerance)
      : undefined;
  const final = withExpected(verdict, expected);
  return describeVerdict(path, final, outputs, expected);
}

/** An accepted run with other outputs than expected is rejected. */
function withExpected(verdict: DirectoryVerdict, expected: ExpectedComparison | undefined): DirectoryVerdict {
  if (!expected || expected.agrees || verdict.verdict !== 'accepted') return verdict;
  return { ...verdict, verdict: 'rejected', code: 'output-mismatch', path: `outputs/${expected.at}` };
}

const EXIT_CODES = { accepted: EXIT.done, rejected: EXIT.rejected, undecided: EXIT.undecided } as const;

function describeVerdict(
  path: string,
  verdict: DirectoryVerdict,
  outputs: Record<string, TensorDocument>,
  expected: ExpectedComparison | undefined,
): Outcome {
  const { key, run, coverage, verifyMs, reason, fingerprint } = verdict;
  const inputs = key && verdict.verdict !== 'rejected' ? tensorDocuments(key, verdict.inputs) : {};
  const slices = verdict.slices.map((s) => {
    const prover = s.verdict === 'accepted' ? run?.slices[s.provenWith ?? s.index]?.statement.prover : undefined;
    return { ...s, ...(prover === undefined ? {} : { prover }) };
  });
  const document = {
    verdict: verdict.verdict,
    ...(verdict.code === undefined ? {} : { code: verdict.code }),
    ...(verdict.path === undefined ? {} : { path: verdict.path }),
    ...(reason === undefined ? {} : { reason }),
    fingerprint,
    ...(run ? { nonce: run.nonce } : {}),
    slices,
    coverage,
    verifyMs,
    inputs,
    outputs,
    ...(expected ? { expected } : {}),
  };
  const proofs = (run?.slices ?? []).flatMap((s) => (s ? [s.proof.length] : []));
  const bytes = proofs.reduce((n, b) => n + b, 0);
  const text = [
    ...(slices.length > 0 ? [sliceVerdicts(slices, verdict), ''] : []),
    ...(verdict.verdict === 'accepted' ? [describeTensors(outputs) || 'no output is bound by what is proven', ''] : []),
    ...(run
      ? [
          renderFacts([
            ['run', path],
            ['fingerprint', fingerprint],
            ['nonce', run.nonce],
            ['coverage', coverageWords(verdict)],
            ['proofs', `${proofs.length}, ${formatBytes(bytes)}, ${verifiedWords(verdict)}`],
            ...(expected ? [['expected', expectedWords(expected)] as const] : []),
          ]),
          '',
        ]
      : []),
    verdictWords(verdict),
  ].join('\n');
  return { document, text, exitCode: EXIT_CODES[verdict.verdict] };
}

const COLOURS = { accepted: pc.green, rejected: pc.red, undecided: pc.yellow, unproven: pc.yellow } as const;

function sliceVerdicts(slices: readonly (SliceReport & { prover?: string })[], { key, run }: DirectoryVerdict): string {
  const joined = slices.some((s) => s.provenWith !== undefined);
  const proofOf = ({ index, provenWith, verdict }: SliceReport): string => {
    if (provenWith === undefined) return verdict === 'unproven' ? '' : String(index);
    return formatRange(run?.slices[provenWith]?.statement ?? { index: provenWith });
  };
  return renderTable(
    [
      { title: 'slice', align: 'right' },
      ...(joined ? [{ title: 'proof of', align: 'right' } as const] : []),
      { title: 'verdict' },
      { title: 'reason' },
      { title: 'prover', most: 32 },
      { title: 'reads', most: 28 },
      { title: 'makes', most: 28 },
    ],
    slices.map((s) => [
      String(s.index),
      ...(joined ? [proofOf(s)] : []),
      COLOURS[s.verdict](s.verdict),
      s.code ? `${s.code} at ${s.path}` : '',
      s.prover ?? '',
      key?.slices[s.index].inputs.join(', ') ?? '',
      key?.slices[s.index].outputs.join(', ') ?? '',
    ]),
  );
}

function coverageWords({ coverage, slices }: DirectoryVerdict): string {
  const { proven, unproven, linked } = coverage;
  if (slices.length === 0) return 'nothing was verified';
  if (proven.length === slices.length) {
    return linked
      ? 'every slice is proven, and every link between them'
      : 'every slice is proven, but they are not linked';
  }
  const parts = [`${proven.length} of ${slices.length} slices are proven`];
  if (unproven.length > 0) {
    const [is, what] = unproven.length === 1 ? ['slice', 'is'] : ['slices', 'are'];
    parts.push(
      pc.yellow(`${is} ${formatIndices(unproven)} ${what} UNPROVEN: nothing is shown about what happens there`),
    );
  }
  return parts.join('; ');
}

const verifiedWords = ({ slices, verifyMs }: DirectoryVerdict): string =>
  slices.length === 0 ? 'none of them verified' : `verified in ${formatMs(verifyMs)}`;

const expectedWords = (e: ExpectedComparison): string =>
  e.maxAbsError === 0
    ? 'the outputs are exactly those expected'
    : `the outputs differ by ${formatNumber(e.maxAbsError)} at ${e.at}; ${formatNumber(e.tolerance)} is allowed`;

/** What a code means, for people. */
const REASONS: Readonly<Record<string, string>> = {
  'unproven-slices': 'not every slice is proven; --allow-unproven accepts that',
  fingerprint: 'it is of another program',
  nonce: 'it was made for another session or order',
  link: 'neighbouring slices do not agree on what passes between them',
  'input-mismatch': 'it is of another input',
  'output-mismatch': 'its outputs are not those expected',
  commitment: 'a tensor is not the one that was committed to',
};

function verdictWords(v: DirectoryVerdict): string {
  const word = COLOURS[v.verdict](pc.bold(v.verdict.toUpperCase()));
  if (v.verdict === 'accepted') return v.coverage.unproven.length > 0 ? `${word} as far as it is proven` : word;
  const where = v.path ? ` at ${v.path}` : '';
  const reason = v.reason ?? REASONS[v.code ?? ''];
  return `${word} ${v.code ?? ''}${where}${reason ? `: ${reason}` : ''}`;
}
