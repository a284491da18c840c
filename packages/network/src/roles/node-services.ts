/** The services of one node, by its roles. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkAddresses } from '@dsperse/contracts';
import type { Address } from 'viem';
import { connectLedger, type EvmLedger } from '../chain/index.js';
import type { Capability, EndpointDocument, NodeDocument, RoleName } from '../messages/index.js';
import {
  type Identity,
  type Lifecycle,
  type Logger,
  type Metrics,
  makeEndpoint,
  measuredCapability,
  capabilityOf,
  networkOf,
  nextSequence,
  type NodeConfig,
  type Service,
} from '../node/index.js';
import { openBlobs, openSql, type SqlStore } from '../store/index.js';
import { createServer, jsonRoute, type Route, rawRoute } from '../transport/server/index.js';
import { createGateway } from './gateway/gateway.js';
import { createProver } from './prover/index.js';
import { createValidator } from './validator/index.js';
import { z } from 'zod';

export interface NodeParts {
  readonly config: NodeConfig;
  readonly identity: Identity;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The lifecycle that the services are run by: asked for readiness. */
  readonly lifecycle: () => Lifecycle;
  /** Where others reach this node's server, once it listens. */
  readonly onListen?: (url: string) => void;
}

const RECORD_REFRESH_MS = 20 * 60_000;
const LOCAL_HOSTS = ['127.0.0.1', 'localhost', '[::1]'];

/** @throws InputError and LedgerError where the node cannot be what its settings say */
export async function nodeServices(parts: NodeParts): Promise<Service[]> {
  const { config, identity, log, metrics } = parts;
  const network = networkOf(config);
  const contracts = network.contracts as unknown as NetworkAddresses;
  const rpcUrl = config.rpcUrl as string;
  const ledger = await connectLedger({
    rpcUrl,
    contracts,
    account: identity.account,
    pollingMs: LOCAL_HOSTS.includes(new URL(rpcUrl).hostname) ? 100 : 2_000,
  });
  const capability = await capabilityFor(config);
  const common = { identity, ledger, log, metrics, dataDirectory: config.dataDirectory, capability };
  const services: Service[] = [];
  if (config.roles.includes('gateway')) services.push(...(await gatewayServices(parts, ledger, contracts, capability)));
  const url = config.publicUrl ?? '';
  const roles = config.roles as readonly RoleName[];
  if (config.roles.includes('validator')) {
    services.push(createValidator({ ...common, roles, url, gateways: config.gateways, settings: config.validator }));
  }
  if (config.roles.includes('prover')) {
    services.push(createProver({ ...common, roles, url, gateways: config.gateways, settings: config.prover }));
  }
  if (config.metricsPort !== undefined) services.push(healthServer(parts, config.metricsPort));
  return services;
}

async function capabilityFor(config: NodeConfig): Promise<Capability> {
  const { ask, capacity, workers, maxMemoryBytes } = config.prover;
  const measured = await measuredCapability({
    dataDirectory: config.dataDirectory,
    ...(workers === undefined ? {} : { workers }),
    memoryBytes: maxMemoryBytes,
  });
  return capabilityOf(measured, { ask, capacity });
}

/** Health, readiness and metrics: on every server of the node, and where it has none on a port of their own. */
export function healthRoutes(parts: Pick<NodeParts, 'lifecycle' | 'metrics'>): Route[] {
  return [
    jsonRoute({
      method: 'GET',
      path: '/health',
      auth: 'open',
      summary: 'whether the process answers',
      response: z.strictObject({ ok: z.boolean() }),
      handle: () => ({ ok: true }),
    }),
    rawRoute({
      method: 'GET',
      path: '/ready',
      auth: 'open',
      summary: 'whether all services work',
      contentType: 'application/json',
      answers: 'raw',
      handle: async () => ({ body: JSON.stringify(await parts.lifecycle().readiness()) }),
    }),
    rawRoute({
      method: 'GET',
      path: '/metrics',
      auth: 'open',
      summary: 'Prometheus metrics',
      contentType: parts.metrics.contentType,
      answers: 'raw',
      handle: async () => ({ body: await parts.metrics.text() }),
    }),
  ];
}

const INFO = { title: 'DSperse node', version: '1' };

