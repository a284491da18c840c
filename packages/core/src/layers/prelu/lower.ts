/** PRelu: with p = relu(x), y = p - slope·(p - x); one table for p, slopes as weights. */
import { broadcastAxes, broadcastMap, identityMap } from '../../relation/builder.js';
import { lowerSum, scaledPart, weightedPart } from '../accumulate.js';
import { type LowerContext, type Lowered, type Lowering, type NodeInputs, unsupported } from '../lowering.js';
import { relu } from '../sign.js';

const scalar = (inputs: NodeInputs): number | undefined =>
  inputs[1]?.value?.data.length === 1 ? inputs[1].value.data[0] : undefined;

function lower(c: LowerContext): Lowered[] {
  const slope = c.constant(1);
  if (!slope) throw unsupported(c.node, 'its slope is computed at run time', 'export it as a constant');
  const b = c.builder;
  const x = c.operand(0);
  const dims = c.dims(0);
  const map = identityMap(dims.length);
  const positive = relu(b, `${c.name}/positive`, x.value);
  const negative = b.linear(
    `${c.name}/negative`,
    dims,
    [
      { src: positive, coef: 1, map },
      { src: x.value, coef: -1, map },
    ],
    0,
    { lo: 0, hi: Math.max(0, -b.get(x.value).lo) },
  );
  const part = {
    x: { value: negative, scale: x.scale },
    weights: { ...slope, data: slope.data.map((v) => -v) },
    rowOf: (i: number) => i,
    rows: slope.data.length,
    dims,
    sums: [],
    axesX: broadcastAxes(dims, dims),
    axesW: broadcastAxes(slope.dims, dims),
  };
  const parts = [
    scaledPart(c, { value: positive, scale: x.scale }, 1, broadcastMap(dims, dims)),
    weightedPart(c, part, dims),
  ];
  return [lowerSum(c, dims, parts)];
}

export const preluLowering: Lowering = {
  ops: ['PRelu'],
  asFunction(_, inputs) {
    const slope = scalar(inputs);
    if (slope === undefined) return undefined;
    return { key: `PRelu ${slope}`, f: (x) => (x < 0 ? slope * x : x), homogeneous: true };
  },
  lower,
};
