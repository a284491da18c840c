/**
 * Makes the example model: writes lines of text, trains the network on them, measures it on lines that it has not seen,
 * and writes everything beside this file. Run after `npm run build`:
 *
 *   node examples/characters/train.mjs
 *
 * Everything follows from the seeds: the same Node version writes the same model.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeOnnx, encodeOnnx } from '../../packages/core/dist/graph/index.js';
import { Random } from '../digits/render.mjs';
import { Adam, argmax, backward, forward, initialise, mapTensors, workspace } from './network.mjs';
import { NGram } from './ngram.mjs';
import { graphOf, networkOf } from './onnx.mjs';
import { Score } from './score.mjs';
import { ALPHABET, batchOf, KINDS, LineSource, oneHot, WINDOW } from './text.mjs';

const SETTINGS = {
  seeds: { weights: 1, training: 2, test: 3, calibration: 4 },
  shape: { vocabulary: ALPHABET.length, window: WINDOW, width: 48, heads: 4, blocks: 2, hidden: 96 },
  steps: 5_000,
  batch: 32,
  rate: 3e-3,
  warming: 100,
  decay: 0.2,
  test: 1_000,
  calibration: 64,
  ngrams: [2, 4, 6],
};

const { seeds, shape, batch, steps } = SETTINGS;
const here = (name) => new URL(name, import.meta.url);

/** @returns cross entropies in bits per character, each the mean since the one before */
function train(net) {
  const source = new LineSource(seeds.training, { heldOut: false });
  const adam = new Adam(net, SETTINGS.decay);
  const grad = mapTensors(net, (t) => new Float64Array(t.length));
  const room = workspace(shape, batch * WINDOW);
  const losses = [];
  let [sum, characters] = [0, 0];
  for (let step = 1; step <= steps; step++) {
    const lines = batchOf(source.take(batch));
    sum += backward(net, shape, lines, grad, room);
    characters += lines.ids.length;
    // The rate rises in a straight line, then falls to zero along half a cosine (Loshchilov, Hutter 2017).
    const warmth = Math.min(1, step / SETTINGS.warming);
    adam.step(net, grad, lines.ids.length, SETTINGS.rate * warmth * 0.5 * (1 + Math.cos((Math.PI * step) / steps)));
    if (step % 250 !== 0) continue;
    const bits = Number((sum / characters / Math.LN2).toFixed(4));
    losses.push({ step, bitsPerCharacter: bits });
    console.log(`step ${step}/${steps}: ${bits} bits per character`);
    [sum, characters] = [0, 0];
  }
  return losses;
}

/** @param logitsOf a line → rows of logits, or of logarithms of probabilities */
function scoreOf(lines, logitsOf) {
  const score = new Score();
  for (const line of lines) score.add(line, logitsOf(line));
  return score;
}

function baseline(order, lines) {
  const source = new LineSource(seeds.training, { heldOut: false });
  const model = new NGram(order);
  for (let k = 0; k < steps * batch; k++) model.learn(source.next().text);
  const logitsOf = ({ text }) =>
    Float64Array.from(
      Array.from({ length: text.length + 1 }, (_, i) => [...model.predict(text.slice(0, i)).map(Math.log)]).flat(),
    );
  return { order, ...scoreOf(lines, logitsOf).report() };
}

/** The first two held-out lines of each kind, up to a character in the middle of what is determined. */
function writeSamples(lines, logitsOf) {
  mkdirSync(here('samples/'), { recursive: true });
  return KINDS.flatMap((kind) =>
    lines
      .filter((line) => line.kind === kind)
      .slice(0, 2)
      .map((line, k) => {
        const sure = line.determined.flatMap((d, i) => (d ? [i] : []));
        const cut = sure[sure.length >> 1];
        const text = line.text.slice(0, cut);
        const name = k === 0 ? kind : `${kind}-b`;
        const file = { text, next: line.text[cut], input_data: [Array.from(oneHot(text))] };
        writeFileSync(here(`samples/${name}.json`), `${JSON.stringify(file)}\n`);
        const predicted = ALPHABET[argmax(logitsOf(line), cut * ALPHABET.length, ALPHABET.length)];
        return { name, text, next: line.text[cut], predicted };
      }),
  );
}

const started = performance.now();
const net = initialise(new Random(seeds.weights), shape);
const losses = train(net);
const seconds = (performance.now() - started) / 1000;

// The file holds single precision: what is measured is what is written.
const rounded = mapTensors(net, (t) => Float64Array.from(t, Math.fround));
writeFileSync(here('model.onnx'), encodeOnnx(graphOf(rounded, shape)));
const written = networkOf(decodeOnnx(readFileSync(here('model.onnx'))).graph);
const heldOut = new LineSource(seeds.test, { heldOut: true }).take(SETTINGS.test);
const room = workspace(shape, WINDOW);
const logitsOf = (line) => forward(written, shape, batchOf([line]), room);
const score = scoreOf(heldOut, logitsOf);
const samples = writeSamples(heldOut, logitsOf);
const calibration = new LineSource(seeds.calibration, { heldOut: false }).take(SETTINGS.calibration);
const lists = calibration.map(({ text }) => JSON.stringify({ text, input_data: [Array.from(oneHot(text))] }));
writeFileSync(here('calibration.json'), `[\n${lists.join(',\n')}\n]\n`);
const report = {
  command: 'node examples/characters/train.mjs',
  node: process.version,
  settings: SETTINGS,
  alphabet: ALPHABET,
  parameters: Object.values(written).reduce((n, t) => n + t.length, 0),
  trainingSeconds: Math.round(seconds),
  losses,
  heldOut: {
    lines: SETTINGS.test,
    characters: score.characters,
    grammarBitsPerCharacter: Number((score.grammarBits / score.characters).toFixed(4)),
    network: score.report(),
    ngrams: SETTINGS.ngrams.map((order) => baseline(order, heldOut)),
  },
  samples,
};
writeFileSync(here('report.json'), `${JSON.stringify(report, null, 2)}\n`);
console.log(report.heldOut);
