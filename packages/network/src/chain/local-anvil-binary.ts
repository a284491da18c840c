/** Where npm put the anvil of this platform. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InputError } from '@dsperse/core/verify';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** @throws InputError `no-anvil` */
export function anvilBinary(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@foundry-rs/anvil-${platform}-${ARCHITECTURES[arch] ?? arch}`;
  const hint = 'run `npm ci` with optional packages, or give the JSON-RPC of a chain with RPC_URL';
  try {
    // The platform's package is a dependency of @foundry-rs/anvil, and is found from there.
    const launcher = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json');
    const manifest = createRequire(launcher).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), 'bin', platform === 'win32' ? 'anvil.exe' : 'anvil');
    if (existsSync(path)) return path;
  } catch (cause) {
    throw new InputError('no-anvil', `no local chain for this platform: ${name} is missing`, hint, undefined, {
      cause,
    });
  }
  throw new InputError('no-anvil', `no local chain for this platform: ${name} has no binary`, hint);
}
