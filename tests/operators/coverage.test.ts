/** No operator without a case: every one that is registered is named, in quotes, in a test of this folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMPOSITE_OPERATORS } from '../../packages/core/src/graph/composites/index.js';
import { CONTROL_FLOW } from '../../packages/core/src/graph/control-flow.js';
import { SEQUENCE_OPERATORS } from '../../packages/core/src/graph/sequences.js';
import { OPERATORS } from '../../packages/core/src/layers/registry.js';

/** Those that have no integers of their own: constants where they stand, tested where shapes and constants are. */
const CONSTANTS = new Set([
  'Constant',
  'Shape',
  'Size',
  'ConstantOfShape',
  'Range',
  'IsNaN',
  'IsInf',
  'MelWeightMatrix',
]);

const folder = new URL('./', import.meta.url);
const own = new URL(import.meta.url).pathname.split('/').pop();
const texts = readdirSync(folder)
  .filter((file) => file.endsWith('.test.ts') && file !== own)
  .map((file) => readFileSync(new URL(file, folder), 'utf8'));
/** Names in quotes, alone or in a list. */
const named = new Set(
  texts.flatMap((text) =>
    [...text.matchAll(/'([A-Z]\w*(?: [A-Z]\w*)*)'/g), ...text.matchAll(/\b([A-Z]\w*): \d/g)].flatMap(([, list]) =>
      list.split(' '),
    ),
  ),
);

/** Operators of com.microsoft that are called as standard ones stand in a file of their own. */
const contrib = readFileSync(new URL('transformers.test.ts', folder), 'utf8');

describe('every operator has a case', () => {
  it('of the standard operators', () => {
    const all = [
      ...OPERATORS,
      ...CONTROL_FLOW,
      ...SEQUENCE_OPERATORS,
      ...COMPOSITE_OPERATORS.filter((c) => c.domain === '').map((c) => c.op),
    ];
    expect(all.length).toBeGreaterThan(150);
    expect([...new Set(all)].filter((op) => !named.has(op) && !CONSTANTS.has(op)).sort()).toEqual([]);
  });

  it('of other domains', () => {
    const missing = COMPOSITE_OPERATORS.filter(({ op, domain }) =>
      domain === 'com.microsoft' ? !contrib.includes(`microsoft('${op}'`) : domain !== '' && !named.has(op),
    );
    expect(missing).toEqual([]);
  });
});
