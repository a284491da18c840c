/** Where commitments to a program's weights are kept between processes. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { ConstantsStore } from '@dsperse/core/prove';

/** What `--cache <directory>` and `--no-cache` come to. */
export type CacheOption = string | boolean | undefined;

/** @returns undefined where nothing shall be kept */
export async function constantsStore(cache: CacheOption): Promise<ConstantsStore | undefined> {
  if (cache === false) return undefined;
  const directory = typeof cache === 'string' ? cache : defaultDirectory(process.env);
  // Loaded where it is wanted: most commands need nothing of it.
  const { openConstantsCache } = await import('@dsperse/network/store');
  return openConstantsCache({ directory });
}

/** Of the user's cache: XDG_CACHE_HOME, or what the system has for it. */
export function defaultDirectory(
  env: Readonly<Record<string, string | undefined>>,
  platform: string = process.platform,
): string {
  const given = env.XDG_CACHE_HOME;
  // The specification has relative paths ignored.
  if (given !== undefined && isAbsolute(given)) return join(given, 'dsperse', 'weights');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'dsperse', 'weights');
  if (platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'dsperse', 'cache', 'weights');
  return join(homedir(), '.cache', 'dsperse', 'weights');
}
