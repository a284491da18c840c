/** The process of one case, so that nothing it does can take the others down. Prints one line of JSON. */
import { createKernels } from '@dsperse/core/kernels';
import type { Precision } from '@dsperse/core/program';
import { describeError } from '../terminal/describe-error.js';
import { type Family, loadCase, operatorsOf } from './cases.js';
import { type Measurement, measureCase } from './measure-case.js';

/** What became of a case at one precision. */
export type Outcome =
  | { readonly precision: Precision; readonly measured: Measurement }
  | {
      readonly precision: Precision;
      readonly refused: { readonly kind: string; readonly code: string; readonly message: string };
    };

export interface CaseResult {
  readonly operators: readonly string[];
  readonly outcomes: readonly Outcome[];
}

const [models, family, name, precisions] = process.argv.slice(2);
const kernels = await createKernels({ threads: 1 });
let operators: string[] = [];
const outcomes = precisions.split(',').map((p): Outcome => {
  const precision = p as Precision;
  try {
    const c = loadCase(models, { family: family as Family, name });
    operators = operatorsOf(c.model);
    return { precision, measured: measureCase(kernels, c, precision) };
  } catch (thrown) {
    if (process.env.CONFORMANCE_TRACE) console.error(thrown);
    const { kind, code, message } = describeError(thrown).error;
    return { precision, refused: { kind, code, message } };
  }
});
await kernels.close();
console.log(JSON.stringify({ operators, outcomes } satisfies CaseResult));
