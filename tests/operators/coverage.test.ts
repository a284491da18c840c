/**
 * No operator without a case: the tests of this folder are run once more with a check that only notes the operators it is
 * given, and every registered one must be among them. What the check shows of each is in check-operator.ts.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { COMPOSITE_OPERATORS } from '../../packages/core/src/graph/composites/index.js';
import { CONTROL_FLOW } from '../../packages/core/src/graph/control-flow.js';
import { SEQUENCE_OPERATORS } from '../../packages/core/src/graph/sequences.js';
import { OPERATORS } from '../../packages/core/src/layers/registry.js';
import type { AttributeSpec, GraphSpec, ModelSpec } from '../models/build-model.js';

const { checked } = vi.hoisted(() => ({ checked: new Set<string>() }));

const isGraph = (value: AttributeSpec): value is { graph: GraphSpec } => typeof value === 'object' && 'graph' in value;

function note(nodes: ModelSpec['nodes']): void {
  for (const { op, domain, attributes = {} } of nodes) {
    checked.add(`${domain ?? ''}.${op}`);
    for (const value of Object.values(attributes)) if (isGraph(value)) note(value.graph.nodes);
  }
}

vi.mock('./check-operator.js', () => ({
  checkOperator: (_: unknown, spec: ModelSpec) => note(spec.nodes),
}));

const folder = new URL('./', import.meta.url);
const own = new URL(import.meta.url).pathname.split('/').pop();
for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.ts') && name !== own)) {
  await import(new URL(file, folder).pathname);
}

/** Those that have no integers of their own: constants where they stand, tested where shapes and constants are. */
const CONSTANTS = new Set(
  'Constant Shape Size ConstantOfShape Range IsNaN IsInf MelWeightMatrix'.split(' ').map((op) => `.${op}`),
);

describe('every operator has a case', () => {
  it('in which its results are compared, proven and lied about', () => {
    const all = [
      ...[...OPERATORS, ...CONTROL_FLOW, ...SEQUENCE_OPERATORS].map((op) => `.${op}`),
      ...COMPOSITE_OPERATORS.map(({ op, domain }) => `${domain}.${op}`),
    ];
    expect(all.length).toBeGreaterThan(150);
    expect([...new Set(all)].filter((op) => !checked.has(op) && !CONSTANTS.has(op)).sort()).toEqual([]);
  });
});
