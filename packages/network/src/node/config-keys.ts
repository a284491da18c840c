/** Every setting of a node, once: the config file, the environment, the flags, `--help` and the docs come from here. */
import { isAddress } from 'viem';
import { z } from 'zod';

/** How a setting is written in the environment and in flags; in the file it is JSON. */
export type ConfigKind = 'text' | 'number' | 'amount' | 'list' | 'map';

export interface ConfigKey<S extends z.ZodType = z.ZodType> {
  readonly kind: ConfigKind;
  /** One line: what it is, with its unit. */
  readonly meaning: string;
  readonly environment: string;
  readonly schema: S;
  /** As it would be in the file; undefined where the setting may be missing. */
  readonly fallback: unknown;
  /** `url`: credentials and path are not shown. `environment-only`: never shown, refused in the file and as a flag. */
  readonly secret?: 'url' | 'environment-only';
}

export type Role = 'prover' | 'validator' | 'gateway';

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const rate = z.number().positive();
const port = z.number().int().min(0).max(65_535);
const text = z.string().min(1);
const url = (protocols: RegExp) => z.url({ protocol: protocols });
const http = url(/^https?$/);
const MIB = 2 ** 20;
const GIB = 2 ** 30;

function key<S extends z.ZodType>(
  kind: ConfigKind,
  environment: string,
  schema: S,
  fallback: unknown,
  meaning: string,
  secret?: ConfigKey['secret'],
): ConfigKey<S> {
  return { kind, environment, schema, fallback, meaning, secret };
}

