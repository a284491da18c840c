import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { CALIBRATION, dsperse, EXAMPLE, MODEL, sample, temporary } from './dsperse-process.js';

const at = temporary();

beforeAll(async () => {
  expect((await dsperse('compile', MODEL, '-o', at('program'), '--calibrate', CALIBRATION)).code).toBe(0);
  writeFileSync(at('short.json'), '{"input_data": [[1, 2, 3]]}');
  writeFileSync(at('nan.json'), `{"input_data": [[${['NaN', ...new Array(783).fill(0)]}]]}`);
  writeFileSync(at('large.json'), `{"input_data": [[${['1000', ...new Array(783).fill(0)]}]]}`);
  writeFileSync(at('text.json'), 'hello');
  writeFileSync(at('empty.json'), '');
  writeFileSync(at('other.json'), '{"sound": [1]}');
  writeFileSync(at('empty.onnx'), '');
  writeFileSync(at('broken.onnx'), 'this is no model');
  mkdirSync(at('foreign'));
  writeFileSync(at('foreign/notes.txt'), 'mine');
});

describe('help', () => {
  it('lists the commands, their short forms, and the version', async () => {
    const help = await dsperse('--help');
    expect(help.code).toBe(0);
    for (const word of [
      'inspect',
      'compile|c',
      'slice|s',
      'run|r',
      'prove|p',
      'prove-slice',
      'verify|v',
      'full-run|fr',
    ]) {
      expect(help.stdout).toContain(word);
    }
    expect((await dsperse('v', '--help')).stdout).toContain('--fingerprint');
    expect((await dsperse('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await dsperse()).code).toBe(2);
  });
});

/** Words, and what the message says. */
const BAD: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown command', ['frobnicate'], /unknown command/],
  ['an unknown option', ['inspect', MODEL, '--nope'], /unknown option/],
  ['no output', ['compile', MODEL], /--output/],
  ['a model that is not there', ['compile', at('nowhere.onnx'), '-o', at('x')], /nowhere.onnx does not exist/],
  ['an empty model', ['compile', at('empty.onnx'), '-o', at('x')], /is empty/],
  ['a broken model', ['compile', at('broken.onnx'), '-o', at('x')], /ONNX/],
  ['a directory for a model', ['compile', EXAMPLE, '-o', at('x')], /is a directory/],
  ['too many slices', ['compile', MODEL, '-o', at('x'), '--slices', '99'], /cannot make 99 slices/],
  ['a cut at no tensor', ['compile', MODEL, '-o', at('x'), '--slices', 'at:nope'], /cannot be cut at nope/],
  ['a strange slice plan', ['compile', MODEL, '-o', at('x'), '--slices', 'many'], /not understood/],
  ['a strange precision', ['compile', MODEL, '-o', at('x'), '--precision', 'ultra'], /not known/],
  ['a wrong shape', ['compile', MODEL, '-o', at('x'), '--input-shape', '1,3,28,28'], /shape/],
  ['a shape of no input', ['compile', MODEL, '-o', at('x'), '--input-shape', 'y=1'], /no input y/],
  ['calibration that does not fit', ['compile', MODEL, '-o', at('x'), '--calibrate', at('short.json')], /3 numbers/],
  ['a foreign directory to write', ['compile', MODEL, '-o', at('foreign')], /not a program/],
  ['a program that is not there', ['run', at('nowhere'), '-i', sample('3.json')], /does not exist/],
  ['a model for a program', ['run', MODEL, '-i', sample('3.json')], /is a model, not a program/],
  ['a foreign directory for a program', ['run', at('foreign'), '-i', sample('3.json')], /not a program/],
  ['an input that is not there', ['run', at('program'), '-i', at('no.json')], /no.json does not exist/],
  ['an input too short', ['run', at('program'), '-i', at('short.json')], /picture has 3 numbers, expected 784/],
  ['NaN', ['run', at('program'), '-i', at('nan.json')], /picture holds NaN at 0/],
  ['numbers out of range', ['run', at('program'), '-i', at('large.json')], /picture holds 1000 at 0/],
  ['an input that is no JSON', ['run', at('program'), '-i', at('text.json')], /not JSON/],
  ['an empty input', ['run', at('program'), '-i', at('empty.json')], /is empty/],
  ['an input of another name', ['run', at('program'), '-i', at('other.json')], /no input sound/],
  ['an input of no known format', ['run', at('program'), '-i', MODEL], /no known format/],
  [
    'slices that are not there',
    ['prove', at('program'), '-i', sample('3.json'), '-o', at('x'), '--slices', '9'],
    /no slice 9/,
  ],
  [
    'a strange share',
    ['prove', at('program'), '-i', sample('3.json'), '-o', at('x'), '--share', '2'],
    /not understood/,
  ],
  [
    'a short nonce',
    ['prove', at('program'), '-i', sample('3.json'), '-o', at('x'), '--nonce', 'ab'],
    /nonce ab is not understood/,
  ],
  ['a foreign directory for a run', ['prove', at('program'), '-i', sample('3.json'), '-o', at('foreign')], /not a run/],
  ['no trust', ['verify', at('program')], /which program is trusted/],
  ['a strange fingerprint', ['verify', at('program'), '--fingerprint', 'xyz'], /not understood/],
  ['no such benchmark', ['bench', 'nope'], /no model nope/],
  ['a package that is none', ['prove-slice', MODEL, '-b', at('text.json'), '-o', at('x')], /slice package/],
  [
    'a directory for a package',
    ['prove-slice', at('foreign'), '-b', at('text.json'), '-o', at('x')],
    /foreign is a dir/,
  ],
  [
    'a directory for a genesis',
    ['deploy', '--genesis', at('foreign'), '--rpc', 'http://127.0.0.1:1'],
    /foreign is a dir/,
  ],
  ['a network where something else is', ['up', '-d', at('foreign')], /is not a network/],
  [
    'a file below a file to write',
    ['run', at('program'), '-i', sample('3.json'), '-o', at('text.json/x')],
    /text\.json\/x is not a directory$/,
  ],
  ['nothing to inspect', ['inspect', at('foreign')], /neither a program nor a run/],
];

describe('bad usage and bad input', () => {
  it.each(BAD)('%s: exit 2, what is wrong and what to do, nothing written', async (_, words, message) => {
    const plain = await dsperse(...words);
    expect(plain.code).toBe(2);
    expect(plain.stdout).toBe('');
    const [what, todo, ...rest] = plain.stderr.trimEnd().split('\n');
    expect(what).toMatch(message);
    expect(todo).toMatch(/^ hint ./);
    expect(rest).toEqual([]);
    expect(existsSync(at('x'))).toBe(false);
    expect(readdirSync(at('foreign'))).toEqual(['notes.txt']);
  });

  it('with --json, the error is the document', async () => {
    const ended = await dsperse('run', at('program'), '-i', at('short.json'), '--json');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toBe('');
    expect(ended.json).toEqual({
      error: {
        kind: 'InputError',
        code: 'bad-input',
        message: expect.stringContaining('784'),
        hint: expect.any(String),
      },
    });
    const usage = await dsperse('compile', '--json');
    expect(usage.json.error).toMatchObject({ kind: 'InputError', code: 'usage' });
    const second = await dsperse('gov', 'propose', 'feeBps=1', '--json');
    expect(second.json.error.hint).toContain('dsperse gov propose --help');
  });

  it('a chain that is not there is no bug', async () => {
    const ended = await dsperse('up', '-d', at('no-chain'), '--rpc', 'http://127.0.0.1:1', '--json');
    expect([ended.code, ended.json.error.kind, ended.json.error.code]).toEqual([3, 'TransportError', 'unreachable']);
  });

  it('a network is made with its provers once', async () => {
    const said = (text: string) => {
      mkdirSync(at('made'), { recursive: true });
      writeFileSync(at('made/up.json'), text);
      return dsperse('up', '-d', at('made'), '--provers', '4', '--json');
    };
    const other = await said('{ "provers": 3, "validators": 3 }');
    expect([other.code, other.json.error.code]).toEqual([2, 'other-shape']);
    for (const text of ['{', '[]', '{}', '{ "provers": 0, "validators": 3 }']) {
      const damaged = await said(text);
      expect([damaged.code, damaged.json.error.code]).toEqual([2, 'damaged-artifact']);
    }
  });
});
