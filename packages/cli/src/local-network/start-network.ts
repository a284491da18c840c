/** A whole network on this machine, in processes of their own and one directory. */
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '@dsperse/core/graph';
import { freePort, isFreePort, type LocalAnvil, startLocalAnvil } from '@dsperse/network/chain';
import {
  GATEWAY,
  gasBalances,
  keystoreFile,
  LOCAL_TERMS,
  type LocalMembers,
  type LocalNetwork,
  type LocalNetworkTerms,
  memberNames,
  openKeys,
  passwordFile,
  setUpNetwork,
} from '@dsperse/network/local';
import {
  CAPABILITY_FILE,
  CONFIG_KEYS,
  type DataLock,
  type Identity,
  isLocked,
  LOCK_FILE,
  lockDirectory,
  measuredCapability,
  NETWORK_FILE,
} from '@dsperse/network/node';
import { parseObject } from '../artifacts/manifest.js';
import { readNamed } from '../artifacts/read-named.js';
import { ChildNode } from './child-node.js';

/** What `up.json` says: how the network was first started. */
interface Shape {
  readonly provers: number;
  readonly validators: number;
  gatewayPort?: number;
}

export interface NetworkOptions {
  readonly directory: string;
  /** Three where nothing is said; what a network was made with stays. */
  readonly provers?: number;
  readonly validators?: number;
  /** A chain that runs already; a local one is started where none is given. */
  readonly rpcUrl?: string;
  readonly terms?: Partial<LocalNetworkTerms>;
  /** Settings of a node over those that all have. */
  readonly settings?: (name: string) => Record<string, unknown>;
  /** The program that plays a node, where it is not `dsperse node`. */
  readonly program?: (name: string) => readonly string[] | undefined;
  readonly tell?: (step: string) => void;
  readonly onEnd?: (name: string, what: string) => void;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
}

export interface RunningNetwork {
  readonly directory: string;
  readonly rpcUrl: string;
  readonly gatewayUrl: string;
  readonly network: LocalNetwork;
  readonly members: LocalMembers;
  readonly keys: ReadonlyMap<string, Identity>;
  readonly anvil: LocalAnvil | undefined;
  node(name: string): ChildNode;
  stop(): Promise<void>;
}

const SHAPE_FILE = 'up.json';
const HOST = '127.0.0.1';

/**
 * Starts the network of the directory, and makes it where there is none.
 * @throws InputError `exists`, `other-shape`, `data-in-use`, `no-start`; the signal's reason where it was aborted
 */
export async function startNetwork(options: NetworkOptions): Promise<RunningNetwork> {
  const directory = resolve(options.directory);
  const { signal } = options;
  const tell = (step: string): void => {
    signal?.throwIfAborted();
    options.tell?.(step);
  };
  checkDirectory(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  let anvil: LocalAnvil | undefined;
  const nodes: ChildNode[] = [];
  // A node that is stopped before it is ready ends the start.
  const stopStarting = () => void Promise.all(nodes.map((n) => n.stop()));
  signal?.addEventListener('abort', stopStarting);
  try {
    const shape = await readShape(directory, options);
    const members = memberNames(shape.provers, shape.validators);
    tell('making keys');
    const keys = await openKeys(directory, members);
    if (options.rpcUrl === undefined) {
      tell('starting the chain');
      anvil = await startLocalAnvil({ directory: join(directory, 'chain'), balances: gasBalances(keys) });
    }
    const rpcUrl = options.rpcUrl ?? (anvil as LocalAnvil).url;
    const terms = { ...LOCAL_TERMS, ...options.terms };
    const network = await setUpNetwork(directory, rpcUrl, keys, members, terms, tell);
    const gatewayUrl = `http://${HOST}:${await portOf(directory, shape)}`;
    const names = [GATEWAY, ...members.validators, ...members.provers];
    for (const name of names) {
      await otherEnded(join(directory, 'nodes', name));
      const config = await writeConfig(directory, name, { rpcUrl, gatewayUrl }, options.settings?.(name) ?? {});
      nodes.push(
        new ChildNode({
          name,
          config,
          output: join(directory, 'nodes', name, 'output.log'),
          program: options.program?.(name),
          onEnd: options.onEnd,
        }),
      );
    }
    tell('starting the gateway');
    await nodes[0].start();
    tell('measuring this machine');
    await measureOnce(
      directory,
      members.provers.map((name) => join(directory, 'nodes', name)),
    );
    tell('starting validators and provers');
    await Promise.all(nodes.slice(1).map((n) => n.start()));
    const stop = () => stopAll(nodes, anvil, lock);
    const node = (name: string): ChildNode => {
      const found = nodes.find((n) => n.name === name);
      if (!found) throw new InputError('unknown-node', `the network has no ${name}`, `it has ${names.join(', ')}`);
      return found;
    };
    return { directory, rpcUrl, gatewayUrl, network, members, keys, anvil, node, stop };
  } catch (error) {
    await stopAll(nodes, anvil, lock);
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stopStarting);
  }
}

