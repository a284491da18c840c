/** The program of an order: a directory, or a fingerprint that the gateway knows. */
import { statSync } from 'node:fs';
import { InputError } from '@dsperse/core/graph';
import { decodeKey, PROTOCOL_VERSION, type VerifierKey } from '@dsperse/core/verify';
import type { ProgramDocument } from '@dsperse/network/messages';
import type { Client, PublishableProgram } from '@dsperse/sdk';
import { KEY_FILE, readProgramFile, sliceFile } from '../artifacts/program-directory.js';
import { type OpenProgram, openProgram } from '../proving/open-program.js';
import type { Progress } from '../terminal/progress.js';

export interface ProgramSource {
  readonly fingerprint: string;
  readonly keyBytes: Uint8Array;
  readonly key: VerifierKey;
  /** Slice packages, where they lie here. */
  readonly readSlice?: (index: number) => Uint8Array;
}

/**
 * A directory's program is published where the gateway lacks it; of a fingerprint the key is fetched and compared.
 * @throws InputError `not-found`, `unknown-program`, `bad-artifact`
 */
export async function openProgramSource(text: string, client: Client, progress: Progress): Promise<ProgramSource> {
  if (statSync(text, { throwIfNoEntry: false })) {
    const program = openProgram(text);
    await client.publish(publishable(program), (done, all) => progress.report('publishing the program', done / all));
    const { fingerprint, keyBytes, key } = program;
    return { fingerprint, keyBytes, key, readSlice: (i) => readProgramFile(program.directory, sliceFile(i)) };
  }
  const fingerprint = fingerprintIn(text);
  const keyBytes = await client.key(fingerprint);
  return { fingerprint, keyBytes, key: decodeKey(keyBytes) };
}

/** @throws InputError `not-found`, `bad-artifact` */
export const fingerprintOfSource = (text: string): string =>
  statSync(text, { throwIfNoEntry: false }) ? openProgram(text).fingerprint : fingerprintIn(text);

function fingerprintIn(text: string): string {
  const fingerprint = text.toLowerCase().replace(/^0x/, '');
  if (/^[0-9a-f]{64}$/.test(fingerprint)) return fingerprint;
  const hint = 'give the directory of a compiled program, or a fingerprint that the gateway knows';
  throw new InputError('not-found', `${text} is neither a program's directory nor a fingerprint`, hint);
}

/** The program's document and its blobs, which are read when they are needed. */
export function publishable(program: OpenProgram): PublishableProgram {
  const { directory, keyBytes, key, fingerprint } = program;
  const blobs = new Map<string, Uint8Array | (() => Uint8Array)>();
  const digestOf = (name: string): string => {
    const digest = directory.manifest.files[name];
    blobs.set(digest, () => readProgramFile(directory, name));
    return digest;
  };
  const slices = key.slices.map(({ workUnits, inputs, outputs }, index) => {
    const name = sliceFile(index);
    const packageBytes = readProgramFile(directory, name).length;
    return { index, package: digestOf(name), packageBytes, workUnits, inputs: [...inputs], outputs: [...outputs] };
  });
  const document: ProgramDocument = {
    format: 'dsperse-network-program/1',
    name: directory.manifest.name,
    fingerprint,
    protocolVersion: PROTOCOL_VERSION,
    key: digestOf(KEY_FILE),
    keyBytes: keyBytes.length,
    inputs: [...key.inputs],
    outputs: [...key.outputs],
    slices,
  };
  return { document, blobs };
}
