/** Every number that governs money, time or trust is a parameter; docs/parameters.md. */
import { PARAMETERS } from '@dsperse/contracts';
import { describe, expect, it } from 'vitest';
import { EXCEPTIONS } from './exceptions.js';
import {
  type Constant,
  constantsOfSolidity,
  constantsOfTypeScript,
  keyOf,
  sourcesIn,
  textOf,
} from './numeric-constants.js';

const SOLIDITY = sourcesIn('packages/contracts/solidity', '.sol');
const TYPESCRIPT = [
  ...sourcesIn('packages/network/src', '.ts'),
  ...sourcesIn('packages/sdk/src', '.ts'),
  ...['network', 'local-network'].flatMap((folder) => sourcesIn(`packages/cli/src/${folder}`, '.ts')),
];
const found: Constant[] = [
  ...SOLIDITY.flatMap((file) => constantsOfSolidity(file, textOf(file))),
  ...TYPESCRIPT.flatMap((file) => constantsOfTypeScript(file, textOf(file))),
  // Sizes bound memory, disk and calls, and nothing else.
].filter(({ name }) => !/(bytes|_PER_CALL|AT_ONCE|REMEMBERED|KEPT|_IN_MEMORY|PAGE|BATCH)$/i.test(name));

const listed = EXCEPTIONS.flatMap(({ constants }) => constants.map((c) => c.trimEnd()));
const isListed = (constant: Constant): boolean =>
  listed.some((c) => (c.endsWith('/') ? constant.file.startsWith(c) : c === keyOf(constant)));

describe('numbers in the code', () => {
  it('that are no exception with a reason are in the parameter store', () => {
    expect(found.length).toBeGreaterThan(100);
    const neither = found.filter((c) => !isListed(c)).map(keyOf);
    expect(neither, 'make it a parameter, or list it in exceptions.ts with the reason').toEqual([]);
  });

  it('are excepted once, and only while they are there', () => {
    expect(new Set(listed).size).toBe(listed.length);
    const keys = new Set(found.map(keyOf));
    const isThere = (c: string) => (c.endsWith('/') ? found.some(({ file }) => file.startsWith(c)) : keys.has(c));
    expect(listed.filter((c) => !isThere(c))).toEqual([]);
    for (const { reason } of EXCEPTIONS) expect(reason.length).toBeGreaterThan(30);
  });
});

describe('parameters', () => {
  it('are each read by a contract or a node', () => {
    const code = [...SOLIDITY, ...TYPESCRIPT.filter((f) => !f.includes('/simulation/'))].map(textOf).join('\n');
    const unread = PARAMETERS.filter(({ name }) => !new RegExp(`["']${name}["']`).test(code));
    expect(unread.map(({ name }) => name)).toEqual([]);
  });
});

describe('the search', () => {
  const inTypeScript = (text: string) => constantsOfTypeScript('x.ts', text).map(({ name }) => name);
  const inSolidity = (text: string) => constantsOfSolidity('X.sol', text).map(({ name }) => name);

  it('finds what a module, a class or a function hides', () => {
    expect(inTypeScript('export const GRACE = 5_000;')).toEqual(['GRACE']);
    expect(inTypeScript("const FEE = parseEther('2');")).toEqual(['FEE']);
    expect(inTypeScript('const POLICY = { a: { weight: 10n ** 3n } } as const;')).toEqual(['POLICY']);
    expect(inTypeScript('class A { static #grace = 60 * 1000; }')).toEqual(['#grace']);
    expect(inTypeScript('function f(graceMs = 5000) {}')).toEqual(['graceMs']);
    expect(inTypeScript('const f = ({ waitSeconds = 30 }) => { const feeBps = (1 + 4) * 100; };')).toEqual([
      'waitSeconds',
      'feeBps',
    ]);
    expect(inTypeScript('export const f = () => ({ coolSeconds: -60 });')).toEqual(['coolSeconds']);
  });

  it('leaves what is no constant', () => {
    expect(inTypeScript("const NAME = 'x'; const f = (a: number) => a + 1; let n = other();")).toEqual([]);
    expect(inTypeScript('function f(p) { const waitMs = p.waitSeconds * 1000; let seconds = 0; }')).toEqual([]);
  });

  it('finds numbers in contracts, whatever they are called', () => {
    expect(inSolidity('uint64 public constant MAX = 1000;')).toEqual(['MAX']);
    expect(inSolidity('  uint256 private constant LONG = 1 days;')).toEqual(['LONG']);
    expect(inSolidity('  if (share > 300) revert();')).toEqual(['if (share > 300) revert();']);
    expect(inSolidity('  until = block.timestamp + 2 hours;')).toEqual(['until = block.timestamp + 2 hours;']);
    expect(inSolidity('  x = y * 2 + 1; // 500\n  /* 7 days */ string s = "900";')).toEqual([]);
  });
});
