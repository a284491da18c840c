/** The command as users run it: a process of its own, on what is built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const BIN = fileURLToPath(new URL('../../packages/cli/bin/dsperse.js', import.meta.url));
if (!existsSync(fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url)))) {
  throw new Error('the command is not built: npm run build');
}

export const EXAMPLE = fileURLToPath(new URL('../../examples/digits/', import.meta.url));
export const MODEL = `${EXAMPLE}model.onnx`;
export const CALIBRATION = `${EXAMPLE}calibration.json`;
export const sample = (name: string): string => `${EXAMPLE}samples/${name}`;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** All of stdout as one JSON document. */
  // biome-ignore lint/suspicious/noExplicitAny: documents are checked by what tests expect of them
  readonly json: any;
}

export function start(
  words: readonly string[],
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [BIN, ...words], { cwd, env: { ...process.env, NO_COLOR: '1', ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) =>
      resolve({
        code,
        signal,
        stdout,
        stderr,
        get json() {
          return JSON.parse(stdout);
        },
      }),
    );
  });
  return { child, ended };
}

export const dsperse = (...words: string[]): Promise<Ended> => start(words).ended;

/** A directory that is removed after the tests of the file. */
export function temporary(): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'dsperse-e2e-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return (name) => join(directory, name);
}
