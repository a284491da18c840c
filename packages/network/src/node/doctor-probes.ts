/** The doctor's probes of this machine, of the chain and of gateways. Those of stores and stake are the caller's. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { createPublicClient, http } from 'viem';
import { isFreePort } from '../chain/free-port.js';
import { nodeSchema } from '../messages/index.js';
import { keystorePath } from './config.js';
import type { NodeConfig } from './config-keys.js';
import { isLocked } from './data-lock.js';
import type { DoctorProbes } from './doctor.js';
import { openKeystore } from './keystore.js';
import { networkOf } from './network-file.js';

/** What a gateway says of itself is small. */
const MAX_DOCUMENT_BYTES = 1 << 20;

/** @param password of the keystore; ask people for it before, as time runs when the keystore is opened */
export function machineProbes(config: NodeConfig, password: () => Promise<string>): DoctorProbes {
  const { rpcUrl } = config;
  const client = rpcUrl === undefined ? undefined : createPublicClient({ transport: http(rpcUrl, { retryCount: 0 }) });
  return {
    nodeVersion: () => process.version,
    directory: probeDirectory,
    keystore: async () => (await openKeystore(keystorePath(config), await password())).account.address,
    clockMs: () => Date.now(),
    network: async () => networkOf(config),
    ...(client && {
      chain: async () => {
        const [chainId, block] = await Promise.all([client.getChainId(), client.getBlock()]);
        return { chainId, blockSeconds: Number(block.timestamp) };
      },
      gas: (operator) => client.getBalance({ address: operator }),
      hasCode: async (address) => (await client.getCode({ address })) !== undefined,
    }),
    gateway: fetchGateway,
    nodeRuns: () => isLocked(config.dataDirectory),
    portIsFree: (host, port) => isFreePort(port, host),
    memoryBytes: () => Math.min(process.constrainedMemory?.() || totalmem(), totalmem()),
  };
}

async function probeDirectory(path: string): Promise<{ freeBytes: number }> {
  // One that is not there yet is made by the node, not by who only looks: what counts is the folder that it will be in.
  let place = resolve(path);
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  const file = join(place, `.doctor.${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(file, randomBytes(4096), { flag: 'wx', mode: 0o600 });
  } finally {
    await rm(file, { force: true });
  }
  const { bavail, bsize } = await statfs(place);
  return { freeBytes: bavail * bsize };
}

async function fetchGateway(url: string) {
  const response = await fetch(new URL('v1/node', url.endsWith('/') ? url : `${url}/`), {
    signal: AbortSignal.timeout(5000),
    redirect: 'error',
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw noGateway(`GET /v1/node answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) throw noGateway('what it says of itself is too long');
    chunks.push(chunk);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw noGateway('what it says of itself is no JSON');
  }
  const document = nodeSchema.safeParse(json);
  if (!document.success) throw noGateway('it does not speak this protocol');
  return document.data;
}

const noGateway = (message: string): InputError =>
  new InputError('no-gateway', message, 'check that the URL is a gateway');
