/** TableLookup is one lookup: the list is the table of a function, which also pins the index to its positions. */
import { quantize } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, unsupported } from '../lowering.js';

function lower(c: LowerContext): Lowered[] {
  const b = c.builder;
  const list = c.inputs[0]?.value;
  const [{ scale }] = c.outputs;
  const numbers = list && quantize(list, scale);
  if (!numbers) throw unsupported(c.node, 'a number of the table is too large', 'rescale the table');
  const index = c.operand(1).value;
  const n = numbers.length;
  const lo = b.get(index).lo < 0 ? -n : 0;
  const rows = Int32Array.from({ length: n - lo }, (_, i) => numbers[(i + lo + n) % n]);
  const table = b.functionTable(`list ${c.node.name} ${scale}`, lo, () => rows);
  const { output } = b.tableAt(table) as { output: number };
  const range = { lo: b.get(output).lo, hi: b.get(output).hi };
  const value = b.witness(c.name, b.dims(index), range, { kind: 'table', src: index, table });
  b.lookup(table, index, value);
  return [{ value, scale }];
}

export const tableLookupLowering: Lowering = {
  ops: ['TableLookup'],
  // What the list holds, not what calibration came across.
  bound: (_, inputs) => inputs[0]?.value?.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || undefined,
  reaches: (_, inputs) => inputs[0]?.value?.data.reduce((m, x) => Math.max(m, Math.abs(x)), 0) || undefined,
  lower,
};
