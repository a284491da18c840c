/**
 * Takes dense.circom through circom and snarkjs (Groth16), step by step, and says how long each took: one JSON document a
 * line. Run by `dsperse bench --peers`:
 *
 *   node snarkjs-steps.mjs <directory with dense.circom, input.json and node_modules of snarkjs and circom2>
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
const at = (name) => join(directory, name);
const require = createRequire(at('package.json'));
const snarkjs = require('snarkjs');
const say = (document) => console.log(JSON.stringify(document));

async function step(name, work) {
  say({ begin: name });
  const start = performance.now();
  const result = await work();
  say({ step: name, ms: performance.now() - start });
  return result;
}

/** 2^13 rows: more than the circuit has constraints. */
const POWER = 13;
const RUNS = 3;
const entropy = () => 'a benchmark, whose keys are thrown away';

await step('compile', () =>
  execFileSync(process.execPath, [require.resolve('circom2/cli.js'), 'dense.circom', '--r1cs', '--wasm', '-o', '.'], {
    cwd: directory,
    stdio: 'ignore',
  }),
);
await step('srs', async () => {
  const { getCurveFromName } = snarkjs.curves;
  const curve = await getCurveFromName('bn128');
  await snarkjs.powersOfTau.newAccumulator(curve, POWER, at('0.ptau'));
  await snarkjs.powersOfTau.contribute(at('0.ptau'), at('1.ptau'), 'bench', entropy());
  await snarkjs.powersOfTau.preparePhase2(at('1.ptau'), at('2.ptau'));
});
const key = await step('setup', async () => {
  await snarkjs.zKey.newZKey(at('dense.r1cs'), at('2.ptau'), at('0.zkey'));
  await snarkjs.zKey.contribute(at('0.zkey'), at('1.zkey'), 'bench', entropy());
  return snarkjs.zKey.exportVerificationKey(at('1.zkey'));
});
const input = JSON.parse(readFileSync(at('input.json'), 'utf8'));
await step('witness', () => snarkjs.wtns.calculate(input, at('dense_js/dense.wasm'), at('witness.wtns')));
for (let run = 0; run < RUNS; run++) {
  const { proof, publicSignals } = await step('prove', () => snarkjs.groth16.prove(at('1.zkey'), at('witness.wtns')));
  const accepted = await step('verify', () => snarkjs.groth16.verify(key, publicSignals, proof));
  if (!accepted) throw new Error('the proof was rejected');
}
// Two points of the first group and one of the second, compressed.
say({ proofBytes: 128, keyBytes: statSync(at('1.zkey')).size });
process.exit(0);
