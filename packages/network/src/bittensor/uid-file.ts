/** Which operator is which neuron: a JSON object {"0x…": 12, …}. */
import { readFileSync } from 'node:fs';
import { InputError } from '@dsperse/core/verify';
import { type Address, isAddress } from 'viem';

/** By operator in lower case. Throws InputError where it is no such object, an address or a number is wrong. */
export function parseUids(text: string): Map<Address, number> {
  const fail = (message: string, hint: string): never => {
    throw new InputError('bad-uid-file', message, hint);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail('the mapping to neurons is not JSON', 'give {"0x…": 12, …}');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return fail('the mapping to neurons is not an object', 'give {"0x…": 12, …}');
  }
  const uids = new Map<Address, number>();
  for (const [operator, uid] of Object.entries(json)) {
    if (!isAddress(operator, { strict: false })) fail(`${operator} is no address`, 'name operators by their address');
    if (!Number.isInteger(uid) || uid < 0 || uid > 65_535) fail(`${operator} has the neuron ${uid}`, 'give 0 to 65535');
    const key = operator.toLowerCase() as Address;
    if (uids.has(key)) fail(`${operator} appears twice`, 'name each operator once');
    uids.set(key, uid);
  }
  return uids;
}

/** Throws InputError where the file cannot be read or is malformed. */
export function readUids(path: string): Map<Address, number> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new InputError('no-uid-file', `${path}: ${(cause as Error).message}`, 'write {"0x…": 12, …} there');
  }
  return parseUids(text);
}
