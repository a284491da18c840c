/**
 * Simulated provers and validators in one process, for loading a gateway. They are the real services with their keys,
 * signatures, journals and requests; only the costly middle is left out: a prover computes the boundary values and their
 * commitments and sends 64 random bytes for the proof, a validator accepts whatever comes without looking at it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKernels, type Kernels } from '@dsperse/core/kernels';
import { boundaryCommitments, decodeSlicePackage, executeSlice, fromHex, type SlicePackage } from '@dsperse/core/prove';
import { PROTOCOL_VERSION } from '@dsperse/core/verify';
import { connectLedger, endpointRules } from '@dsperse/network/chain';
import { keystoreFile, passwordFile } from '@dsperse/network/local';
import type { Capability, RoleName } from '@dsperse/network/messages';
import {
  createMetrics,
  makeEndpoint,
  NETWORK_FILE,
  openKeystore,
  readNetworkFile,
  readPassword,
  type Service,
  silentLogger,
} from '@dsperse/network/node';
import { createProver, createValidator, GatewayLink, type ProveChunk } from '@dsperse/network/roles';
import { nodeRpcFetch } from '@dsperse/network/transport/server';
import type { PeersRequest } from './load-protocol.js';

const ASK = 10n ** 12n;
const CAPACITY = 4;
const GIB = 2 ** 30;
const PROOF_BYTES = 64;

function simulatedProving(kernels: Kernels): ProveChunk {
  const packages = new Map<string, SlicePackage>();
  return async (job) => {
    const values = new Map([...job.boundary].flatMap(([name, t]) => (t.values ? [[name, t.values] as const] : [])));
    const commitments: Record<string, string> = {};
    for (const { digest, path } of job.slices) {
      const slice = packages.get(digest) ?? decodeSlicePackage(readFileSync(path));
      packages.set(digest, slice);
      for (const [name, integers] of executeSlice(slice, values, kernels).outputs) values.set(name, integers);
      const boundary = new Map(
        [...slice.inputs, ...slice.outputs].flatMap((name) => {
          const salt = fromHex(job.boundary.get(name)?.salt ?? '', 32);
          return salt ? [[name, { values: values.get(name) as Int32Array, salt }] as const] : [];
        }),
      );
      Object.assign(commitments, Object.fromEntries(boundaryCommitments(kernels, slice, boundary)));
    }
    const outputs = job.outputs && new Map(job.outputs.map((name) => [name, values.get(name) as Int32Array]));
    const { fingerprint, nonce, prover, slices } = job;
    const count = slices.length > 1 ? { count: slices.length } : {};
    const statement = { fingerprint, index: slices[0].index, ...count, nonce, prover, commitments };
    return { statement, proof: randomBytes(PROOF_BYTES), ...(outputs ? { outputs } : {}) };
  };
}

async function startPeers({ directory, rpcUrl, gatewayUrl, names }: PeersRequest): Promise<Service[]> {
  const password = await readPassword({ environment: {}, passwordFile: passwordFile(directory) });
  const { contracts } = readNetworkFile(join(directory, NETWORK_FILE));
  const prove = simulatedProving(await createKernels({ threads: 1 }));
  const services: Service[] = [];
  for (const name of names) {
    const identity = await openKeystore(keystoreFile(directory, name), password);
    const role = name.split('-')[0] as RoleName;
    const ledger = await connectLedger({
      rpcUrl,
      contracts: contracts as never,
      account: identity.account,
      fetch: nodeRpcFetch,
    });
    const { network } = ledger;
    const capability: Capability =
      role === 'prover'
        ? {
            protocolVersion: PROTOCOL_VERSION,
            workUnitsPerSecond: 1e9,
            capacity: CAPACITY,
            ask: ASK,
            memoryBytes: GIB,
            cores: 1,
          }
        : { protocolVersion: PROTOCOL_VERSION, workUnitsPerSecond: 0, capacity: 0, ask: 0n, memoryBytes: 0, cores: 0 };
    let sequence = Date.now();
    const announce = (nowSeconds: number) =>
      makeEndpoint({ network, identity, roles: [role], url: '', capability, sequence: sequence++, nowSeconds });
    const link = new GatewayLink({
      url: gatewayUrl,
      identity,
      network,
      rules: () => endpointRules(ledger),
      announce,
      log: silentLogger(),
    });
    const dataDirectory = join(directory, 'peers', name);
    mkdirSync(dataDirectory, { recursive: true });
    const common = {
      identity,
      network,
      ledger,
      links: [link],
      dataDirectory,
      log: silentLogger(),
      metrics: createMetrics({ labels: {} }),
    };
    const cacheBytes = GIB;
    services.push(
      role === 'prover'
        ? createProver({
            ...common,
            capability,
            prove,
            settings: {
              ask: ASK,
              capacity: CAPACITY,
              workers: 1,
              maxMemoryBytes: GIB,
              cacheBytes,
              allowPrograms: [],
              denyPrograms: [],
            },
          })
        : createValidator({
            ...common,
            settings: { workers: 1, cacheBytes, pollSeconds: 5 },
            verify: async () => ({ outcome: { accepted: true }, seconds: 0 }),
          }),
    );
  }
  for (const service of services) await service.start();
  return services;
}

const running: Service[] = [];
process.on('message', (request: PeersRequest) => {
  startPeers(request).then(
    (services) => {
      running.push(...services);
      process.send?.({ started: services.length });
    },
    (error: Error) => process.send?.({ failed: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
