/** Fixed: a constant of the program; what is bound as public output is a committed value equal to it. */
import { quantize } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';

function lower(c: LowerContext): Lowered[] {
  const value = c.inputs[0]?.value;
  const [{ scale }] = c.outputs;
  const data = value && quantize(value, scale);
  if (!data) throw unsupported(c.node, 'a number of it exceeds 30 bits', 'remove the output from the model');
  return [{ value: c.builder.constant(c.name, value.dims, data), scale }];
}

export const fixedLowering: Lowering = { ops: ['Fixed'], lower };
