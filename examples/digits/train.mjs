/**
 * Makes the example model: draws digits, trains the network on them, measures it on digits it has not seen, and writes
 * everything beside this file. Run after `npm run build`:
 *
 *   node examples/digits/train.mjs
 *
 * Everything follows from the seeds: the same Node version writes the same model.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { encodePng } from '../../packages/cli/dist/png.js';
import { decodeOnnx, encodeOnnx } from '../../packages/core/dist/graph/index.js';
import { Adam, argmax, backward, forward, initialise, mapTensors, SHAPE, workspace } from './network.mjs';
import { contactSheet, drawSet, Random, SIDE } from './render.mjs';

const SETTINGS = {
  seeds: { weights: 1, training: 2, test: 3, calibration: 4, order: 5 },
  training: 12_000,
  test: 4_000,
  calibration: 32,
  epochs: 8,
  batch: 32,
  rate: 2e-3,
  decay: 1e-3,
};

const here = (name) => new URL(name, import.meta.url);
const inputOf = (pixels) => Float64Array.from(pixels, (b) => b / 255);

function train(net, samples) {
  const { batch, epochs, rate, decay, seeds } = SETTINGS;
  const random = new Random(seeds.order);
  const adam = new Adam(net, decay);
  const grad = mapTensors(net, (t) => new Float64Array(t.length));
  const room = workspace();
  const inputs = samples.map((s) => inputOf(s.pixels));
  const order = samples.map((_, i) => i);
  const total = Math.ceil((epochs * samples.length) / batch);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    random.shuffle(order);
    let loss = 0;
    for (let at = 0; at < order.length; at += batch) {
      const chosen = order.slice(at, at + batch);
      for (const i of chosen) loss += backward(net, inputs[i], samples[i].label, grad, room);
      // The rate falls to zero along half a cosine (Loshchilov, Hutter 2017).
      adam.step(net, grad, chosen.length, rate * 0.5 * (1 + Math.cos((Math.PI * adam.steps) / total)));
    }
    console.log(`epoch ${epoch}/${epochs}: mean loss ${(loss / order.length).toFixed(4)}`);
  }
}

function test(net, samples) {
  const room = workspace();
  const predictions = samples.map((s) => argmax(forward(net, inputOf(s.pixels), room)));
  const perDigit = Array.from({ length: 10 }, (_, d) => {
    const of = samples.flatMap((s, i) => (s.label === d ? [predictions[i] === d] : []));
    return Number((of.filter(Boolean).length / of.length).toFixed(4));
  });
  const right = samples.filter((s, i) => s.label === predictions[i]).length;
  return { predictions, accuracy: right / samples.length, perDigit };
}

/** The network as an ONNX graph, opset 13. */
function graphOf(net) {
  const { first, second, flat, hidden, classes } = SHAPE;
  const weight = (data, ...dims) => ({ dtype: 'float32', dims, data });
  const node = (op, name, inputs, output, attributes = {}) => {
    return { name, op, domain: '', inputs, outputs: [output], attributes };
  };
  const conv = (s) => ({ kernel_shape: [s.kernel, s.kernel], strides: [1, 1], pads: [0, 0, 0, 0] });
  const pool = { kernel_shape: [2, 2], strides: [2, 2] };
  return {
    name: 'digits',
    opset: 13,
    inputs: ['picture'],
    outputs: ['logits'],
    nodes: [
      node('Conv', 'conv1', ['picture', 'conv1.weight', 'conv1.bias'], 'c1', conv(first)),
      node('Relu', 'relu1', ['c1'], 'r1'),
      node('MaxPool', 'pool1', ['r1'], 'p1', pool),
      node('Conv', 'conv2', ['p1', 'conv2.weight', 'conv2.bias'], 'c2', conv(second)),
      node('Relu', 'relu2', ['c2'], 'r2'),
      node('MaxPool', 'pool2', ['r2'], 'p2', pool),
      node('Flatten', 'flatten', ['p2'], 'f', { axis: 1 }),
      node('Gemm', 'dense1', ['f', 'dense1.weight', 'dense1.bias'], 'd1', { transB: 1 }),
      node('Relu', 'relu3', ['d1'], 'r3'),
      node('Gemm', 'dense2', ['r3', 'dense2.weight', 'dense2.bias'], 'logits', { transB: 1 }),
    ],
    initializers: new Map([
      ['conv1.weight', weight(net.conv1, first.outputs, first.inputs, first.kernel, first.kernel)],
      ['conv1.bias', weight(net.bias1, first.outputs)],
      ['conv2.weight', weight(net.conv2, second.outputs, second.inputs, second.kernel, second.kernel)],
      ['conv2.bias', weight(net.bias2, second.outputs)],
      ['dense1.weight', weight(net.dense1, hidden, flat)],
      ['dense1.bias', weight(net.bias3, hidden)],
      ['dense2.weight', weight(net.dense2, classes, hidden)],
      ['dense2.bias', weight(net.bias4, classes)],
    ]),
    tensors: new Map([
      ['picture', { dtype: 'float32', dims: [1, 1, SHAPE.side, SHAPE.side] }],
      ['logits', { dtype: 'float32', dims: [1, classes] }],
    ]),
  };
}

