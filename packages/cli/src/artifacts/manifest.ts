/** JSON files with a format line, and digests of files. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { jsonDocument } from '../terminal/json-document.js';
import { readNamed } from './read-named.js';

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export const jsonText = (value: unknown): string => `${jsonDocument(value)}\n`;

/** A directory whose manifest is `file`. */
export const hasManifest = (directory: string, file: string): boolean => existsSync(join(directory, file));

/**
 * Reads `<directory>/<file>` and checks its format line.
 * @param what for messages: "program" or "run"
 * @throws InputError `not-found`, `bad-artifact`, `damaged-artifact`, `unknown-version`
 */
export function readManifest(directory: string, file: string, format: string, what: string, hint: string): object {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (!found) throw new InputError('not-found', `${directory} does not exist`, hint);
  const path = join(directory, file);
  if (!found.isDirectory() || !statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new InputError('bad-artifact', `${directory} is not a ${what}: it has no ${file}`, hint);
  }
  const value = parseObject(readNamed(path).toString(), path, hint);
  const said = 'format' in value ? value.format : undefined;
  if (said !== format) {
    const ours = typeof said === 'string' && said.split('/')[0] === format.split('/')[0];
    throw ours
      ? new InputError(
          'unknown-version',
          `${directory} is of the format ${said}, which is not known`,
          'use a newer dsperse',
        )
      : new InputError('bad-artifact', `${directory} is not a ${what}`, hint);
  }
  return value;
}

/** @throws InputError `damaged-artifact` where the text is no JSON object */
export function parseObject(text: string, path: string, hint: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError('damaged-artifact', `${path} is damaged: it is not JSON`, hint, undefined, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError('damaged-artifact', `${path} is damaged: it holds no object`, hint);
  }
  return value;
}