export const CONFIG_KEYS = {
  dataDirectory: key('text', 'DSPERSE_DATA', text, './dsperse-data', 'folder of keys, state and caches'),
  roles: key(
    'list',
    'DSPERSE_ROLES',
    z.array(z.enum(['prover', 'validator', 'gateway'])).transform((roles) => [...new Set<Role>(roles)]),
    [],
    'what the node does: prover, validator, gateway',
  ),
  rpcUrl: key(
    'text',
    'RPC_URL',
    http.optional(),
    undefined,
    "the chain's JSON-RPC; `dsperse up` starts a local chain where there is none",
    'url',
  ),
  databaseUrl: key(
    'text',
    'DATABASE_URL',
    url(/^postgres(ql)?$/).optional(),
    undefined,
    'PostgreSQL of a gateway; without it PGlite in the data folder',
    'url',
  ),
  blobUrl: key(
    'text',
    'BLOB_URL',
    z.string().min(1).optional(),
    undefined,
    'S3-compatible store of a gateway; without it files in the data folder',
    'url',
  ),
  blobAccessKeyId: key(
    'text',
    'AWS_ACCESS_KEY_ID',
    text.optional(),
    undefined,
    'name of the key to the blob store',
    'environment-only',
  ),
  blobSecretAccessKey: key(
    'text',
    'AWS_SECRET_ACCESS_KEY',
    text.optional(),
    undefined,
    'the key to the blob store',
    'environment-only',
  ),
  gateways: key(
    'list',
    'DSPERSE_GATEWAYS',
    z.array(http),
    [],
    'URLs of the gateways that a prover or validator works for',
  ),
  publicUrl: key('text', 'DSPERSE_PUBLIC_URL', http.optional(), undefined, 'where others reach this node'),
  keystore: key(
    'text',
    'DSPERSE_KEYSTORE',
    text.optional(),
    undefined,
    'keystore file; keystore.json in the data folder otherwise',
  ),
  passwordFile: key(
    'text',
    'DSPERSE_PASSWORD_FILE',
    text.optional(),
    undefined,
    "file whose first line is the keystore's password",
  ),
  networkFile: key(
    'text',
    'DSPERSE_NETWORK_FILE',
    text.optional(),
    undefined,
    'file with chain id and contracts; network.json in the data folder otherwise',
  ),
  contracts: key(
    'map',
    'DSPERSE_CONTRACTS',
    z.record(
      z.string(),
      z.string().refine((a) => isAddress(a), 'is no address'),
    ),
    {},
    "the contracts' addresses by name, over those of the network file: name=0x…,…",
  ),
  metricsPort: key(
    'number',
    'DSPERSE_METRICS_PORT',
    port.optional(),
    undefined,
    'port of /metrics, /health and /ready on their own',
  ),
  'listen.host': key('text', 'DSPERSE_LISTEN_HOST', text, '127.0.0.1', 'address that the HTTP server listens on'),
  'listen.port': key('number', 'DSPERSE_LISTEN_PORT', port, 4360, 'its port; 0 takes a free one'),
  'log.level': key(
    'text',
    'DSPERSE_LOG_LEVEL',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'info',
    'trace, debug, info, warn, error, fatal or silent',
  ),
  'log.format': key(
    'text',
    'DSPERSE_LOG_FORMAT',
    z.enum(['auto', 'json', 'pretty']),
    'auto',
    'json, pretty, or auto: pretty on a terminal',
  ),
  'log.file': key(
    'text',
    'DSPERSE_LOG_FILE',
    text.optional(),
    undefined,
    'file that logs are added to, in place of standard error',
  ),
  'prover.ask': key(
    'amount',
    'DSPERSE_PROVER_ASK',
    z.bigint().nonnegative(),
    '1000000000000000',
    'lowest price, in token units per million work units',
  ),
  'prover.capacity': key('number', 'DSPERSE_PROVER_CAPACITY', positive, 1, 'chunks held at once'),
  'prover.workers': key(
    'number',
    'DSPERSE_PROVER_WORKERS',
    positive.optional(),
    undefined,
    'threads of the prover; one for each core otherwise',
  ),
  'prover.maxMemoryBytes': key(
    'number',
    'DSPERSE_PROVER_MAX_MEMORY_BYTES',
    positive,
    2 * GIB,
    'memory that proving may take, in bytes',
  ),
  'prover.cacheBytes': key(
    'number',
    'DSPERSE_PROVER_CACHE_BYTES',
    count,
    4 * GIB,
    'slice packages kept on the disk, in bytes; as much again for commitments to their weights',
  ),
  'prover.allowPrograms': key(
    'list',
    'DSPERSE_PROVER_ALLOW_PROGRAMS',
    z.array(text),
    [],
    'fingerprints that are proven; all where empty',
  ),
  'prover.denyPrograms': key(
    'list',
    'DSPERSE_PROVER_DENY_PROGRAMS',
    z.array(text),
    [],
    'fingerprints that are not proven',
  ),
  'validator.workers': key('number', 'DSPERSE_VALIDATOR_WORKERS', positive, 1, 'proofs verified at once'),
  'validator.cacheBytes': key(
    'number',
    'DSPERSE_VALIDATOR_CACHE_BYTES',
    count,
    GIB,
    'verifier keys and proofs kept on the disk, in bytes',
  ),
  'validator.pollSeconds': key(
    'number',
    'DSPERSE_VALIDATOR_POLL_SECONDS',
    rate,
    5,
    'how often duties are asked for besides events, in seconds',
  ),
  'gateway.chunkWorkUnits': key(
    'number',
    'DSPERSE_GATEWAY_CHUNK_WORK_UNITS',
    positive,
    500_000_000,
    'work units aimed at in one chunk',
  ),
  'gateway.proverMemoryBytes': key(
    'number',
    'DSPERSE_GATEWAY_PROVER_MEMORY_BYTES',
    positive,
    2 * GIB,
    'memory of a prover that chunks of several slices are cut for, in bytes',
  ),
  'gateway.offerSeconds': key(
    'number',
    'DSPERSE_GATEWAY_OFFER_SECONDS',
    rate,
    5,
    'how long a prover may consider an offer, in seconds',
  ),
  'gateway.keyRequestsPerSecond': key(
    'number',
    'DSPERSE_GATEWAY_KEY_REQUESTS_PER_SECOND',
    rate,
    50,
    'requests of one account in a second',
  ),
  'gateway.keyBurst': key('number', 'DSPERSE_GATEWAY_KEY_BURST', positive, 200, 'requests of one account at once'),
  'gateway.addressRequestsPerSecond': key(
    'number',
    'DSPERSE_GATEWAY_ADDRESS_REQUESTS_PER_SECOND',
    rate,
    200,
    'requests of one network address in a second',
  ),
  'gateway.addressBurst': key(
    'number',
    'DSPERSE_GATEWAY_ADDRESS_BURST',
    positive,
    1000,
    'requests of one network address at once',
  ),
  'gateway.trustedProxies': key(
    'number',
    'DSPERSE_GATEWAY_TRUSTED_PROXIES',
    count,
    0,
    'proxies in front, whose X-Forwarded-For is believed; 0 believes none',
  ),
  'gateway.maxBodyBytes': key(
    'number',
    'DSPERSE_GATEWAY_MAX_BODY_BYTES',
    positive,
    64 * MIB,
    'largest order with its input or activations, in bytes',
  ),
  'gateway.maxBlobBytes': key('number', 'DSPERSE_GATEWAY_MAX_BLOB_BYTES', positive, GIB, 'largest blob, in bytes'),
  'gateway.maxOrders': key('number', 'DSPERSE_GATEWAY_MAX_ORDERS', positive, 1000, 'orders that run or wait at once'),
  'gateway.minFreeBytes': key(
    'number',
    'DSPERSE_GATEWAY_MIN_FREE_BYTES',
    count,
    256 * MIB,
    'free bytes of the disk below which nothing new is taken',
  ),
  'gateway.retainSeconds': key(
    'number',
    'DSPERSE_GATEWAY_RETAIN_SECONDS',
    positive,
    86_400,
    'how long settled orders, their proofs and events are kept, in seconds',
  ),
  'gateway.retainEpochsSeconds': key(
    'number',
    'DSPERSE_GATEWAY_RETAIN_EPOCHS_SECONDS',
    positive,
    5_184_000,
    'how long traces of settled epochs are kept, in seconds: longer than stake thaws',
  ),
  'bittensor.target': key(
    'text',
    'DSPERSE_BITTENSOR_TARGET',
    z.enum(['off', 'file', 'precompile']),
    'off',
    "where a gateway hands the work of a settled epoch as a subnet's weights: off, file, precompile",
  ),
  'bittensor.netuid': key(
    'number',
    'DSPERSE_BITTENSOR_NETUID',
    z.number().int().min(0).max(65_535).optional(),
    undefined,
    'number of the subnet',
  ),
  'bittensor.uidFile': key(
    'text',
    'DSPERSE_BITTENSOR_UID_FILE',
    text.optional(),
    undefined,
    'JSON file that says which operator is which neuron: {"0x…": 12}; read for every epoch',
  ),
  'bittensor.file': key(
    'text',
    'DSPERSE_BITTENSOR_FILE',
    text.optional(),
    undefined,
    'file that the weights are written to; bittensor-weights.json in the data folder otherwise',
  ),
  'bittensor.rpcUrl': key(
    'text',
    'DSPERSE_BITTENSOR_RPC_URL',
    http.optional(),
    undefined,
    "JSON-RPC of subtensor's EVM",
    'url',
  ),
  'bittensor.keystore': key(
    'text',
    'DSPERSE_BITTENSOR_KEYSTORE',
    text.optional(),
    undefined,
    'keystore of the account whose hotkey sets the weights',
  ),
  'bittensor.passwordFile': key(
    'text',
    'DSPERSE_BITTENSOR_PASSWORD_FILE',
    text.optional(),
    undefined,
    'file with the password of that keystore; the password of the node otherwise',
  ),
  'bittensor.versionKey': key('number', 'DSPERSE_BITTENSOR_VERSION_KEY', count, 0, "the subnet's version of weights"),
  'bittensor.timeoutSeconds': key(
    'number',
    'DSPERSE_BITTENSOR_TIMEOUT_SECONDS',
    positive,
    120,
    'longest export of one epoch, in seconds',
  ),
} as const satisfies Readonly<Record<string, ConfigKey>>;

export type ConfigName = keyof typeof CONFIG_KEYS;
type Values = { [K in ConfigName]: z.output<(typeof CONFIG_KEYS)[K]['schema']> };
type Group<G extends string> = {
  readonly [K in ConfigName as K extends `${G}.${infer Rest}` ? Rest : never]: Values[K];
};

/** `'prover.ask'` of the table is `config.prover.ask`. */
export type NodeConfig = {
  readonly [K in ConfigName as K extends `${infer G}.${string}` ? G : K]: K extends `${infer G}.${string}`
    ? Group<G>
    : Values[K];
};

/** `--prover-max-memory-bytes` for `prover.maxMemoryBytes`. */
export const flagOf = (name: string): string =>
  name.replaceAll('.', '-').replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