/** `{"input_data": [[784 numbers]]}`; six digits are enough to give back the byte of each pixel. */
const inputFile = (pixels) => ({ input_data: [Array.from(inputOf(pixels), (x) => Number(x.toFixed(6)))] });

/** The first two held-out pictures of each digit, whatever the network says of them. */
function writeSamples(samples, predictions) {
  mkdirSync(here('samples/'), { recursive: true });
  const written = [];
  for (let digit = 0; digit < 10; digit++) {
    const of = samples.flatMap((s, i) => (s.label === digit ? [i] : [])).slice(0, 2);
    of.forEach((i, k) => {
      const name = k === 0 ? `${digit}` : `${digit}-b`;
      const picture = { width: SIDE, height: SIDE, channels: 1, data: samples[i].pixels };
      writeFileSync(here(`samples/${name}.png`), encodePng(picture));
      writeFileSync(here(`samples/${name}.json`), `${JSON.stringify(inputFile(samples[i].pixels))}\n`);
      written.push({ name, digit, predicted: predictions[i] });
    });
  }
  return written;
}

/** The first 120 held-out pictures sorted by digit, framed green where the network is right and red where it is wrong. */
function writeSheet(samples, predictions) {
  const shown = Array.from({ length: 10 }, (_, d) =>
    samples.flatMap((s, i) => (s.label === d ? [i] : [])).slice(0, 12),
  ).flat();
  const sheet = contactSheet(
    shown.map((i) => samples[i].pixels),
    12,
    2,
    (k) => (predictions[shown[k]] === samples[shown[k]].label ? [46, 160, 67] : [218, 54, 51]),
  );
  writeFileSync(here('samples.png'), encodePng(sheet));
}

const started = performance.now();
const training = drawSet(SETTINGS.training, SETTINGS.seeds.training);
const heldOut = drawSet(SETTINGS.test, SETTINGS.seeds.test);
const calibration = drawSet(SETTINGS.calibration, SETTINGS.seeds.calibration);
const net = initialise(new Random(SETTINGS.seeds.weights));
train(net, training);
const seconds = (performance.now() - started) / 1000;

// The file holds single precision: what is measured is what is written.
const rounded = mapTensors(net, (t) => Float64Array.from(t, Math.fround));
writeFileSync(here('model.onnx'), encodeOnnx(graphOf(rounded)));
const { graph } = decodeOnnx(readFileSync(here('model.onnx')));
const parameters = [...graph.initializers.values()].reduce((n, t) => n + t.data.length, 0);
const { predictions, accuracy, perDigit } = test(rounded, heldOut);
const samples = writeSamples(heldOut, predictions);
writeSheet(heldOut, predictions);
const lists = calibration.map((s) => JSON.stringify(inputFile(s.pixels)));
writeFileSync(here('calibration.json'), `[\n${lists.join(',\n')}\n]\n`);
const report = {
  command: 'node examples/digits/train.mjs',
  node: process.version,
  settings: SETTINGS,
  parameters,
  trainingAccuracy: Number(test(rounded, training).accuracy.toFixed(4)),
  heldOutAccuracy: Number(accuracy.toFixed(4)),
  heldOutAccuracyPerDigit: perDigit,
  trainingSeconds: Math.round(seconds),
  samples,
};
writeFileSync(here('report.json'), `${JSON.stringify(report, null, 2)}\n`);
console.log(`held-out accuracy ${(100 * accuracy).toFixed(2)} % of ${heldOut.length}, ${parameters} parameters`);
