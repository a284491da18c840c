/**
 * The prover's own record of a run: the secret that the salts of boundary commitments derive from, and what the run is
 * of, so that an interrupted run is continued with the same commitments, and only then.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { jsonText, parseObject } from './manifest.js';
import { readNamed } from './read-named.js';
import { SECRET_FILE } from './run-directory.js';
import { writeWholeFile } from './write-whole.js';

const FORMAT = 'dsperse-run-secret/1';

export interface RunSecret {
  readonly fingerprint: string;
  readonly inputDigest: string;
  readonly nonce: string;
  readonly prover: string;
  /** 32 bytes, hexadecimal. */
  readonly secret: string;
}

/** Of the integers of the public inputs. */
export function inputDigest(integers: ReadonlyMap<string, Int32Array>): string {
  const hash = createHash('sha256');
  for (const name of [...integers.keys()].sort()) {
    const data = integers.get(name) as Int32Array;
    const bytes = new DataView(new ArrayBuffer(4 * data.length));
    data.forEach((x, i) => {
      bytes.setInt32(4 * i, x, true);
    });
    hash.update(`${name.length}:${name}:${data.length}:`).update(new Uint8Array(bytes.buffer));
  }
  return `sha256:${hash.digest('hex')}`;
}

/**
 * The secret of the run at `path`: of the run that is there already if it is the same one, else a new one.
 * @param wanted nonce and prover may be left open
 * @throws InputError `other-run` where the directory holds a run of something else
 */
export async function openRunSecret(
  path: string,
  wanted: {
    readonly fingerprint: string;
    readonly inputDigest: string;
    readonly nonce?: string;
    readonly prover?: string;
  },
): Promise<{ readonly secret: RunSecret; readonly resumed: boolean }> {
  const file = join(path, SECRET_FILE);
  if (existsSync(file)) {
    const hint = 'give another -o, or delete the directory';
    const old = parseObject(readNamed(file).toString(), file, hint) as Partial<RunSecret> & { format?: unknown };
    const { fingerprint, nonce, prover, secret } = old;
    const whole = old.format === FORMAT && /^[0-9a-f]{64}$/.test(secret ?? '') && /^[0-9a-f]{64}$/.test(nonce ?? '');
    if (!whole) throw new InputError('bad-artifact', `${file} is damaged`, hint);
    const differs =
      fingerprint !== wanted.fingerprint
        ? 'program'
        : old.inputDigest !== wanted.inputDigest
          ? 'input'
          : wanted.nonce !== undefined && wanted.nonce !== nonce
            ? 'nonce'
            : wanted.prover !== undefined && wanted.prover !== prover
              ? 'prover'
              : undefined;
    if (differs) {
      throw new InputError('other-run', `${path} holds a run of another ${differs}`, hint);
    }
    return { secret: old as RunSecret, resumed: true };
  }
  const secret: RunSecret = {
    fingerprint: wanted.fingerprint,
    inputDigest: wanted.inputDigest,
    nonce: wanted.nonce ?? randomBytes(32).toString('hex'),
    prover: wanted.prover ?? '',
    secret: randomBytes(32).toString('hex'),
  };
  await writeWholeFile(file, jsonText({ format: FORMAT, ...secret }), 0o600);
  return { secret, resumed: false };
}

/**
 * Takes over the secret that `run --boundaries` made, where the run has none yet.
 * @throws InputError `missing-artifact`
 */
export async function adoptRunSecret(boundaries: string, run: string, prover = ''): Promise<void> {
  const [from, to] = [join(boundaries, SECRET_FILE), join(run, SECRET_FILE)];
  if (existsSync(to)) return;
  if (!existsSync(from)) {
    throw new InputError(
      'missing-artifact',
      `${from} is missing`,
      'make it: dsperse run <program> -i <input> --boundaries <directory>',
    );
  }
  const secret = parseObject(readNamed(from).toString(), from, 'make the boundaries again');
  await writeWholeFile(to, jsonText({ ...secret, prover }), 0o600);
}
