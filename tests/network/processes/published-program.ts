/** A small program that a network can be asked to prove: four slices, each proven in a fraction of a second. */
import { decodeOnnx, encodeOnnx, type Tensor } from '@dsperse/core/graph';
import { createKernels } from '@dsperse/core/kernels';
import { compileModel, quantizeInputs } from '@dsperse/core/program';
import { commitProgram, decodeSlicePackage } from '@dsperse/core/prove';
import { PROTOCOL_VERSION } from '@dsperse/core/verify';
import { digestOfBytes } from '@dsperse/network/messages';
import type { PublishableProgram } from '@dsperse/sdk';
import { smallModel } from '../small-order.js';

export interface TestProgram extends PublishableProgram {
  readonly fingerprint: string;
  readonly key: Uint8Array;
  readonly packages: readonly Uint8Array[];
  /** Work units of each slice. */
  readonly workUnits: readonly number[];
  /** Integers of an input; other numbers give other inputs. */
  inputs(k: number): Map<string, Int32Array>;
}

/** The small model, with weights that the seed changes. */
function modelOf(layers: number, seed: number): Uint8Array {
  const { graph } = decodeOnnx(smallModel(layers));
  const changed = [...graph.initializers].map(([name, tensor]): [string, Tensor] => {
    const data = Float64Array.from(tensor.data as Float64Array, (x, i) => Math.fround(x * Math.cos(seed * (i + 1))));
    return [name, { ...tensor, data } as Tensor];
  });
  return encodeOnnx({ ...graph, initializers: new Map(changed) });
}

/** @param seed of the weights: other weights are another model */
export async function compileTestProgram(layers = 4, seed = 0): Promise<TestProgram> {
  const kernels = await createKernels({ threads: 1 });
  const sample = (k: number) => {
    const data = Float64Array.from({ length: 32 }, (_, i) => Math.fround(Math.sin((k % 97) * 0.37 + i * 1.7)));
    return new Map([['x', { dtype: 'float32' as const, dims: [4, 8], data }]]);
  };
  const program = compileModel(modelOf(layers, seed), {
    calibration: [sample(0)],
    slices: layers,
    precision: 'standard',
  });
  const { key, fingerprint, packages } = commitProgram(kernels, program, { preset: 'standard' });
  const blobs = new Map<string, Uint8Array>();
  const put = (bytes: Uint8Array): string => {
    const digest = digestOfBytes(bytes);
    blobs.set(digest, bytes);
    return digest;
  };
  const slices = packages.map(({ bytes }, index) => {
    const { inputs, outputs, workUnits } = decodeSlicePackage(bytes);
    return {
      index,
      package: put(bytes),
      packageBytes: bytes.length,
      workUnits,
      inputs: [...inputs],
      outputs: [...outputs],
    };
  });
  return {
    fingerprint,
    key,
    packages: packages.map((p) => p.bytes),
    workUnits: slices.map((s) => s.workUnits),
    inputs: (k) => new Map(quantizeInputs(program, sample(k), { clamp: true }).integers),
    blobs,
    document: {
      format: 'dsperse-network-program/1',
      name: 'small',
      fingerprint,
      protocolVersion: PROTOCOL_VERSION,
      key: put(key),
      keyBytes: key.length,
      inputs: [...program.inputs],
      outputs: [...program.outputs],
      slices,
    },
  };
}
