/** Cases of single operators: each is one test, as check-operator.ts says. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Tensor } from '../../packages/core/src/graph/index.js';
import { createKernels, type Kernels } from '../../packages/core/src/kernels/index.js';
import { type AttributeSpec, node } from '../models/build-model.js';
import { checkOperator, type OperatorCheck } from './check-operator.js';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await createKernels({ threads: 1 });
});
afterAll(() => kernels.close());

export interface Case {
  readonly name?: string;
  readonly x: readonly Tensor[];
  readonly constants?: readonly (Tensor | '')[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  readonly opset?: number;
  readonly check?: OperatorCheck;
}

export function only(op: string, cases: readonly Case[]): void {
  describe(op, () => {
    cases.forEach((c, i) => {
      it(c.name ?? `case ${i + 1}`, () => {
        const constants = c.constants ?? [];
        const names = [...c.x.map((_, k) => `x${k}`), ...constants.map((t, k) => (t === '' ? '' : `c${k}`))];
        checkOperator(
          kernels,
          {
            opset: c.opset,
            nodes: [node(op, names, ['y'], c.attributes)],
            inputs: Object.fromEntries(c.x.map((t, k) => [`x${k}`, t.dims])),
            types: Object.fromEntries(c.x.map((t, k) => [`x${k}`, t.dtype])),
            outputs: ['y'],
            initializers: Object.fromEntries(constants.flatMap((t, k) => (t === '' ? [] : [[`c${k}`, t]]))),
          },
          Object.fromEntries(c.x.map((t, k) => [`x${k}`, t])),
          c.check,
        );
      });
    });
  });
}
