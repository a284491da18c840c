/** Which network a command is about, where its gateway and its chain are, and whose key signs. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { NetworkAddresses } from '@dsperse/contracts';
import { InputError } from '@dsperse/core/graph';
import {
  type Identity,
  keystoreAddress,
  loadConfig,
  NETWORK_FILE,
  type NetworkFile,
  openKeystore,
  readNetworkFile,
  readPassword,
} from '@dsperse/network/node';
import { nodeFetch } from '@dsperse/network/transport/server';
import { ChainAccess, type Client, type ClientOptions, createClient, type ExpectedNetwork } from '@dsperse/sdk';
import type { Hex } from './identifiers.js';
import { LOCAL_NETWORK, listOf, type NetworkOptions } from './network-options.js';

export interface NetworkPlace {
  /** Of the network file; of a local network all lies there. */
  readonly directory?: string;
  readonly file?: NetworkFile;
  /** The first of those below. */
  readonly gatewayUrl?: string;
  readonly gatewayUrls?: readonly string[];
  readonly rpcUrl?: string;
}

/** @throws InputError `no-network-file`, `network-file` */
export function findNetwork(options: NetworkOptions, environment: NodeJS.ProcessEnv = process.env): NetworkPlace {
  const given = options.network ?? environment.DSPERSE_NETWORK_FILE;
  const path = given ?? LOCAL_NETWORK;
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const file = resolve(isDirectory ? join(path, NETWORK_FILE) : path);
  const known = given !== undefined || existsSync(file);
  const directory = known ? dirname(file) : undefined;
  const local = directory === undefined ? {} : localUrls(directory);
  const networkFile = directory === undefined ? undefined : readNetworkFile(file);
  const ofNetwork = [...(local.gatewayUrl === undefined ? [] : [local.gatewayUrl]), ...(networkFile?.gateways ?? [])];
  const gatewayUrls = options.gateway ?? gatewaysIn(environment) ?? ofNetwork;
  const rpcUrl = options.rpc ?? environment.RPC_URL ?? local.rpcUrl;
  return {
    ...(directory === undefined || networkFile === undefined ? {} : { directory, file: networkFile }),
    ...(gatewayUrls.length === 0 ? {} : { gatewayUrl: gatewayUrls[0], gatewayUrls }),
    ...(rpcUrl ? { rpcUrl } : {}),
  };
}

function gatewaysIn(environment: NodeJS.ProcessEnv): string[] | undefined {
  const list = listOf(environment.DSPERSE_GATEWAYS ?? '');
  return list.length === 0 ? undefined : list;
}

/** What `dsperse up` wrote for the gateway of the network in this directory. */
function localUrls(directory: string): { gatewayUrl?: string; rpcUrl?: string } {
  const file = join(directory, 'nodes', 'gateway', 'dsperse-node.json');
  if (!existsSync(file)) return {};
  const { listen, rpcUrl } = loadConfig({ file, environment: {} });
  return { gatewayUrl: `http://${listen.host}:${listen.port}`, ...(rpcUrl === undefined ? {} : { rpcUrl }) };
}

const localKey = (place: NetworkPlace, name: string): string | undefined => {
  const path = place.directory === undefined ? undefined : join(place.directory, 'keys', `${name}.json`);
  return path !== undefined && existsSync(path) ? path : undefined;
};

/**
 * The key that signs.
 * @param name of the key in a local network, where no keystore is given
 * @throws InputError `no-keystore`, `wrong-password`, `no-password`
 */
export async function openAccount(options: NetworkOptions, place: NetworkPlace, name: string): Promise<Identity> {
  const local = localKey(place, name);
  const path = options.keystore ?? process.env.DSPERSE_KEYSTORE ?? local;
  if (path === undefined) {
    throw new InputError('no-keystore', 'no key is given', 'give --keystore; `dsperse node --init` makes one');
  }
  if (!existsSync(path)) {
    throw new InputError(
      'not-found',
      `there is no keystore at ${path}`,
      'give its path; `dsperse node --init` makes one',
    );
  }
  const localPassword = place.directory === undefined ? undefined : join(place.directory, 'password');
  const isLocal = place.directory !== undefined && dirname(resolve(path)) === join(place.directory, 'keys');
  const passwordFile =
    options.passwordFile ?? (isLocal && localPassword && existsSync(localPassword) ? localPassword : undefined);
  // The password in the environment is that of the caller's own key; one that is named goes before it.
  const environment = passwordFile === undefined ? process.env : {};
  return openKeystore(path, await readPassword({ environment, ...(passwordFile ? { passwordFile } : {}) }));
}

/** The address of a member of a local network by its name. @throws InputError `unknown-name` */
export async function addressOfMember(place: NetworkPlace, name: string): Promise<Hex> {
  const path = localKey(place, name);
  const address = path === undefined ? undefined : await keystoreAddress(path);
  if (address) return address;
  throw new InputError('unknown-name', `there is no key ${name} in the network's directory`, 'give an address');
}

/** What a gateway must agree with. */
export function expectedNetwork(place: NetworkPlace): ExpectedNetwork | undefined {
  return place.file && { chainId: place.file.chainId, contracts: place.file.contracts };
}

/** @throws InputError `no-gateway` */
export function openClient(
  place: NetworkPlace,
  identity: Identity,
  gatewayUrl: string | undefined = place.gatewayUrl,
): Promise<Client> {
  if (gatewayUrl === undefined) {
    const hint = 'give --gateway <url>, or start a network of your own with `dsperse up`';
    throw new InputError('no-gateway', 'no gateway is given', hint);
  }
  return createClient({ ...clientOptions(place, identity), gatewayUrl, fetch: nodeFetch });
}

/** Of a client of any gateway of the network. */
export function clientOptions(place: NetworkPlace, identity: Identity): Omit<ClientOptions, 'gatewayUrl'> {
  const network = expectedNetwork(place);
  return {
    account: identity.account,
    ...(network ? { network } : {}),
    ...(place.rpcUrl === undefined ? {} : { chain: chainOptions(place) }),
  };
}

const chainOptions = ({ rpcUrl, file }: NetworkPlace) => ({
  rpcUrl,
  ...(file?.fromBlock === undefined ? {} : { fromBlock: BigInt(file.fromBlock) }),
  pollingMs: 200,
});

/** The network's contracts. @throws InputError `no-network-file`, `no-rpc`, `wrong-chain` */
export function openChain(place: NetworkPlace, identity?: Identity): Promise<ChainAccess> {
  const { file, rpcUrl } = place;
  if (!file) {
    const hint = 'give --network <network.json>, or start a network of your own with `dsperse up`';
    throw new InputError('no-network-file', 'no network is given', hint);
  }
  if (rpcUrl === undefined) throw new InputError('no-rpc', 'the chain is not known', 'give --rpc <url> or set RPC_URL');
  return ChainAccess.connect({
    ...chainOptions(place),
    contracts: file.contracts as Partial<NetworkAddresses>,
    chainId: file.chainId,
    ...(identity ? { account: identity.account } : {}),
  });
}
