/** Other systems on this machine and on our models, where they can. */
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchModel, benchInput, generateModel, isBenchModel } from '../../bench-models/catalogue.js';
import { Random } from '../../bench-models/random.js';
import type { Progress } from '../../terminal/progress.js';
import { stageError } from '../measure-model.js';
import type { BenchResults, Occasion, PeerResult } from '../results.js';
import { withScratch } from '../scratch-directory.js';
import { EZKL_VERSION, installEzkl, installSnarkjs, SNARKJS_VERSION } from './install-peers.js';
import { runSteps, type StepLimits, type StepsReport } from './step-process.js';

const SCRIPTS = fileURLToPath(new URL('../../../../../bench/peers/', import.meta.url));

/** The smaller ones first. */
export const PEER_MODELS: readonly BenchModel[] = ['dense-64', 'lenet5', 'cifar-264k', 'dense-4m'];

interface Peer {
  readonly system: string;
  readonly version: string;
  readonly models: (model: string) => boolean;
  readonly note: string;
  /** Runs it on the model, in an empty directory. */
  readonly run: (
    model: BenchModel,
    directory: string,
    limits: StepLimits,
    onStage: (s: string) => void,
  ) => Promise<StepsReport>;
}

const PEERS: readonly Peer[] = [
  {
    system: 'snarkjs (Groth16, circom)',
    version: SNARKJS_VERSION,
    models: (model) => model === 'dense-64',
    note: 'integers of eight bits; the weights are private inputs that nothing binds; setup is for this circuit alone',
    async run(_, directory, limits, onStage) {
      symlinkSync(join(await installSnarkjs(), 'node_modules'), join(directory, 'node_modules'));
      writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
      copyFileSync(join(SCRIPTS, 'dense.circom'), join(directory, 'dense.circom'));
      writeFileSync(join(directory, 'input.json'), JSON.stringify(denseInput()));
      const words = [join(SCRIPTS, 'snarkjs-steps.mjs'), directory];
      return runSteps(process.execPath, words, directory, limits, onStage);
    },
  },
  {
    system: 'ezkl',
    version: EZKL_VERSION,
    models: isBenchModel,
    note: 'its own calibration for least resources, a local SRS, input and output public, weights fixed in the key',
    async run(model, directory, limits, onStage) {
      const python = await installEzkl();
      writeFileSync(join(directory, 'model.onnx'), generateModel(model).bytes);
      const input = { input_data: [Array.from(benchInput(model, 0).data)] };
      writeFileSync(join(directory, 'input.json'), JSON.stringify(input));
      return runSteps(python, [join(SCRIPTS, 'ezkl-steps.py'), directory], directory, limits, onStage);
    },
  },
];

/** Weights and inputs of eight bits. */
function denseInput(): object {
  const random = new Random(1);
  const numbers = (n: number) => Array.from({ length: n }, () => Math.round(random.between(-127, 127)));
  const field = (x: number): string =>
    x < 0
      ? String(21888242871839275222246405745257275088548364400416034343698204186575808495617n + BigInt(x))
      : String(x);
  const row = (): string[] => numbers(64).map(field);
  return { x: row(), w: Array.from({ length: 64 }, row), b: row() };
}

export async function runPeers(
  models: readonly string[],
  limits: StepLimits,
  { measured, known }: { readonly measured: Occasion; readonly known: readonly PeerResult[] },
  progress: Progress,
  keep: (peers: BenchResults['peers']) => void,
): Promise<PeerResult[]> {
  const found: PeerResult[] = [];
  const jobs = models
    .filter(isBenchModel)
    .flatMap((model) => PEERS.filter((p) => p.models(model)).map((peer) => ({ model, peer })))
    .filter(({ model, peer }) => !known.some((k) => k.model === model && k.system === peer.system));
  return withScratch(async (scratch) => {
    for (const [i, { model, peer }] of jobs.entries()) {
      const { system, version, note } = peer;
      const told = (stage: string) => progress.report(`${system}, ${model}: ${stage}`, i / jobs.length);
      told('install');
      const directory = join(scratch, String(i));
      mkdirSync(directory);
      const common = { system, version, model, note, measured };
      try {
        found.push({ ...common, ...resultOf(await peer.run(model, directory, limits, told)) });
      } catch (thrown) {
        found.push({ ...common, failed: { stage: 'install', ...stageError(thrown) } });
      }
      rmSync(directory, { recursive: true, force: true });
      keep(found);
    }
    return found;
  });
}

function resultOf({ ms, facts, peakRssBytes, failed }: StepsReport): Partial<PeerResult> {
  // Before a key there is a circuit.
  const before = ['settings', 'calibrate', 'compile', 'setup'].filter((s) => s in ms);
  return {
    ...(before.length > 0 ? { setupMs: before.reduce((n, s) => n + ms[s], 0) } : {}),
    ...('srs' in ms ? { srsMs: ms.srs } : {}),
    ...('witness' in ms ? { witnessMs: ms.witness } : {}),
    ...('prove' in ms ? { proveMs: ms.prove } : {}),
    ...('verify' in ms ? { verifyMs: ms.verify } : {}),
    ...(facts.proofBytes ? { proofBytes: facts.proofBytes } : {}),
    peakRssBytes,
    ...(failed ? { failed } : {}),
  };
}