/** @throws InputError `exists` for a directory with something else in it */
function checkDirectory(directory: string): void {
  if (!existsSync(directory) || existsSync(join(directory, SHAPE_FILE))) return;
  const foreign = readdirSync(directory).filter((f) => !f.includes(LOCK_FILE));
  if (foreign.length > 0) {
    throw new InputError('exists', `${directory} is there already and is not a network`, 'give another -d');
  }
}

const END_MS = 20_000;

/**
 * Waits for a node that was left by a `dsperse up` which was killed: it ends by itself.
 * @throws InputError `data-in-use`
 */
async function otherEnded(place: string): Promise<void> {
  const until = Date.now() + END_MS;
  while (isLocked(place)) {
    if (Date.now() > until) {
      throw new InputError('data-in-use', `another process has ${place}`, 'stop it, or give another -d');
    }
    await new Promise((again) => setTimeout(again, 100));
  }
}

/** All provers share the machine: measuring it in each at the same time would tell little. */
async function measureOnce(directory: string, places: readonly string[]): Promise<void> {
  const memoryBytes = CONFIG_KEYS['prover.maxMemoryBytes'].fallback as number;
  await measuredCapability({ dataDirectory: directory, memoryBytes });
  for (const place of places) await copyFile(join(directory, CAPABILITY_FILE), join(place, CAPABILITY_FILE));
}

/** Provers and validators first: the gateway waits for nobody. */
async function stopAll(nodes: readonly ChildNode[], anvil: LocalAnvil | undefined, lock: DataLock): Promise<void> {
  await Promise.all(nodes.slice(1).map((n) => n.stop()));
  await nodes[0]?.stop();
  await anvil?.stop();
  lock.release();
}

/** @throws InputError `other-shape`, `damaged-artifact` */
async function readShape(directory: string, options: NetworkOptions): Promise<Shape> {
  const path = join(directory, SHAPE_FILE);
  const { provers = 3, validators = 3 } = options;
  if (existsSync(path)) {
    const shape = parseObject(readNamed(path).toString(), path, 'restore it, or give another -d') as Shape;
    for (const kind of ['provers', 'validators'] as const) {
      const [there, asked] = [shape[kind], options[kind]];
      if (!Number.isSafeInteger(there) || there < 1) {
        throw new InputError('damaged-artifact', `${path} is damaged: it names no ${kind}`, 'give another -d');
      }
      if (asked !== undefined && asked !== there) {
        const hint = `leave --${kind} out, or give another -d`;
        throw new InputError('other-shape', `the network in ${directory} has ${there} ${kind}`, hint);
      }
    }
    return shape;
  }
  const shape: Shape = { provers, validators };
  await writeFile(path, `${JSON.stringify(shape, null, 2)}\n`);
  return shape;
}

/** The port that the gateway had before, so that those who know it find it again. */
async function portOf(directory: string, shape: Shape): Promise<number> {
  if (shape.gatewayPort !== undefined && (await isFreePort(shape.gatewayPort))) return shape.gatewayPort;
  const port = await freePort();
  if (port === undefined) throw new InputError('no-port', 'this machine has no free port', 'stop something');
  await writeFile(join(directory, SHAPE_FILE), `${JSON.stringify({ ...shape, gatewayPort: port }, null, 2)}\n`);
  return port;
}

async function writeConfig(
  directory: string,
  name: string,
  urls: { rpcUrl: string; gatewayUrl: string },
  settings: Record<string, unknown>,
): Promise<string> {
  const place = join(directory, 'nodes', name);
  await mkdir(place, { recursive: true });
  const role = name.split('-')[0];
  const config = {
    dataDirectory: place,
    roles: [role],
    rpcUrl: urls.rpcUrl,
    gateways: role === GATEWAY ? [] : [urls.gatewayUrl],
    keystore: keystoreFile(directory, name),
    passwordFile: passwordFile(directory),
    networkFile: join(directory, NETWORK_FILE),
    'listen.port': role === GATEWAY ? Number(new URL(urls.gatewayUrl).port) : 0,
    'log.file': join(place, 'log.jsonl'),
    'log.format': 'json',
    ...settings,
  };
  const path = join(place, 'dsperse-node.json');
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`);
  return path;
}
