/** A node's key on the disk: an Ethereum keystore file that geth and wallets open too. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { InputError } from '@dsperse/core/verify';
import { type Address, getAddress, isAddressEqual } from 'viem';
import { type Identity, identityOf } from './identity.js';
import { decryptSecret, encryptSecret, type KeystoreStrength, parseKeystore } from './keystore-format.js';
import { writePrivateFile } from './write-private-file.js';

export interface CreateKeystoreOptions {
  /** 32 bytes to keep; drawn where none are given. */
  readonly secret?: Uint8Array;
  readonly strength?: KeystoreStrength;
}

const MIN_PASSWORD = 8;

/**
 * Makes a keystore of mode 0600. A file that is there is never replaced.
 * @throws InputError `keystore-exists`, `weak-password` (under 8 characters), `bad-secret`
 */
export async function createKeystore(
  path: string,
  password: string,
  options: CreateKeystoreOptions = {},
): Promise<Identity> {
  const { secret = randomBytes(32), strength = 'standard' } = options;
  if (existsSync(path)) {
    throw new InputError('keystore-exists', `there is a keystore at ${path}`, 'open it, or give another path');
  }
  if (password.length < MIN_PASSWORD) {
    throw new InputError('weak-password', `a password has at least ${MIN_PASSWORD} characters`, 'give a longer one');
  }
  const identity = identityOf(secret);
  const address = identity.account.address.slice(2).toLowerCase();
  const file = await encryptSecret(secret, address, password, strength);
  await writePrivateFile(path, `${JSON.stringify(file, null, 2)}\n`);
  return identity;
}

/** @throws InputError `no-keystore`, `bad-keystore`, `wrong-password` */
export async function openKeystore(path: string, password: string): Promise<Identity> {
  const file = parseKeystore(await readKeystore(path));
  const identity = identityOf(await decryptSecret(file, password));
  if (file.address !== undefined && !isAddressEqual(addressIn(file.address), identity.account.address)) {
    throw new InputError(
      'bad-keystore',
      'the keystore is of another account than it says',
      'restore it from its backup',
    );
  }
  return identity;
}

/** The account of a keystore, without its password; undefined where the file does not say. */
export async function keystoreAddress(path: string): Promise<Address | undefined> {
  const { address } = parseKeystore(await readKeystore(path));
  return address === undefined ? undefined : addressIn(address);
}

const addressIn = (text: string): Address => getAddress(text.startsWith('0x') ? text : `0x${text}`);

async function readKeystore(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(
      'no-keystore',
      `cannot read the keystore ${path}`,
      'make one with `dsperse node --init`, or give its path',
      undefined,
      { cause },
    );
  }
}
