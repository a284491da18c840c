/**
 * Measures the integer programs of the example on the digits that the network has not seen, and writes
 * integer-report.json beside this file. Run after `npm run build`:
 *
 *   node examples/digits/measure.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { decodeOnnx } from '../../packages/core/dist/graph/index.js';
import { createKernels } from '../../packages/core/dist/kernels/index.js';
import { compileModel, dequantize, quantizeInputs } from '../../packages/core/dist/program/index.js';
import { commitProgram, decodeSlicePackage, executeSlice } from '../../packages/core/dist/proof/prove-index.js';
import { argmax, forward, workspace } from './network.mjs';
import { drawSet } from './render.mjs';

const here = (name) => new URL(name, import.meta.url);
const { settings } = JSON.parse(readFileSync(here('report.json')));

const model = readFileSync(here('model.onnx'));
const input = (numbers) =>
  new Map([['picture', { dtype: 'float32', dims: [1, 1, 28, 28], data: Float64Array.from(numbers) }]]);
const calibration = JSON.parse(readFileSync(here('calibration.json'))).map((x) => input(x.input_data[0]));
const heldOut = drawSet(settings.test, settings.seeds.test);

/** The trained network, from the file. */
const { initializers } = decodeOnnx(model).graph;
const numbers = (name) => initializers.get(name).data;
const net = {
  conv1: numbers('conv1.weight'),
  bias1: numbers('conv1.bias'),
  conv2: numbers('conv2.weight'),
  bias2: numbers('conv2.bias'),
  dense1: numbers('dense1.weight'),
  bias3: numbers('dense1.bias'),
  dense2: numbers('dense2.weight'),
  bias4: numbers('dense2.bias'),
};

const kernels = await createKernels();
const room = workspace();
const pictures = heldOut.map((s) => Float64Array.from(s.pixels, (b) => b / 255));
const floats = pictures.map((p) => Float64Array.from(forward(net, p, room)));
const right = floats.filter((logits, i) => argmax(logits) === heldOut[i].label).length;

const precisions = {};
for (const precision of ['fast', 'standard', 'high']) {
  const program = compileModel(model, { calibration, precision, slices: 1 });
  const { fingerprint, packages } = commitProgram(kernels, program, { preset: 'standard' });
  const slice = decodeSlicePackage(packages[0].bytes);
  let correct = 0;
  let agrees = 0;
  let refused = 0;
  let worst = 0;
  pictures.forEach((picture, i) => {
    let logits;
    try {
      const { outputs } = executeSlice(slice, quantizeInputs(program, input(picture)).integers, kernels);
      logits = dequantize(program.tensors.get('logits'), outputs.get('logits'));
    } catch (error) {
      if (error.code !== 'out-of-range') throw error;
      refused++;
      return;
    }
    if (argmax(logits) === heldOut[i].label) correct++;
    if (argmax(logits) === argmax(floats[i])) agrees++;
    const span = Math.max(...floats[i]) - Math.min(...floats[i]);
    worst = Math.max(worst, ...Array.from(logits, (x, k) => Math.abs(x - floats[i][k]) / span));
  });
  const share = (n) => Number((n / pictures.length).toFixed(4));
  precisions[precision] = {
    fingerprint,
    accuracy: share(correct),
    agreesWithFloat: share(agrees),
    outOfRange: refused,
    largestErrorOfOutputRange: Number(worst.toExponential(2)),
  };
}
await kernels.close();
const report = {
  command: 'node examples/digits/measure.mjs',
  digits: pictures.length,
  floatAccuracy: right / pictures.length,
  precisions,
};
writeFileSync(here('integer-report.json'), `${JSON.stringify(report, null, 2)}\n`);
console.log(report);
