/** The integer meaning of every operator that can be proven. A new operator is a room and a line here. */
import { arithmeticLowering } from './arithmetic/lower.js';
import { batchNormalizationLowering } from './batch-normalization/lower.js';
import { convLowering } from './conv/lower.js';
import { gemmLowering } from './gemm/lower.js';
import { layoutLowering } from './layout/lower.js';
import type { Lowering } from './lowering.js';
import { matMulLowering } from './matmul/lower.js';
import { poolLowering } from './pool/lower.js';
import { preluLowering } from './prelu/lower.js';
import { reduceLowering } from './reduce/lower.js';
import { softmaxLowering } from './softmax/lower.js';
import { unaryLowering } from './unary/lower.js';

const ROOMS: readonly Lowering[] = [
  arithmeticLowering,
  batchNormalizationLowering,
  convLowering,
  gemmLowering,
  layoutLowering,
  matMulLowering,
  poolLowering,
  preluLowering,
  reduceLowering,
  softmaxLowering,
  unaryLowering,
];

const byOp = new Map(ROOMS.flatMap((room) => room.ops.map((op) => [op, room] as const)));

export const loweringOf = (op: string): Lowering | undefined => byOp.get(op);
