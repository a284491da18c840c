/** Other systems, installed on request into a directory for temporary files, where later runs find them again. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DIRECTORY = join(tmpdir(), 'dsperse-peers');
const TIMEOUT = { timeout: 600_000 };

export const EZKL_VERSION = '23.0.5';
export const SNARKJS_VERSION = '0.7.6';
const CIRCOM_VERSION = '0.2.23';

/** @returns the Python that has ezkl */
export async function installEzkl(): Promise<string> {
  const directory = join(DIRECTORY, `ezkl-${EZKL_VERSION}`);
  const python = join(directory, 'bin', 'python');
  const done = join(directory, 'installed');
  if (existsSync(done)) return python;
  mkdirSync(DIRECTORY, { recursive: true });
  await run('python3', ['-m', 'venv', '--clear', directory], TIMEOUT);
  await run(python, ['-m', 'pip', 'install', '--quiet', `ezkl==${EZKL_VERSION}`], TIMEOUT);
  writeFileSync(done, '');
  return python;
}

/** @returns a directory whose node_modules hold snarkjs and circom2 */
export async function installSnarkjs(): Promise<string> {
  const directory = join(DIRECTORY, `snarkjs-${SNARKJS_VERSION}`);
  const done = join(directory, 'installed');
  if (existsSync(done)) return directory;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
  const packages = [`snarkjs@${SNARKJS_VERSION}`, `circom2@${CIRCOM_VERSION}`];
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
    ...TIMEOUT,
    cwd: directory,
  });
  writeFileSync(done, '');
  return directory;
}
