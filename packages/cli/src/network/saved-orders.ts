/** Orders with their secrets on disk, so that an interrupted command can be taken up again. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { writePrivateFile } from '@dsperse/network/node';
import type { SavedOrder } from '@dsperse/sdk';
import { jsonText, parseObject } from '../artifacts/manifest.js';
import { readNamed } from '../artifacts/read-named.js';
import type { Hex } from './identifiers.js';
import type { NetworkPlace } from './network-access.js';

const DATA = 'dsperse-data';

/** Beside the network file, or where `--data` says. */
export const dataDirectoryOf = (place: NetworkPlace, given: string | undefined): string =>
  given ?? place.directory ?? DATA;

export const savedOrderFile = (data: string, id: Hex): string => join(data, 'orders', `${id}.json`);

export async function saveOrderFile(data: string, order: SavedOrder): Promise<string> {
  const path = savedOrderFile(data, order.id);
  await writePrivateFile(path, jsonText(order));
  return path;
}

/** @throws InputError `no-saved-order`, `damaged-artifact` */
export function readOrderFile(data: string, id: Hex): object {
  const path = savedOrderFile(data, id);
  if (!existsSync(path)) {
    throw new InputError(
      'no-saved-order',
      `there is no saved order at ${path}`,
      'give the --data that it was ordered with',
    );
  }
  return parseObject(readNamed(path).toString(), path, 'restore it from its backup');
}
