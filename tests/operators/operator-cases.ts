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
  /** How many outputs are compared; 1 where nothing is said. */
  readonly outputs?: number;
  /** The order of the inputs: their positions, `c`, `d` and `e` for the first constants, '' for none. */
  readonly order?: readonly (number | 'c' | 'd' | 'e' | '')[];
  /** onnx.TensorProto.DataType that the first input is cast to before. */
  readonly cast?: number;
  /** An operator on the first input and a constant, whose result is taken in its place. */
  readonly before?: readonly [op: string, constant: Tensor];
  readonly domain?: string;
  readonly check?: OperatorCheck;
}

export function only(op: string, cases: readonly Case[]): void {
  describe(op, () => {
    cases.forEach((c, i) => {
      it(c.name ?? `case ${i + 1}`, () => {
        const constants = c.constants ?? [];
        const xs = c.x.map((_, k) => `x${k}`);
        const names = c.order
          ? c.order.map((k) => (typeof k === 'number' ? xs[k] : k && `c${'cde'.indexOf(k)}`))
          : [...xs, ...constants.map((t, k) => (t === '' ? '' : `c${k}`))];
        const outputs = Array.from({ length: c.outputs ?? 1 }, (_, k) => (k === 0 ? 'y' : `y${k}`));
        const cast = c.cast === undefined ? [] : [node('Cast', ['x0'], ['real'], { to: c.cast })];
        if (c.cast !== undefined) names[0] = 'real';
        const before = c.before ? [node(c.before[0], ['x0', 'before'], ['made'])] : [];
        if (c.before) names[0] = 'made';
        checkOperator(
          kernels,
          {
            opset: c.opset,
            nodes: [...cast, ...before, { ...node(op, names, outputs, c.attributes), domain: c.domain }],
            inputs: Object.fromEntries(c.x.map((t, k) => [`x${k}`, t.dims])),
            types: Object.fromEntries(c.x.map((t, k) => [`x${k}`, t.dtype])),
            outputs,
            initializers: {
              ...Object.fromEntries(constants.flatMap((t, k) => (t === '' ? [] : [[`c${k}`, t]]))),
              ...(c.before ? { before: c.before[1] } : {}),
            },
          },
          Object.fromEntries(c.x.map((t, k) => [`x${k}`, t])),
          c.check,
        );
      });
    });
  });
}
