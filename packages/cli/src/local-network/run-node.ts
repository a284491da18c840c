/** One node in this process: what `dsperse node` does. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import {
  CONFIG_FILE,
  CONFIG_KEYS,
  type ConfigSources,
  configRows,
  createKeystore,
  createLogger,
  createMetrics,
  describeConfig,
  flagOf,
  type Identity,
  keystorePath,
  type Lifecycle,
  loadConfig,
  measuredCapability,
  type NodeConfig,
  openKeystore,
  readPassword,
  runServices,
  writePrivateFile,
} from '@dsperse/network/node';
import { type NodeParts, nodeServices } from '@dsperse/network/roles';
import type { Outcome } from '../commands/command.js';
import { formatBytes, formatCount } from '../terminal/format.js';
import { renderFacts, renderTable } from '../terminal/table.js';
import type { Terminal } from '../terminal/terminal.js';

/** What a node tells the process that started it. */
export type NodeReport =
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'listens'; readonly url: string };

const report = (message: NodeReport): void => {
  process.send?.(message);
};

export function nodeSettings(): Outcome {
  const rows = configRows();
  const table = renderTable(
    [{ title: 'setting' }, { title: 'environment' }, { title: 'default' }, { title: 'meaning' }],
    rows.map((r) => [r.name, r.environment, r.fallback, r.meaning]),
  );
  return { document: { settings: rows }, text: table };
}

/** A node of `dsperse up` does not outlive the process that started it, however that ended. */
function endWithStarter(): void {
  if (process.send) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/** The keystore's identity, made where there is none and a password is to be had. */
async function openIdentity(config: NodeConfig, terminal: Terminal): Promise<Identity> {
  const path = keystorePath(config);
  const sources = config.passwordFile === undefined ? {} : { passwordFile: config.passwordFile };
  if (existsSync(path)) return openKeystore(path, await readPassword(sources));
  await mkdir(dirname(path), { recursive: true });
  const password = await readPassword({ ...sources, confirm: true, question: 'Password for a new keystore: ' });
  const identity = await createKeystore(path, password);
  terminal.note(`made a key: ${identity.account.address} in ${path}`);
  return identity;
}

const ALWAYS_KEPT = ['dataDirectory', 'roles', 'gateways', 'rpcUrl', 'networkFile', 'passwordFile'];

/** What a node cannot do without, and what was said when it was made. */
function settingsToKeep(config: NodeConfig, flags: Readonly<Record<string, string>>): Record<string, unknown> {
  const kept = Object.keys(CONFIG_KEYS).filter((name) => ALWAYS_KEPT.includes(name) || flagOf(name) in flags);
  const settingOf = (name: string): unknown =>
    name.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], config);
  return Object.fromEntries(
    kept.map((name) => [name, settingOf(name)]).map(([name, v]) => [name, typeof v === 'bigint' ? v.toString() : v]),
  );
}

export async function initNode(sources: ConfigSources, file: string | undefined, terminal: Terminal): Promise<Outcome> {
  const config = loadConfig(sources);
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const { account } = await openIdentity(config, terminal);
  const { workers, maxMemoryBytes } = config.prover;
  const measured = await measuredCapability({
    dataDirectory: config.dataDirectory,
    ...(workers === undefined ? {} : { workers }),
    memoryBytes: maxMemoryBytes,
  });
  const path = resolve(file ?? CONFIG_FILE);
  if (!existsSync(path)) {
    // Only for its owner: URLs of chains and databases may hold keys.
    await writePrivateFile(path, `${JSON.stringify(settingsToKeep(config, sources.flags ?? {}), null, 2)}\n`);
  }
  return {
    document: { address: account.address, keystore: keystorePath(config), config: path, measured },
    text: renderFacts([
      ['operator', account.address],
      ['keystore', keystorePath(config)],
      ['config', path],
      ['speed', `${formatCount(measured.workUnitsPerSecond)} work units a second`],
      ['memory', formatBytes(measured.memoryBytes)],
      ['next', `dsperse stake register and add, then dsperse node --config ${path}`],
    ]),
  };
}

/** @param prover in place of an honest prover's parts */
export async function runNode(
  sources: ConfigSources,
  terminal: Terminal,
  prover?: NodeParts['prover'],
): Promise<Outcome> {
  const config = loadConfig(sources);
  if (config.roles.length === 0) {
    throw new InputError('no-role', 'the node has no role', 'give --role prover, validator or gateway');
  }
  if (config.rpcUrl === undefined) {
    throw new InputError('no-chain', 'no chain is given', 'set RPC_URL, or run a local network with dsperse up');
  }
  if (!config.roles.includes('gateway') && config.gateways.length === 0) {
    throw new InputError('no-gateway', 'no gateway is given', 'set gateways=http://… or DSPERSE_GATEWAYS');
  }
  endWithStarter();
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const identity = await openIdentity(config, terminal);
  const log = createLogger({ ...config.log, ...(config.log.file ? { file: resolve(config.log.file) } : {}) });
  const metrics = createMetrics({ labels: { operator: identity.account.address } });
  log.info({ settings: describeConfig(config), operator: identity.account.address }, 'node');
  let lifecycle: (() => Lifecycle) | undefined;
  const services = await nodeServices({
    config,
    identity,
    log,
    metrics,
    ...(prover ? { prover } : {}),
    lifecycle: () => (lifecycle as () => Lifecycle)(),
    onListen: (url) => report({ kind: 'listens', url }),
  });
  const exitCode = await runServices(
    (running) => {
      lifecycle = running;
      return services;
    },
    {
      logger: log,
      dataDirectory: config.dataDirectory,
      onReady: () => {
        log.info({ roles: config.roles }, 'ready');
        report({ kind: 'ready', address: identity.account.address });
      },
    },
  );
  metrics.close();
  return { document: { stopped: true, exitCode }, text: '', exitCode };
}
