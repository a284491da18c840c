/** A node's settings: defaults, then the config file, then the environment, then flags; the later counts. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { CONFIG_KEYS, type ConfigKey, type ConfigName, flagOf, type NodeConfig } from './config-keys.js';
import { nearestOf } from './nearest.js';

export const CONFIG_FILE = 'dsperse-node.json';

export interface ConfigSources {
  /** The config file; without it `dsperse-node.json` of the working directory where there is one. */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Flags by name without the dashes (`prover-ask`), as they were typed. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Relative paths of the file and the settings start here; the working directory by default. */
  readonly directory?: string;
}

const NAMES = Object.keys(CONFIG_KEYS) as ConfigName[];
const BY_FLAG = new Map(NAMES.map((name) => [flagOf(name), name]));
const keyOf = (name: ConfigName): ConfigKey => CONFIG_KEYS[name];

/** A setting with where it was found, for messages. */
interface Given {
  readonly value: unknown;
  readonly source: string;
}

/** @throws InputError `config-file`, `unknown-setting`, `bad-setting`, `secret-in-file` */
export function loadConfig(sources: ConfigSources = {}): NodeConfig {
  const { environment = process.env, flags = {}, directory = process.cwd() } = sources;
  const given = new Map<ConfigName, Given>();
  const defaultFile = resolve(directory, CONFIG_FILE);
  const file = sources.file ? resolve(directory, sources.file) : existsSync(defaultFile) ? defaultFile : undefined;
  if (file !== undefined) readFile(file, given);
  for (const name of NAMES) {
    const { environment: variable, kind } = keyOf(name);
    const text = environment[variable];
    if (text !== undefined && text !== '')
      given.set(name, { value: parseText(text, kind, variable), source: variable });
  }
  for (const [flag, text] of Object.entries(flags)) {
    const name = BY_FLAG.get(flag);
    if (!name) throw unknownSetting(flag, BY_FLAG.get(nearestOf(flag, BY_FLAG.keys()) ?? ''));
    if (keyOf(name).secret === 'environment-only') throw secretPlace(name);
    given.set(name, { value: parseText(text, keyOf(name).kind, name), source: name });
  }
  return assemble(given, directory);
}

function readFile(path: string, given: Map<ConfigName, Given>): void {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'is no JSON' : 'cannot be read';
    throw new InputError('config-file', `the config file ${path} ${why}`, 'correct it, or leave it out', undefined, {
      cause,
    });
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json)) {
    throw new InputError('config-file', `the config file ${path} is no JSON object`, 'begin it with {');
  }
  for (const [name, value] of flatten(json)) {
    if (!Object.hasOwn(CONFIG_KEYS, name)) throw unknownSetting(`${name} in ${path}`, nearestOf(name, NAMES));
    const known = name as ConfigName;
    const { secret, kind } = keyOf(known);
    if (secret === 'environment-only') throw secretPlace(known);
    const source = `${name} in ${path}`;
    given.set(known, { value: kind === 'amount' ? parseAmount(value, source) : value, source });
  }
}

const GROUPS = new Set(NAMES.filter((n) => n.includes('.')).map((n) => n.split('.')[0]));

function flatten(json: object): [string, unknown][] {
  return Object.entries(json).flatMap(([name, value]) =>
    GROUPS.has(name) && value !== null && typeof value === 'object'
      ? Object.entries(value).map(([inner, v]): [string, unknown] => [`${name}.${inner}`, v])
      : [[name, value] as [string, unknown]],
  );
}

function parseText(text: string, kind: ConfigKey['kind'], source: string): unknown {
  if (kind === 'text') return text;
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  if (kind === 'list') return parts;
  if (kind === 'amount') return parseAmount(text, source);
  if (kind === 'number') {
    if (!/^-?\d+(\.\d+)?$/.test(text.trim())) throw badSetting(source, `${JSON.stringify(text)} is no number`);
    return Number(text);
  }
  return Object.fromEntries(
    parts.map((pair) => {
      const [name, value, ...rest] = pair.split('=').map((s) => s.trim());
      if (!name || !value || rest.length > 0) throw badSetting(source, `${JSON.stringify(pair)} is not name=value`);
      return [name, value];
    }),
  );
}

function parseAmount(value: unknown, source: string): bigint {
  if (typeof value === 'string' && /^\d{1,39}$/.test(value)) return BigInt(value);
  throw badSetting(source, 'is no amount: a whole number of token units, in quotes in the file');
}

/** Paths among the settings are made absolute. */
const PATHS: readonly ConfigName[] = [
  'dataDirectory',
  'keystore',
  'passwordFile',
  'networkFile',
  'log.file',
  'bittensor.uidFile',
  'bittensor.file',
  'bittensor.keystore',
  'bittensor.passwordFile',
];

function assemble(given: ReadonlyMap<ConfigName, Given>, directory: string): NodeConfig {
  const config: Record<string, unknown> = {};
  for (const name of NAMES) {
    const { schema, fallback, kind } = keyOf(name);
    const { value, source } = given.get(name) ?? { value: fallback, source: name };
    const raw = kind === 'amount' && typeof value === 'string' ? BigInt(value) : value;
    const result = schema.safeParse(raw);
    if (!result.success) {
      const [issue] = result.error.issues;
      throw badSetting(source, [...issue.path.map(String), issue.message].join(': '));
    }
    const isPath = PATHS.includes(name) && typeof result.data === 'string';
    const parsed = isPath ? resolve(directory, result.data as string) : result.data;
    const [group, inner] = name.split('.');
    if (inner === undefined) config[group] = parsed;
    else config[group] = { ...(config[group] as object), [inner]: parsed };
  }
  return config as unknown as NodeConfig;
}

/** Where the node's key is. */
export const keystorePath = (config: NodeConfig): string =>
  config.keystore ?? join(config.dataDirectory, 'keystore.json');

function badSetting(source: string, message: string): InputError {
  return new InputError('bad-setting', `${source}: ${message}`, '`dsperse node --settings` lists every setting');
}

function unknownSetting(what: string, nearest: string | undefined): InputError {
  const hint = nearest ? `did you mean ${nearest}?` : '`dsperse node --settings` lists every setting';
  return new InputError('unknown-setting', `there is no setting ${what}`, hint);
}

function secretPlace(name: ConfigName): InputError {
  const { environment } = keyOf(name);
  return new InputError('secret-in-file', `${name} is given in the environment only`, `set ${environment}`);
}
