/** Which network a node is of: `network.json` says the chain and the contracts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { type Address, getAddress, isAddress } from 'viem';
import { z } from 'zod';
import type { NodeConfig } from './config-keys.js';
import { writePrivateFile } from './write-private-file.js';

export const NETWORK_FILE = 'network.json';

const SCHEMA = z.object({
  chainId: z.number().int().positive(),
  /** Addresses by the contract's name. */
  contracts: z.record(
    z.string(),
    z
      .string()
      .refine((a) => isAddress(a), 'is no address')
      .transform((a) => getAddress(a)),
  ),
  /** The block that the first of them is in: logs before it are not read. */
  fromBlock: z.number().int().nonnegative().optional(),
  /** URLs of gateways that requesters may ask. */
  gateways: z.array(z.string().url()).optional(),
});

export interface NetworkFile {
  readonly chainId: number;
  readonly contracts: Readonly<Record<string, Address>>;
  readonly fromBlock?: number;
  readonly gateways?: readonly string[];
}

export const networkFilePath = (config: Pick<NodeConfig, 'networkFile' | 'dataDirectory'>): string =>
  config.networkFile ?? join(config.dataDirectory, NETWORK_FILE);

/** @throws InputError `no-network-file`, `network-file` */
export function readNetworkFile(path: string): NetworkFile {
  if (!existsSync(path)) {
    throw new InputError(
      'no-network-file',
      `there is no network file at ${path}`,
      'copy network.json of the network that the node is for into the data folder, or run `dsperse up`',
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new InputError('network-file', `the network file ${path} is no JSON`, 'copy it again', undefined, { cause });
  }
  const parsed = SCHEMA.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = [...issue.path.map(String), issue.message].join(': ');
  throw new InputError('network-file', `the network file ${path}: ${where}`, 'copy it again');
}

/** The network file with the contracts of the settings over it. */
export function networkOf(config: Pick<NodeConfig, 'networkFile' | 'dataDirectory' | 'contracts'>): NetworkFile {
  const file = readNetworkFile(networkFilePath(config));
  const over = Object.entries(config.contracts).map(([name, address]) => [name, getAddress(address)] as const);
  return { ...file, contracts: { ...file.contracts, ...Object.fromEntries(over) } };
}

export const writeNetworkFile = (path: string, network: NetworkFile): Promise<void> =>
  writePrivateFile(path, `${JSON.stringify(network, null, 2)}\n`);
