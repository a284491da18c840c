/**
 * Goes on with a line of text by the integer program, always by the likeliest character, and proves and verifies the last
 * step. Run after `npm run build`:
 *
 *   node examples/characters/continue.mjs "kpkkp has "         to the end of the line
 *   node examples/characters/continue.mjs "nimi met novu, " 1  one character
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createKernels } from '../../packages/core/dist/kernels/index.js';
import { compileModel, quantizeInputs } from '../../packages/core/dist/program/index.js';
import {
  commitProgram,
  decodeSlicePackage,
  deriveSalt,
  executeSlice,
  provePackage,
  toHex,
} from '../../packages/core/dist/proof/prove-index.js';
import { verifyRun } from '../../packages/core/dist/proof/verify-index.js';
import { argmax } from './network.mjs';
import { ALPHABET, inputOf, WINDOW } from './text.mjs';

const here = (name) => new URL(name, import.meta.url);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const [prompt = 'the dogs near the cat ', most = WINDOW] = process.argv.slice(2);
try {
  inputOf(prompt);
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  console.error(`${error.message}; give a line of at most ${WINDOW - 1} small letters, spaces and . , ( ) [ ]`);
  process.exit(2);
}

const calibration = JSON.parse(readFileSync(here('calibration.json'))).map(({ text }) => inputOf(text));
const program = compileModel(readFileSync(here('model.onnx')), { calibration, slices: 1 });
const kernels = await createKernels();
const { key, fingerprint, packages } = commitProgram(kernels, program, { preset: 'standard' });
const slice = decodeSlicePackage(packages[0].bytes);

/** The character that logits, as integers, say follows newline + text. */
const likeliest = (logits, text) => ALPHABET[argmax(logits, text.length * ALPHABET.length, ALPHABET.length)];

let text = prompt;
let last;
do {
  const { integers } = quantizeInputs(program, inputOf(text));
  const execution = executeSlice(slice, integers, kernels);
  last = { text, integers, execution, next: likeliest(execution.outputs.get('logits'), text) };
  if (last.next !== '\n') text += last.next;
} while (last.next !== '\n' && text.length < Math.min(WINDOW, prompt.length + Number(most)));
console.log(`${prompt}|${text.slice(prompt.length)}`);

// The prover's side: a proof of the last step, for a nonce of the verifier's.
const nonce = randomBytes(32);
const secret = randomBytes(32);
const values = new Map([...last.integers, ...last.execution.outputs]);
const boundary = new Map([...values].map(([name, v]) => [name, { values: v, salt: deriveSalt(secret, name) }]));
const proving = performance.now();
const proof = provePackage(kernels, slice, boundary, { nonce, prover: 'continue', execution: last.execution });
console.log(`last step proven in ${seconds(proving)}, ${Math.round(proof.proof.length / 1000)} kB`);
await kernels.close();

// The verifier's side: it knows the fingerprint, the text it asked about and the nonce, and computes no inference.
const verifying = performance.now();
const run = { nonce: toHex(nonce), values, slices: [proof] };
const asked = quantizeInputs(program, inputOf(last.text)).integers;
const verdict = verifyRun(key, run, { fingerprint, inputs: asked });
console.log(`${verdict.verdict} in ${seconds(verifying)}, fingerprint ${fingerprint}`);
if (verdict.verdict !== 'accepted') {
  console.log(`${verdict.code} at ${verdict.path}`);
  process.exit(1);
}
const bound = likeliest(verdict.outputs.get('logits'), last.text);
console.log(`after ${JSON.stringify(last.text)} comes ${JSON.stringify(bound)}`);