function healthServer(parts: NodeParts, port: number): Service {
  const server = createServer({ routes: healthRoutes(parts), info: INFO, log: parts.log });
  return {
    name: 'metrics',
    async start() {
      const { url } = await server.listen({ host: parts.config.listen.host, port });
      parts.log.info({ url }, 'metrics');
    },
    stop: () => server.close(2_000),
  };
}

async function gatewayServices(
  parts: NodeParts,
  ledger: EvmLedger,
  contracts: NetworkAddresses,
  capability: Capability,
): Promise<Service[]> {
  const { config, identity, log, metrics } = parts;
  const directory = (name: string) => {
    const path = join(config.dataDirectory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const blobLocation = { ...(config.blobUrl ? { url: config.blobUrl } : {}), directory: directory('blobs') };
  const blobs = await openBlobs(blobLocation, (digest, path) => log.error({ digest, path }, 'a blob was damaged'));
  const sql: SqlStore = await openSql({
    ...(config.databaseUrl ? { url: config.databaseUrl } : {}),
    directory: directory('database'),
  });
  const record = new OwnRecord(parts, ledger, capability);
  const limits = { blobBytes: config.gateway.maxBlobBytes, bodyBytes: config.gateway.maxBodyBytes };
  const gateway = createGateway({
    identity,
    ledger,
    contracts: contracts as unknown as Record<string, Address>,
    sql,
    blobs,
    blobLocation,
    settings: {
      chunkWorkUnits: config.gateway.chunkWorkUnits,
      offerMs: config.gateway.offerSeconds * 1000,
      maxBlobBytes: config.gateway.maxBlobBytes,
      maxOpenOrders: config.gateway.maxOrders,
    },
    node: (): NodeDocument => ({
      endpoint: record.document.record,
      chainId: ledger.network.chainId,
      contracts: { ...contracts },
      clockMs: Date.now(),
      limits,
    }),
    log,
    metrics,
  });
  const requests = metrics.histogram('dsperse_gateway_request_seconds', 'Time of requests', ['route', 'status']);
  const server = createServer({
    routes: [...healthRoutes(parts), ...gateway.routes],
    info: { title: 'DSperse gateway', version: '1' },
    network: ledger.network,
    audience: identity.account.address,
    nonces: gateway.nonces,
    trustedProxies: config.gateway.trustedProxies,
    limits: {
      perSender: { perSecond: config.gateway.keyRequestsPerSecond, burst: config.gateway.keyBurst },
      perAddress: { perSecond: config.gateway.addressRequestsPerSecond, burst: config.gateway.addressBurst },
    },
    log,
    onRequest: (r) => requests.observe({ route: r.route, status: String(r.status) }, r.durationMs / 1000),
  });
  return [
    {
      name: 'stores',
      start() {},
      async stop() {
        await sql.close();
        await blobs.close();
      },
      async health() {
        await sql.query('select 1');
        return { ok: true };
      },
    },
    gateway,
    {
      name: 'server',
      async start() {
        const { url } = await server.listen(config.listen);
        await record.renew(config.publicUrl ?? url);
        record.keep();
        parts.onListen?.(url);
        log.info({ url, operator: identity.account.address }, 'gateway listens');
      },
      async stop() {
        record.stop();
        await server.close(5_000);
      },
    },
  ];
}

/** The gateway's own endpoint record, renewed before it expires. */
class OwnRecord {
  #document: EndpointDocument | undefined;
  #timer: NodeJS.Timeout | undefined;
  #url = '';

  constructor(
    private readonly parts: NodeParts,
    private readonly ledger: EvmLedger,
    private readonly capability: Capability,
  ) {}

  get document(): EndpointDocument {
    if (!this.#document) throw new Error('the gateway has no record yet');
    return this.#document;
  }

  async renew(url = this.#url): Promise<void> {
    const { config, identity } = this.parts;
    this.#url = url;
    const nowSeconds = Math.floor(Date.now() / 1000);
    this.#document = await makeEndpoint({
      network: this.ledger.network,
      identity,
      roles: config.roles as readonly RoleName[],
      url,
      capability: this.capability,
      sequence: await nextSequence(config.dataDirectory, nowSeconds),
      nowSeconds,
    });
  }

  keep(): void {
    this.#timer = setInterval(() => {
      this.renew().catch((error) => this.parts.log.error({ error: error.message }, 'the record could not be renewed'));
    }, RECORD_REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
