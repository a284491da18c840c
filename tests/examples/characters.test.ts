import { readdirSync, readFileSync } from 'node:fs';
import { decodeOnnx, evaluateGraph, resolveGraph, type Tensor } from '@dsperse/core/graph';
import { createKernels, type Kernels } from '@dsperse/core/kernels';
import { type CompiledProgram, compileModel, type Precision, quantizeInputs } from '@dsperse/core/program';
import { commitProgram } from '@dsperse/core/prove';
import { type RunProof, verifyRun } from '@dsperse/core/verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { semanticsOf } from '../../packages/core/src/layers/registry.js';
import { proveProgram } from '../operators/prove-program.js';

const at = (name: string) => new URL(`../../examples/characters/${name}`, import.meta.url);
const file = (name: string) => readFileSync(at(name));
const json = (name: string) => JSON.parse(file(name).toString());

type Network = Record<string, Float64Array>;
type Shape = Record<'vocabulary' | 'window' | 'width' | 'heads' | 'blocks' | 'hidden', number>;
interface Batch {
  readonly ids: Int32Array;
  readonly targets: Int32Array;
  readonly starts: readonly number[];
}
interface Line {
  readonly kind: string;
  readonly text: string;
  readonly determined: readonly boolean[];
}
interface NetworkModule {
  initialise(random: object, shape: Shape): Network;
  workspace(shape: Shape, rows: number): object;
  forward(net: Network, shape: Shape, batch: Pick<Batch, 'ids' | 'starts'>, room: object): Float64Array;
  backward(net: Network, shape: Shape, batch: Batch, grad: Network, room: object): number;
  crossEntropy(logits: Float64Array, targets: Int32Array, vocabulary: number): number;
  mapTensors(net: Network, make: (t: Float64Array) => Float64Array): Network;
  argmax(z: ArrayLike<number>, at: number, count: number): number;
}
interface TextModule {
  readonly ALPHABET: string;
  readonly WINDOW: number;
  readonly KINDS: readonly string[];
  readonly LineSource: new (seed: number, options: { heldOut: boolean }) => { take(count: number): Line[] };
  batchOf(lines: readonly Line[]): Batch;
  inputOf(text: string): Map<string, Tensor>;
}
const load = (name: string): Promise<unknown> => import(at(name).href);
const { initialise, workspace, forward, backward, crossEntropy, mapTensors, argmax } = (await load(
  'network.mjs',
)) as NetworkModule;
const { ALPHABET, WINDOW, KINDS, LineSource, batchOf, inputOf } = (await load('text.mjs')) as TextModule;
const { networkOf } = (await load('onnx.mjs')) as { networkOf(graph: { initializers: object }): Network };
const { Random } = (await load('../digits/render.mjs')) as { Random: new (seed: number) => { normal(): number } };

const report = json('report.json');
const graph = resolveGraph(decodeOnnx(file('model.onnx')), { semantics: semanticsOf });
const calibration = (json('calibration.json') as { text: string }[]).map(({ text }) => inputOf(text));
const compile = (precision: Precision, slices = 1): CompiledProgram =>
  compileModel(file('model.onnx'), { calibration, precision, slices });
/** The character that logits say comes after newline + text. */
const likeliest = (logits: ArrayLike<number>, text: string) =>
  ALPHABET[argmax(logits, text.length * ALPHABET.length, ALPHABET.length)];

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

describe('characters example: the text', () => {
  const training = new LineSource(21, { heldOut: false }).take(4_000);
  const heldOut = new LineSource(22, { heldOut: true }).take(1_000);

  it('fits the alphabet and the window', () => {
    for (const { text } of [...training, ...heldOut]) {
      expect(text.length).toBeLessThan(WINDOW);
      expect([...text].every((c) => c !== '\n' && ALPHABET.includes(c))).toBe(true);
    }
    expect(new Set(ALPHABET).size).toBe(report.settings.shape.vocabulary);
  });

  it('holds out lines, and names wherever they stand', () => {
    const seen = new Set(training.map(({ text }) => text));
    expect(heldOut.some(({ text }) => seen.has(text))).toBe(false);
    const names = (lines: readonly Line[]) =>
      lines.flatMap(({ kind, text }) => (kind === 'copy' ? (text.match(/\b\w{4}\b/g) ?? []) : []));
    const known = new Set(names(training));
    expect(names(heldOut).some((name) => known.has(name))).toBe(false);
  });
});

