/** The settings as text: for `--help`, for the docs, and what a node runs with, without secrets. */
import { CONFIG_KEYS, type ConfigKey, type ConfigName, flagOf, type NodeConfig } from './config-keys.js';

export interface ConfigRow {
  readonly name: string;
  /** Undefined where the setting is given in the environment only. */
  readonly flag?: string;
  readonly environment: string;
  /** JSON; `-` where there is none. */
  readonly fallback: string;
  readonly meaning: string;
}

export const configRows = (): ConfigRow[] =>
  (Object.entries(CONFIG_KEYS) as [ConfigName, ConfigKey][]).map(([name, k]) => ({
    name,
    ...(k.secret !== 'environment-only' && { flag: `--${flagOf(name)}` }),
    environment: k.environment,
    fallback: k.fallback === undefined ? '-' : JSON.stringify(k.fallback),
    meaning: k.meaning,
  }));

/** A table in Markdown. */
export function configMarkdown(): string {
  const rows = configRows().map((r) => {
    const where = r.flag === undefined ? ' (environment only)' : '';
    return `| \`${r.name}\` | \`${r.environment}\` | ${r.fallback === '-' ? 'none' : `\`${r.fallback}\``} | ${r.meaning}${where} |`;
  });
  return ['| setting | environment | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

/** The settings by name, for dumps and logs: secrets and credentials are hidden, amounts are decimal strings. */
export function describeConfig(config: NodeConfig): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, k] of Object.entries(CONFIG_KEYS) as [ConfigName, ConfigKey][]) {
    const [group, inner] = name.split('.');
    const outer = (config as unknown as Record<string, unknown>)[group];
    const value = inner === undefined ? outer : (outer as Record<string, unknown>)[inner];
    if (value === undefined) continue;
    shown[name] = typeof value === 'bigint' ? value.toString() : k.secret ? hide(String(value), k.secret) : value;
  }
  return shown;
}

/** Scheme and host stay; user, password, path and query may be keys. */
function hide(value: string, secret: ConfigKey['secret']): string {
  if (secret === 'environment-only') return '[hidden]';
  try {
    const { protocol, host, pathname, search, username } = new URL(value);
    const rest = pathname.length > 1 || search !== '' || username !== '';
    return `${protocol}//${host}${rest ? '/[hidden]' : ''}`;
  } catch {
    return '[hidden]';
  }
}
