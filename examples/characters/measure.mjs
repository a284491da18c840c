/**
 * Measures the integer programs of the example on lines that the network has not seen, and writes integer-report.json
 * beside this file. Run after `npm run build`:
 *
 *   node examples/characters/measure.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { decodeOnnx } from '../../packages/core/dist/graph/index.js';
import { createKernels } from '../../packages/core/dist/kernels/index.js';
import { compileModel, dequantize, quantizeInputs } from '../../packages/core/dist/program/index.js';
import { commitProgram, decodeSlicePackage, executeSlice } from '../../packages/core/dist/proof/prove-index.js';
import { argmax, forward, workspace } from './network.mjs';
import { networkOf } from './onnx.mjs';
import { Score } from './score.mjs';
import { ALPHABET, batchOf, inputOf, LineSource, WINDOW } from './text.mjs';

const share = ([same, all]) => Number((same / all).toFixed(4));
const here = (name) => new URL(name, import.meta.url);
const { settings } = JSON.parse(readFileSync(here('report.json')));
const model = readFileSync(here('model.onnx'));
const calibration = JSON.parse(readFileSync(here('calibration.json'))).map(({ text }) => inputOf(text));
const lines = new LineSource(settings.seeds.test, { heldOut: true }).take(settings.test);

const net = networkOf(decodeOnnx(model).graph);
const room = workspace(settings.shape, WINDOW);
const floats = lines.map((line) => Float64Array.from(forward(net, settings.shape, batchOf([line]), room)));
const float = new Score();
lines.forEach((line, i) => {
  float.add(line, floats[i]);
});

const kernels = await createKernels();
const precisions = {};
for (const precision of ['fast', 'standard', 'high']) {
  const program = compileModel(model, { calibration, precision, slices: 1 });
  const { fingerprint, packages } = commitProgram(kernels, program, { preset: 'standard' });
  const slice = decodeSlicePackage(packages[0].bytes);
  const score = new Score();
  const agreement = { all: [0, 0], determined: [0, 0] };
  let [refused, worst] = [0, 0];
  lines.forEach((line, i) => {
    let logits;
    try {
      const { outputs } = executeSlice(slice, quantizeInputs(program, inputOf(line.text)).integers, kernels);
      logits = dequantize(program.tensors.get('logits'), outputs.get('logits'));
    } catch (error) {
      if (error.code !== 'out-of-range') throw error;
      refused++;
      return;
    }
    score.add(line, logits);
    for (let at = 0; at < floats[i].length; at += ALPHABET.length) {
      const same = argmax(logits, at, ALPHABET.length) === argmax(floats[i], at, ALPHABET.length) ? 1 : 0;
      const determined = line.determined[at / ALPHABET.length];
      for (const counts of determined ? [agreement.all, agreement.determined] : [agreement.all]) {
        counts[0] += same;
        counts[1]++;
      }
    }
    const span = Math.max(...floats[i]) - Math.min(...floats[i]);
    worst = Math.max(worst, ...floats[i].map((x, k) => Math.abs(logits[k] - x) / span));
  });
  precisions[precision] = {
    fingerprint,
    ...score.report(),
    agreesWithFloat: share(agreement.all),
    agreesWhereDetermined: share(agreement.determined),
    linesOutOfRange: refused,
    largestErrorOfOutputRange: Number(worst.toExponential(2)),
  };
  console.log(precision, precisions[precision]);
}
await kernels.close();
const report = {
  command: 'node examples/characters/measure.mjs',
  lines: settings.test,
  characters: float.characters,
  float: float.report(),
  precisions,
};
writeFileSync(here('integer-report.json'), `${JSON.stringify(report, null, 2)}\n`);
