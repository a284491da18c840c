// Takes a change of a parameter through its whole life with the `dsperse` command, as a person would: delegate, propose,
// vote, queue, execute. On a network of its own in a temporary directory, or on the one of --network <directory>.
//
//   node tools/change-parameter.mjs [name=value] [--network <directory>]
//
// Prints one line for each step and at last one JSON document: {parameter, before, after, proposal, states}.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const DSPERSE = fileURLToPath(new URL('../packages/cli/bin/dsperse.js', import.meta.url));
const PATIENCE_MS = 180_000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the command prints with --json, an error's document too. */
async function dsperse(...words) {
  const child = spawn(process.execPath, [DSPERSE, ...words, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  return JSON.parse(out);
}

/** Again while the chain's time has not come for it. */
async function once(...words) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const document = await dsperse(...words);
    const { error } = document;
    if (!error) return document;
    const waits = ['wrong-stage', 'too-early'].includes(error.code) || /shortly after|short while/.test(error.message);
    if (!waits || Date.now() > end) throw new Error(`${error.message}: ${error.hint}`);
    await sleep(1_000);
  }
}

async function startNetwork(directory) {
  const words = [DSPERSE, 'up', '-d', directory, '--provers', '1', '--validators', '1', '--json'];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => child.stdout.once('data', () => resolve(true)));
  if ((await Promise.race([ready, ended])) !== true) throw new Error('the network did not start');
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

async function change(network, word) {
  const [name, value] = word.split('=');
  const at = ['--network', network];
  const parameterValue = async () =>
    (await once('gov', 'params', ...at)).parameters.find((p) => p.name === name)?.value;
  const before = await parameterValue();
  const states = [];
  const say = ({ state }, what) => {
    states.push(state);
    process.stderr.write(`${what}: ${state}\n`);
  };
  await once('gov', 'delegate', ...at);
  // Votes count from the next second on.
  await sleep(1_500);
  const proposed = await once('gov', 'propose', word, '--description', `${word}, was ${before}`, ...at);
  say(proposed, `proposed ${word}`);
  const { id } = proposed;
  const step = async (verb, ...words) => say(await once('gov', verb, id, ...words, ...at), verb);
  await step('vote', 'for');
  await step('queue');
  await step('execute');
  say(await once('gov', 'status', id, ...at), 'status');
  const after = await parameterValue();
  if (after !== value) throw new Error(`${name} is ${after}, not ${value}`);
  return { parameter: name, before, after, proposal: id, states };
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { network: { type: 'string' } } });
const [word = 'feeBps=1100'] = positionals;
const directory = values.network ?? (await mkdtemp(join(tmpdir(), 'dsperse-change-')));
const stop = values.network === undefined ? await startNetwork(directory) : async () => {};
try {
  process.stdout.write(`${JSON.stringify(await change(directory, word), undefined, 2)}\n`);
} finally {
  await stop();
  if (values.network === undefined) await rm(directory, { recursive: true, force: true });
}
