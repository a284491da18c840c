/** Every operator that the importer knows. A new operator is a room and a line here. */
import type { OpSemantics } from '../graph/graph.js';
import { INTERNAL_DOMAIN } from '../graph/internal.js';
import { arithmetic } from './arithmetic/op.js';
import { batchNormalization } from './batch-normalization/op.js';
import { bitwise } from './bitwise/op.js';
import { comparison } from './comparison/op.js';
import { composedOp } from './composed/op.js';
import { conv } from './conv/op.js';
import { fixed } from './fixed/op.js';
import { gemm } from './gemm/op.js';
import { constants, layout } from './layout/op.js';
import { logic } from './logic/op.js';
import { matMul } from './matmul/op.js';
import { notANumber } from './not-a-number/op.js';
import { pick } from './pick/op.js';
import { pool } from './pool/op.js';
import { prelu } from './prelu/op.js';
import { reduce } from './reduce/op.js';
import { softmax } from './softmax/op.js';
import { standardize } from './standardize/op.js';
import { steps } from './steps/op.js';
import { tableLookup } from './table-lookup/op.js';
import { unary } from './unary/op.js';
import { weightedSum } from './weighted-sum/op.js';

const ROOMS: readonly OpSemantics[] = [
  arithmetic,
  batchNormalization,
  bitwise,
  comparison,
  composedOp,
  constants,
  conv,
  fixed,
  gemm,
  layout,
  logic,
  matMul,
  notANumber,
  pick,
  pool,
  prelu,
  reduce,
  softmax,
  standardize,
  steps,
  tableLookup,
  unary,
  weightedSum,
];

/** Operators that only composites are written in. */
const INTERNAL = new Set(['Composed', 'Fixed', 'Pick', 'Standardize', 'Steps', 'TableLookup', 'WeightedSum']);

const byOp = new Map(ROOMS.flatMap((room) => room.ops.map((op) => [op, room] as const)));

/** What an operator means, or undefined where it is not known. */
export function semanticsOf(op: string, domain = ''): OpSemantics | undefined {
  if (INTERNAL.has(op)) return domain === INTERNAL_DOMAIN ? byOp.get(op) : undefined;
  return domain === '' || (domain === 'com.microsoft' && op === 'Gelu') ? byOp.get(op) : undefined;
}

/** Every operator of a file that has a meaning of its own. */
export const OPERATORS: readonly string[] = [...byOp.keys()].filter((op) => !INTERNAL.has(op));
