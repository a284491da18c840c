/** A model of the benchmark as a program that a gateway publishes. */
import { decodeKey, fingerprintOf, PROTOCOL_VERSION } from '@dsperse/core/verify';
import { digestOfBytes } from '@dsperse/network/messages';
import type { PublishableProgram } from '@dsperse/sdk';
import { readBenchContents, readBenchKey, readBenchSlice } from '../bench-directory.js';
import { MeasuringProcess } from '../measuring-process.js';
import type { SlicePlanName } from '../protocol.js';

export interface BenchProgram {
  readonly model: string;
  readonly directory: string;
  readonly fingerprint: string;
  readonly keyBytes: Uint8Array;
  readonly inputs: ReadonlyMap<string, Int32Array>;
  readonly publishable: PublishableProgram;
  readonly workUnits: number;
}

const LIMITS = { deadline: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };
export const measuringProcess = (engine?: readonly string[]): MeasuringProcess => new MeasuringProcess(LIMITS, engine);

export async function compileProgram(model: string, directory: string, slices: SlicePlanName): Promise<BenchProgram> {
  const compiler = measuringProcess();
  try {
    await compiler.ask({ ask: 'compile', model, directory, slices });
  } finally {
    compiler.stop();
  }
  return openBenchProgram(model, directory);
}

export function openBenchProgram(model: string, directory: string): BenchProgram {
  const keyBytes = readBenchKey(directory);
  const key = decodeKey(keyBytes);
  const fingerprint = fingerprintOf(keyBytes);
  const { values, publicInputs } = readBenchContents(directory);
  const blobs = new Map<string, Uint8Array | (() => Uint8Array)>([[digestOfBytes(keyBytes), keyBytes]]);
  const slices = key.slices.map(({ workUnits, inputs, outputs }, index) => {
    const bytes = readBenchSlice(directory, index);
    const digest = digestOfBytes(bytes);
    blobs.set(digest, () => readBenchSlice(directory, index));
    const packageBytes = bytes.length;
    return { index, package: digest, packageBytes, workUnits, inputs: [...inputs], outputs: [...outputs] };
  });
  return {
    model,
    directory,
    fingerprint,
    keyBytes,
    inputs: new Map(publicInputs.map((name) => [name, values.get(name) as Int32Array])),
    workUnits: slices.reduce((n, s) => n + s.workUnits, 0),
    publishable: {
      blobs,
      document: {
        format: 'dsperse-network-program/1',
        name: model,
        fingerprint,
        protocolVersion: PROTOCOL_VERSION,
        key: digestOfBytes(keyBytes),
        keyBytes: keyBytes.length,
        inputs: [...key.inputs],
        outputs: [...key.outputs],
        slices,
      },
    },
  };
}
