/** The services of one node, by its roles. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { NetworkAddresses } from '@dsperse/contracts';
import { PROTOCOL_VERSION } from '@dsperse/core/verify';
import { z } from 'zod';
import { connectLedger, type EvmLedger, endpointRules } from '../chain/index.js';
import type { Capability, EndpointDocument, NodeDocument, RoleName } from '../messages/index.js';
import {
  capabilityOf,
  type Identity,
  type Lifecycle,
  type Logger,
  type Metrics,
  makeEndpoint,
  measuredCapability,
  type NodeConfig,
  networkOf,
  nextSequence,
  type Service,
} from '../node/index.js';
import { PROVER_ROLE, type Settlement, VALIDATOR_ROLE } from '../scoring/index.js';
import { openBlobs, openSql, type SqlStore } from '../store/index.js';
import { createServer, jsonRoute, nodeRpcFetch, Refusal, type Route, rawRoute } from '../transport/server/index.js';
import { createGateway } from './gateway/gateway.js';
import { createClaims, GatewayLink } from './peer/index.js';
import { createProver, type ProverOptions } from './prover/index.js';
import { createValidator } from './validator/index.js';
import { watchGas } from './watch-gas.js';
import { weightExport } from './weight-export.js';

export interface NodeParts {
  readonly config: NodeConfig;
  readonly identity: Identity;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The lifecycle that the services are run by: asked for readiness. */
  readonly lifecycle: () => Lifecycle;
  /** In place of an honest prover's parts: for networks that show how others are caught. */
  readonly prover?: Pick<ProverOptions, 'prove' | 'hooks'>;
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
  const isLocal = LOCAL_HOSTS.includes(new URL(rpcUrl).hostname);
  const ledger = await connectLedger({
    rpcUrl,
    contracts,
    account: identity.account,
    pollingMs: isLocal ? 100 : 2_000,
    fetch: nodeRpcFetch,
  });
  const capability = await capabilityFor(config);
  const record = new OwnRecord(parts, ledger, capability);
  const services: Service[] = [];
  if (config.roles.includes('gateway')) services.push(...(await gatewayServices(parts, ledger, record)));
  const links = config.gateways.map((url) => {
    const { network } = ledger;
    const rules = () => endpointRules(ledger);
    const announce = () => record.make();
    return new GatewayLink({ url, identity, network, contracts: { ...contracts }, rules, announce, log });
  });
  const { dataDirectory } = config;
  const common = { identity, network: ledger.network, ledger, links, capability, dataDirectory, log, metrics };
  if (config.roles.includes('validator')) services.push(createValidator({ ...common, settings: config.validator }));
  if (config.roles.includes('prover')) {
    const settings = { ...config.prover, workers: config.prover.workers ?? availableParallelism() };
    services.push(createProver({ ...common, settings, ...parts.prover }));
  }
  const earning = ([PROVER_ROLE, VALIDATOR_ROLE] as const).filter((role) =>
    config.roles.includes(role === PROVER_ROLE ? 'prover' : 'validator'),
  );
  if (earning.length > 0) {
    const operator = identity.account.address;
    const intervalMs = isLocal ? 2_000 : 300_000;
    services.push(createClaims({ ledger, links, operator, roles: earning, log, metrics, intervalMs }));
  }
  services.push(watchGas(ledger, identity.account.address, metrics));
  if (config.metricsPort !== undefined) services.push(healthServer(parts, config.metricsPort));
  return services;
}

async function capabilityFor(config: NodeConfig): Promise<Capability> {
  const { ask, capacity, workers, maxMemoryBytes } = config.prover;
  if (!config.roles.includes('prover')) {
    return { protocolVersion: PROTOCOL_VERSION, workUnitsPerSecond: 0, capacity: 0, ask: 0n, memoryBytes: 0, cores: 0 };
  }
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
      summary: 'whether all services work; 503 with what does not otherwise',
      contentType: 'application/json',
      answers: 'raw',
      handle: async () => {
        const { ready, state, services } = await parts.lifecycle().readiness();
        if (ready) return { body: JSON.stringify({ ready, state, services }) };
        const bad = services.filter((s) => !s.ok).map((s) => `${s.name}: ${s.detail ?? 'not well'}`);
        throw new Refusal(503, 'not-ready', [state, ...bad].join('; '), 'ask again soon', { retryAfterSeconds: 2 });
      },
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

async function gatewayServices(parts: NodeParts, ledger: EvmLedger, record: OwnRecord): Promise<Service[]> {
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
  const limits = { blobBytes: config.gateway.maxBlobBytes, bodyBytes: config.gateway.maxBodyBytes };
  const weights = await weightExport(config, log);
  const gateway = createGateway({
    identity,
    ledger,
    contracts: { ...ledger.contracts },
    sql,
    blobs,
    blobLocation,
    settings: {
      chunkWorkUnits: config.gateway.chunkWorkUnits,
      proverMemoryBytes: config.gateway.proverMemoryBytes,
      offerMs: config.gateway.offerSeconds * 1000,
      maxBlobBytes: config.gateway.maxBlobBytes,
      maxOrderBytes: config.gateway.maxBodyBytes,
      maxOpenOrders: config.gateway.maxOrders,
      minFreeBytes: config.gateway.minFreeBytes,
      retainMs: config.gateway.retainSeconds * 1000,
      retainEpochsMs: config.gateway.retainEpochsSeconds * 1000,
    },
    ...(weights ? { onSettled: (settlement: Settlement) => weights.offer(settlement) } : {}),
    node: (): NodeDocument => ({
      endpoint: record.document.record,
      chainId: ledger.network.chainId,
      contracts: { ...ledger.contracts },
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

/** The node's own endpoint record; a gateway's is renewed before it expires. */
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
    if (!this.#document) {
      const hint = 'try again in a moment';
      throw new Refusal(503, 'starting', 'the gateway is starting', hint, { retryAfterSeconds: 1 });
    }
    return this.#document;
  }

  async make(url = this.parts.config.publicUrl ?? this.#url): Promise<EndpointDocument> {
    const { config, identity } = this.parts;
    const nowSeconds = Math.floor(Date.now() / 1000);
    return makeEndpoint({
      network: this.ledger.network,
      identity,
      roles: config.roles as readonly RoleName[],
      url,
      capability: this.capability,
      sequence: await nextSequence(config.dataDirectory, nowSeconds),
      nowSeconds,
    });
  }

  async renew(url = this.#url): Promise<void> {
    this.#url = url;
    this.#document = await this.make(url);
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
