/** Who takes part in a local network, and the keystores of their keys. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeystore, type Identity, openKeystore, readPassword, writePrivateFile } from '../node/index.js';

export interface LocalMembers {
  readonly provers: readonly string[];
  readonly validators: readonly string[];
}

export const GATEWAY = 'gateway';
export const REQUESTER = 'requester';
const DEPLOYER = 'deployer';

export function memberNames(provers: number, validators: number): LocalMembers {
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
  return { provers: names('prover', provers), validators: names('validator', validators) };
}

/** The owner of an operator's stake: it gets what the operator earns. */
export const ownerOf = (operator: string): string => `${operator}-owner`;

export const keystoreFile = (directory: string, name: string): string => join(directory, 'keys', `${name}.json`);
export const passwordFile = (directory: string): string => join(directory, 'password');

/** Every key of the network by name, made where it is missing. One password opens all: it is a network on one machine. */
export async function openKeys(directory: string, members: LocalMembers): Promise<Map<string, Identity>> {
  await mkdir(join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const file = passwordFile(directory);
  if (!existsSync(file)) await writePrivateFile(file, `${randomBytes(18).toString('base64url')}\n`);
  const password = await readPassword({ environment: {}, passwordFile: file });
  const operators = [...members.provers, ...members.validators];
  const names = [DEPLOYER, GATEWAY, REQUESTER, ...operators, ...operators.map(ownerOf)];
  const identities = await Promise.all(
    names.map(async (name): Promise<[string, Identity]> => {
      const path = keystoreFile(directory, name);
      const identity = existsSync(path)
        ? await openKeystore(path, password)
        : await createKeystore(path, password, { strength: 'light' });
      return [name, identity];
    }),
  );
  return new Map(identities);
}

export const deployerOf = (keys: ReadonlyMap<string, Identity>): Identity => keys.get(DEPLOYER) as Identity;
