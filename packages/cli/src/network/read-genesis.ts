/** What a network begins with, from a file in the words of the command line. */
import { type Genesis, LOCAL_PARAMETERS, PARAMETERS, type ParameterOverride } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/graph';
import { protocolDigest } from '@dsperse/network/chain';
import { readNamed } from '../artifacts/read-named.js';
import { parseAmount } from './amounts.js';
import { type Hex, parseAddress } from './identifiers.js';

type Json = Readonly<Record<string, unknown>>;

const KEYS = ['chainId', 'supplyCap', 'allocations', 'guardian', 'parameters', 'times', 'verifierDigests'];

function bad(message: string): InputError {
  return new InputError('bad-genesis', message, 'deploy/genesis.example.json shows one; docs/operating.md explains it');
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws InputError `not-found`, `bad-genesis`, `usage` */
export async function readGenesis(path: string): Promise<Genesis> {
  const text = readNamed(path).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw bad(`${path} is no JSON`);
  }
  return parseGenesis(json);
}

/** @throws InputError `bad-genesis`, `usage` */
export function parseGenesis(json: unknown): Genesis {
  if (!isObject(json)) throw bad('a genesis is a JSON object');
  const unknown = Object.keys(json).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw bad(`a genesis has no ${unknown}: ${KEYS.join(', ')}`);
  const { chainId, guardian, allocations, times, parameters = {}, verifierDigests } = json;
  if (!Number.isSafeInteger(chainId) || (chainId as number) < 1) throw bad('chainId is the number of the chain');
  if (!Array.isArray(allocations)) throw bad('allocations is a list of {account, amount}');
  if (times !== undefined && times !== 'local' && times !== 'standard') throw bad('times is "standard" or "local"');
  if (!isObject(parameters)) throw bad('parameters is an object of values by name');
  return {
    chainId: chainId as number,
    supplyCap: parseAmount('supplyCap', words(json.supplyCap)),
    allocations: allocations.map((entry, i) => {
      if (!isObject(entry)) throw bad(`allocation ${i} is no {account, amount}`);
      return {
        account: parseAddress(`account of allocation ${i}`, words(entry.account)),
        amount: parseAmount(`amount of allocation ${i}`, words(entry.amount)),
      };
    }),
    ...(guardian === undefined ? {} : { guardian: parseAddress('guardian', words(guardian)) }),
    parameters: {
      ...(times === 'local' ? LOCAL_PARAMETERS : {}),
      ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, parseParameter(name, value)])),
    },
    verifierDigests: verifierDigests === undefined ? [protocolDigest(1)] : parseDigests(verifierDigests),
  };
}

const words = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));

function parseDigests(value: unknown): Hex[] {
  const isDigest = (d: unknown): d is Hex => typeof d === 'string' && /^0x[0-9a-f]{64}$/.test(d);
  if (Array.isArray(value) && value.every(isDigest)) return value;
  throw bad('verifierDigests is a list of 0x and 64 hexadecimal digits');
}

/** A value, or `{value, min, max, maxStepBps}`, in the parameter's unit. */
function parseParameter(name: string, given: unknown): ParameterOverride {
  const known = PARAMETERS.find((p) => p.name === name);
  if (!known) throw bad(`there is no parameter ${name}`);
  const number = (what: string, value: unknown): bigint => {
    if (what !== 'maxStepBps' && known.unit === 'token units') return parseAmount(`${name}.${what}`, words(value));
    if (/^\d{1,30}$/.test(words(value))) return BigInt(words(value));
    throw bad(`${name}.${what} is a whole number of ${known.unit}`);
  };
  if (!isObject(given)) return number('value', given);
  const parts = Object.entries(given).map(([what, value]) => {
    if (!['value', 'min', 'max', 'maxStepBps'].includes(what)) throw bad(`${name} has no ${what}`);
    return [what, number(what, value)] as const;
  });
  const override = Object.fromEntries(parts);
  return { ...override, value: override.value ?? known.default };
}
