/** Reading files that the user names: errors say which, also those of which the system does not. */
import { readFileSync } from 'node:fs';

/** @throws the system's error, with the path: reading a directory fails without one */
export function readNamed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw Object.assign(error as Error, { path });
  }
}