describe('characters example: the network', () => {
  const shape = { vocabulary: 32, window: 32, width: 6, heads: 2, blocks: 2, hidden: 9 };

  it('has the gradients of its loss', () => {
    const net = initialise(new Random(11), shape);
    const batch = batchOf(new LineSource(12, { heldOut: false }).take(3));
    const room = workspace(shape, batch.ids.length);
    const grad = mapTensors(net, (t) => new Float64Array(t.length));
    backward(net, shape, batch, grad, room);
    const loss = () => crossEntropy(forward(net, shape, batch, room), batch.targets, shape.vocabulary);
    for (const [name, w] of Object.entries(net)) {
      // A few numbers of each tensor; those of characters and positions that do not occur have none.
      for (let i = 0; i < w.length; i += Math.max(1, Math.floor(w.length / 7))) {
        const own = w[i];
        w[i] = own + 1e-5;
        const above = loss();
        w[i] = own - 1e-5;
        const slope = (above - loss()) / 2e-5;
        w[i] = own;
        expect(Math.abs(grad[name][i] - slope), `${name}[${i}]`).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      }
    }
  });

  it('looks at earlier characters of its own line only', () => {
    const net = initialise(new Random(11), shape);
    const lines = new LineSource(12, { heldOut: false }).take(2);
    const room = workspace(shape, 2 * WINDOW);
    const both = Float64Array.from(forward(net, shape, batchOf(lines), room));
    const cut = batchOf([{ ...lines[1], text: lines[1].text.slice(0, 5) }]);
    const alone = forward(net, shape, cut, room);
    const from = (lines[0].text.length + 1) * shape.vocabulary;
    expect(both.subarray(from, from + alone.length)).toEqual(alone);
  });
});

describe('characters example: the model', () => {
  it('reports what it promises on held-out lines', () => {
    const { network, ngrams } = report.heldOut;
    for (const kind of KINDS) expect(network.accuracyWhereDetermined[kind], kind).toBeGreaterThan(0.9);
    for (const ngram of ngrams) {
      expect(network.accuracy).toBeGreaterThan(ngram.accuracy);
      expect(network.bitsPerCharacter).toBeLessThan(ngram.bitsPerCharacter);
    }
  });

  it('is the network that was trained', () => {
    const net = networkOf(decodeOnnx(file('model.onnx')).graph);
    expect(Object.values(net).reduce((n, t) => n + t.length, 0)).toBe(report.parameters);
    const [line] = new LineSource(13, { heldOut: true }).take(1);
    const own = forward(net, report.settings.shape, batchOf([line]), workspace(report.settings.shape, WINDOW));
    const { data } = evaluateGraph(graph, inputOf(line.text), semanticsOf).get('logits') as Tensor;
    expect(Math.max(...own.map((x, i) => Math.abs(x - data[i])))).toBeLessThan(1e-4);
  });

  it('predicts of each sample what the report says', () => {
    expect(readdirSync(at('samples')).length).toBe(report.samples.length);
    for (const { name, text, next, predicted } of report.samples) {
      const sample = json(`samples/${name}.json`);
      expect({ text: sample.text, next: sample.next }).toEqual({ text, next });
      const input = inputOf(text);
      expect(sample.input_data).toEqual([Array.from(input.get('characters')?.data ?? [])]);
      const logits = evaluateGraph(graph, input, semanticsOf).get('logits') as Tensor;
      expect(likeliest(logits.data, text), name).toBe(predicted);
    }
  });

  it('has a calibration file of the texts in it', () => {
    const inputs = json('calibration.json') as { text: string; input_data: number[][] }[];
    expect(inputs.length).toBe(report.settings.calibration);
    for (const { text, input_data } of inputs) {
      expect(input_data).toEqual([Array.from(inputOf(text).get('characters')?.data ?? [])]);
    }
  });
});

describe('characters example: the integer program', () => {
  it('is the one that was measured', () => {
    const measured = json('integer-report.json').precisions as Record<Precision, { fingerprint: string }>;
    for (const precision of ['fast', 'standard', 'high'] as const) {
      const { fingerprint } = commitProgram(kernels, compile(precision), { preset: 'standard' });
      // A change here changes what published fingerprints mean: bump PROTOCOL_VERSION, and run measure.mjs again.
      expect(fingerprint, precision).toBe(measured[precision].fingerprint);
    }
  });

  it('proves the next character, and no other', () => {
    const program = compile('standard', 2);
    const { text, next } = report.samples.find((s: { name: string }) => s.name === 'copy');
    const inputs = inputOf(text);
    const { key, fingerprint, run } = proveProgram(kernels, program, inputs);
    const asked = quantizeInputs(program, inputs).integers;
    const check = (r: RunProof, input = asked) => verifyRun(key, r, { fingerprint, inputs: input, preset: 'tiny' });
    const verdict = check(run);
    expect(verdict).toMatchObject({ verdict: 'accepted', coverage: { unproven: [], linked: true } });
    const logits = verdict.outputs.get('logits') as Int32Array;
    expect(likeliest(logits, text)).toBe(next);

    // The logits of the predicted character and of another one exchanged.
    const forged = logits.slice();
    const row = text.length * ALPHABET.length;
    const [right, wrong] = [row + ALPHABET.indexOf(next), row + ALPHABET.indexOf('x')];
    [forged[right], forged[wrong]] = [forged[wrong], forged[right]];
    expect(likeliest(forged, text)).toBe('x');
    expect(check({ ...run, values: new Map([...run.values, ['logits', forged]]) }).verdict).toBe('rejected');
    // An answer to another question.
    const other = quantizeInputs(program, inputOf(`${text}.`)).integers;
    expect(check(run, other)).toMatchObject({ verdict: 'rejected', code: 'input-mismatch' });
  });
});
