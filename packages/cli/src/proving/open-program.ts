/** A program directory, ready to run and to prove. */

import { InputError } from '@dsperse/core/graph';
import type { BoundaryTensor } from '@dsperse/core/program';
import { decodeSlicePackage, type SlicePackage } from '@dsperse/core/prove';
import { decodeKey, fingerprintOf, type VerifierKey } from '@dsperse/core/verify';
import {
  KEY_FILE,
  type ProgramDirectory,
  readProgram,
  readProgramFile,
  sliceFile,
} from '../artifacts/program-directory.js';
import type { ExpectedTensor } from '../inputs/bind-input.js';

export interface OpenProgram {
  readonly directory: ProgramDirectory;
  readonly fingerprint: string;
  readonly keyBytes: Uint8Array;
  readonly key: VerifierKey;
  /** Reads a slice from disk: they are not kept. */
  slice(index: number): SlicePackage;
}

export function openProgram(path: string): OpenProgram {
  const directory = readProgram(path);
  const keyBytes = readProgramFile(directory, KEY_FILE);
  const key = decodeKey(keyBytes);
  const fingerprint = fingerprintOf(keyBytes);
  const damaged = (what: string): InputError =>
    new InputError('damaged-artifact', `${path}: ${what}`, 'compile the model again');
  if (fingerprint !== directory.manifest.fingerprint) throw damaged('its key is of another program');
  if (key.slices.length !== directory.manifest.slices.length) throw damaged('its key has another number of slices');
  return {
    directory,
    fingerprint,
    keyBytes,
    key,
    slice(index) {
      const slice = decodeSlicePackage(readProgramFile(directory, sliceFile(index)));
      if (slice.fingerprint !== fingerprint || slice.index !== index) {
        throw damaged(`${sliceFile(index)} is of another program`);
      }
      return slice;
    },
  };
}

/** Public tensors, as readers of inputs expect them. */
export function expectedOf(key: Pick<VerifierKey, 'tensors'>, names: readonly string[]): ExpectedTensor[] {
  return names.map((name) => {
    const { dtype, dims } = key.tensors.get(name) as BoundaryTensor;
    return { name, dtype, dims };
  });
}
