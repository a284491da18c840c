import { encodeSlicePackage, type SlicePackage } from '@dsperse/core/prove';
import { beforeAll, expect, it } from 'vitest';
import { packagesFault } from '../../packages/network/src/roles/gateway/check-packages.js';
import { type SmallProgram, smallProgram } from './small-order.js';

let program: SmallProgram;
beforeAll(async () => {
  program = await smallProgram();
}, 60_000);

const faultOf = (slices: readonly SlicePackage[]) => {
  const { key, kernels } = program;
  return packagesFault(key, slices.length, async (i) => encodeSlicePackage(slices[i]), kernels, 'tiny');
};
const changed = (change: (slice: SlicePackage) => Partial<SlicePackage>) => {
  const [first, ...rest] = program.slices;
  return faultOf([{ ...first, ...change(first) }, ...rest]);
};

it('the packages of a program are published', async () => {
  expect(await faultOf(program.slices)).toBeUndefined();
});

it('other weights under the root of the key are not, nor under a root of their own', async () => {
  const doubled = (slice: SlicePackage) => new Map([...slice.constants].map(([id, w]) => [id, w.map((x) => x + 1)]));
  expect(await changed((slice) => ({ constants: doubled(slice) }))).toContain('are not those of its root');
  const constantsRoot = program.slices[1].constantsRoot;
  expect(await changed((slice) => ({ constants: doubled(slice), constantsRoot }))).toContain('root of the constants');
});

it('another slice, program, work or boundary is not', async () => {
  const [first, second, third] = program.slices;
  expect(await faultOf([second, first, third])).toContain('index');
  expect(await changed(() => ({ fingerprint: '00'.repeat(32) }))).toContain('fingerprint');
  expect(await changed(({ workUnits }) => ({ workUnits: workUnits + 1 }))).toContain('work');
  expect(
    await changed(() => ({
      relation: second.relation,
      tensors: second.tensors,
      inputs: second.inputs,
      outputs: second.outputs,
      modes: second.modes,
      constants: second.constants,
    })),
  ).toMatch(/root|boundary/);
  const wider = ({ tensors }: SlicePackage) => new Map([...tensors].map(([name, t]) => [name, { ...t, hi: t.hi + 1 }]));
  expect(await changed((slice) => ({ tensors: wider(slice) }))).toContain('tensor');
});

it('bytes that are no package are not', async () => {
  const { key, kernels } = program;
  const fault = await packagesFault(key, 1, async () => new Uint8Array([1, 2, 3]), kernels, 'tiny');
  expect(fault).toMatch(/^slice 0: /);
});
