/** The integer meaning of every operator that can be proven. A new operator is a room and a line here. */
import { arithmeticLowering } from './arithmetic/lower.js';
import { batchNormalizationLowering } from './batch-normalization/lower.js';
import { bitwiseLowering } from './bitwise/lower.js';
import { comparisonLowering } from './comparison/lower.js';
import { composedLowering } from './composed/lower.js';
import { convLowering } from './conv/lower.js';
import { fixedLowering } from './fixed/lower.js';
import { gemmLowering } from './gemm/lower.js';
import { layoutLowering } from './layout/lower.js';
import { logicLowering } from './logic/lower.js';
import type { Lowering } from './lowering.js';
import { matMulLowering } from './matmul/lower.js';
import { pickLowering } from './pick/lower.js';
import { poolLowering } from './pool/lower.js';
import { preluLowering } from './prelu/lower.js';
import { reduceLowering } from './reduce/lower.js';
import { softmaxLowering } from './softmax/lower.js';
import { standardizeLowering } from './standardize/lower.js';
import { stepsLowering } from './steps/lower.js';
import { tableLookupLowering } from './table-lookup/lower.js';
import { unaryLowering } from './unary/lower.js';
import { weightedSumLowering } from './weighted-sum/lower.js';

const ROOMS: readonly Lowering[] = [
  arithmeticLowering,
  batchNormalizationLowering,
  bitwiseLowering,
  comparisonLowering,
  composedLowering,
  convLowering,
  fixedLowering,
  gemmLowering,
  layoutLowering,
  logicLowering,
  matMulLowering,
  pickLowering,
  poolLowering,
  preluLowering,
  reduceLowering,
  softmaxLowering,
  standardizeLowering,
  stepsLowering,
  tableLookupLowering,
  unaryLowering,
  weightedSumLowering,
];

const byOp = new Map(ROOMS.flatMap((room) => room.ops.map((op) => [op, room] as const)));

export const loweringOf = (op: string): Lowering | undefined => byOp.get(op);
