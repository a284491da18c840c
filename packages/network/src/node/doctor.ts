/** What is wrong with a node and what to do about it, as data. Each check stands on a probe that is handed in. */
import { type Address, formatEther } from 'viem';
import { ENDPOINT_RULES } from '../chain/index.js';
import type { EndpointRules, NodeDocument } from '../messages/index.js';
import type { NodeConfig, Role } from './config-keys.js';
import { checkEndpoint } from './endpoint-record.js';
import type { NetworkFile } from './network-file.js';
import { hideCredentials } from './redact.js';

export type CheckStatus = 'ok' | 'warn' | 'fail';

export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  /** One line: what was found. */
  readonly detail: string;
  /** One line: what to do; '' where nothing is to be done. */
  readonly hint: string;
}

/** How the doctor sees the machine and the network. A check whose probe is missing is left out. */
export interface DoctorProbes {
  nodeVersion?(): string;
  /** Tries to write; makes the folder where it is missing. */
  directory?(path: string): Promise<{ readonly freeBytes: number }>;
  /** Opens the keystore. */
  keystore?(): Promise<Address>;
  clockMs?(): number;
  network?(): Promise<NetworkFile>;
  chain?(): Promise<{ readonly chainId: number; readonly blockSeconds: number }>;
  /** Whether there is a contract. */
  hasCode?(address: Address): Promise<boolean>;
  gateway?(url: string): Promise<NodeDocument>;
  database?(): Promise<void>;
  /** Writes, reads and removes a blob. */
  blobs?(): Promise<void>;
  stake?(
    role: Exclude<Role, 'gateway'>,
    operator: Address,
  ): Promise<{ readonly active: bigint; readonly least: bigint }>;
  /** The network's parameters; those that it started with where no chain is asked. */
  endpointRules?(): Promise<EndpointRules>;
  /** Native tokens of the chain, in their smallest unit. */
  gas?(operator: Address): Promise<bigint>;
  portIsFree?(host: string, port: number): Promise<boolean>;
  /** Whether a node runs on the data folder now. */
  nodeRuns?(): boolean;
  memoryBytes?(): number;
}

export type DoctorConfig = Pick<
  NodeConfig,
  'dataDirectory' | 'roles' | 'gateways' | 'listen' | 'metricsPort' | 'prover' | 'validator'
>;

export interface DoctorOptions {
  /** Bound on one probe, 5,000 by default. */
  readonly timeoutMs?: number;
}

const LEAST_NODE = 20;
const GIB = 2 ** 30;
const [WARN_SKEW_MS, FAIL_SKEW_MS] = [10_000, 60_000];
/** A chain that mines only when there are transactions has old blocks: only a block of the future says much. */
const OLD_BLOCK_SECONDS = 3600;

type Finding = Omit<Check, 'name'>;
const ok = (detail: string): Finding => ({ status: 'ok', detail, hint: '' });
const warn = (detail: string, hint: string): Finding => ({ status: 'warn', detail, hint });
const fail = (detail: string, hint: string): Finding => ({ status: 'fail', detail, hint });

/** Every check, in the order in which one would mend things. Never throws: a probe that fails is a finding. */
export async function diagnose(
  config: DoctorConfig,
  probes: DoctorProbes,
  options: DoctorOptions = {},
): Promise<Check[]> {
  const { timeoutMs = 5000 } = options;
  const checks: Check[] = [];
  /** @param hint what to do where the probe itself fails */
  const check = async <T>(
    name: string,
    probe: (() => T | Promise<T>) | undefined | false,
    hint: string,
    judge: (found: T) => Finding | Promise<Finding>,
    boundMs = timeoutMs,
  ): Promise<T | undefined> => {
    if (!probe) return undefined;
    try {
      const found = await within(boundMs, async () => probe());
      checks.push({ name, ...(await judge(found)) });
      return found;
    } catch (error) {
      const own = (error as { hint?: unknown }).hint;
      const detail = hideCredentials(error instanceof Error ? error.message.split('\n')[0] : String(error));
      checks.push({ name, ...fail(detail, typeof own === 'string' && own !== '' ? own : hint) });
      return undefined;
    }
  };
  const { directory, stake, hasCode, portIsFree, gas } = probes;
  const has = (role: Role): boolean => config.roles.includes(role);

  await check('node version', probes.nodeVersion, 'install Node 20 or later', judgeVersion);
  await check(
    'data folder',
    directory && (() => directory(config.dataDirectory)),
    'give the user of the node the right to write there, or another folder as dataDirectory',
    ({ freeBytes }) => judgeSpace(config, freeBytes),
  );
  const operator = await check(
    'keystore',
    probes.keystore,
    'make one with `dsperse node --init`',
    (a) => ok(`opens: ${a}`),
    // Slow on purpose, the more so on a busy machine.
    timeoutMs * 10,
  );
  const network = await check('network file', probes.network, 'copy network.json into the data folder', (n) =>
    ok(`chain ${n.chainId}, ${Object.keys(n.contracts).length} contracts`),
  );
  const nowMs = probes.clockMs;
  const chain = await check('chain', probes.chain, 'check rpcUrl and that its server runs', ({ chainId }) =>
    network && network.chainId !== chainId
      ? fail(`it is chain ${chainId}, the network is on ${network.chainId}`, 'give the rpcUrl of the right chain')
      : ok(`answers, chain ${chainId}`),
  );
  if (chain && nowMs) {
    await check('clock against the chain', nowMs, '', (now) => judgeBlockTime(chain.blockSeconds - now / 1000));
  }
  if (chain && network && hasCode) {
    await check(
      'contracts',
      () => missingContracts(network, hasCode),
      'check rpcUrl and that its server runs',
      (missing) =>
        missing.length === 0
          ? ok('all are deployed')
          : fail(
              `not deployed: ${missing.join(', ')}`,
              'copy network.json again: it is of another chain, or of one that was reset',
            ),
    );
  }
  await check('database', has('gateway') && probes.database, 'check databaseUrl and that its server runs', () =>
    ok('answers'),
  );
  await check('blob store', has('gateway') && probes.blobs, 'check blobUrl and its keys', () =>
    ok('a blob was written, read and removed'),
  );
  for (const url of config.gateways) {
    const gateway = probes.gateway;
    const name = `gateway ${hideCredentials(url)}`;
    await check(
      name,
      gateway && (() => gateway(url)),
      'check the URL under gateways, and that it runs',
      async (document) =>
        judgeGateway(
          document,
          network,
          nowMs?.() ?? document.clockMs,
          (await probes.endpointRules?.()) ?? ENDPOINT_RULES,
        ),
    );
  }
  if ((has('prover') || has('validator')) && config.gateways.length === 0 && !has('gateway')) {
    checks.push({ name: 'gateways', ...fail('none is set: no work will come', 'set gateways to the URL of one') });
  }
  for (const role of ['prover', 'validator'] as const) {
    if (!has(role) || !operator || !stake) continue;
    await check(
      `stake as ${role}`,
      () => stake(role, operator),
      'check rpcUrl',
      ({ active, least }) =>
        active >= least && active > 0n
          ? ok(`${formatEther(active)} tokens, at least ${formatEther(least)} are needed`)
          : fail(
              `${formatEther(active)} tokens, at least ${formatEther(least)} are needed`,
              `\`dsperse stake register\` and \`dsperse stake add\` --role ${role} --operator ${operator}, with the owner's key`,
            ),
    );
  }
  if (operator && chain && gas) {
    await check(
      'gas',
      () => gas(operator),
      'check rpcUrl',
      (units) => judgeGas(config, operator, units),
    );
  }
  const nodeRuns = probes.nodeRuns?.() ?? false;
  for (const [name, port] of [
    ['listen.port', has('gateway') ? config.listen.port : 0],
    ['metricsPort', config.metricsPort ?? 0],
  ] as const) {
    if (port === 0 || !portIsFree) continue;
    await check(
      `port ${port}`,
      () => portIsFree(config.listen.host, port),
      `set ${name} to another`,
      (free) =>
        free
          ? ok('is free')
          : nodeRuns
            ? ok('is taken; a node runs on this data folder')
            : fail('is taken', `stop what has it, or set ${name} to another`),
    );
  }
  await check('memory', probes.memoryBytes, '', (bytes) => judgeMemory(config, bytes));
  return checks;
}

/** 1 where any check failed. */
export const doctorExitCode = (checks: readonly Check[]): 0 | 1 => (checks.some((c) => c.status === 'fail') ? 1 : 0);

function judgeVersion(version: string): Finding {
  const major = Number(version.replace(/^v/, '').split('.')[0]);
  return major >= LEAST_NODE ? ok(version) : fail(version, `install Node ${LEAST_NODE} or later`);
}

function judgeSpace(config: DoctorConfig, freeBytes: number): Finding {
  const caches =
    (config.roles.includes('prover') ? config.prover.cacheBytes : 0) +
    (config.roles.includes('validator') ? config.validator.cacheBytes : 0);
  const free = `${gib(freeBytes)} free`;
  if (freeBytes < GIB / 4) return fail(`writable, but only ${free}`, 'free some space, or move the data folder');
  if (freeBytes < caches) return warn(`${free}, the caches may take ${gib(caches)}`, 'lower cacheBytes, or free space');
  return ok(`writable, ${free}`);
}

function judgeMemory(config: DoctorConfig, bytes: number): Finding {
  const proving = config.roles.includes('prover') ? config.prover.maxMemoryBytes * config.prover.capacity : 0;
  const found = `${gib(bytes)} in this machine${proving > 0 ? `, proving may take ${gib(proving)}` : ''}`;
  const hint = 'lower prover.maxMemoryBytes or prover.capacity';
  if (proving > bytes) return fail(found, hint);
  return proving > 0.8 * bytes ? warn(found, hint) : ok(found);
}

/** What a few transactions cost where gas is dear. */
const LITTLE_GAS = 10n ** 16n;

/** A gateway reserves orders and posts epochs; provers and validators claim what they earned. */
function judgeGas(config: DoctorConfig, operator: Address, units: bigint): Finding {
  const found = `${formatEther(units)} of the chain's own tokens on the operator's account`;
  if (units >= LITTLE_GAS) return ok(found);
  const hint = `send some of the chain's own tokens to ${operator}`;
  return units === 0n && config.roles.includes('gateway') ? fail(found, hint) : warn(found, hint);
}

const SYNC = 'synchronise the clock of this machine (NTP)';

function judgeBlockTime(aheadSeconds: number): Finding {
  if (aheadSeconds * 1000 > FAIL_SKEW_MS) {
    return fail(`the latest block is ${Math.round(aheadSeconds)} s ahead of this machine's clock`, SYNC);
  }
  if (-aheadSeconds > OLD_BLOCK_SECONDS) {
    return warn(`the latest block is ${Math.round(-aheadSeconds / 60)} min old`, `the chain may stand still; ${SYNC}`);
  }
  return ok(`the latest block is ${Math.max(0, Math.round(-aheadSeconds))} s old`);
}

async function judgeGateway(
  document: NodeDocument,
  network: NetworkFile | undefined,
  nowMs: number,
  rules: EndpointRules,
): Promise<Finding> {
  const skewMs = document.clockMs - nowMs;
  const skew = `its clock is ${Math.abs(skewMs / 1000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead'}`;
  if (network && document.chainId !== network.chainId) {
    return fail(
      `it is of chain ${document.chainId}, this node of ${network.chainId}`,
      'take a gateway of this network',
    );
  }
  const contract = (name: string): Address | undefined =>
    Object.entries(network?.contracts ?? document.contracts).find(([n]) => n.toLowerCase() === name)?.[1];
  const [market, settlement] = [contract('market'), contract('settlement')];
  if (market && settlement) {
    const context = {
      network: { chainId: document.chainId, market, settlement },
      nowSeconds: Math.floor(nowMs / 1000),
      rules,
    };
    const fault = await checkEndpoint(context, { record: document.endpoint });
    if (fault)
      return fail(`its endpoint record does not count: ${fault}; ${skew}`, 'tell its operator, or take another');
  }
  if (Math.abs(skewMs) > FAIL_SKEW_MS) return fail(skew, SYNC);
  return Math.abs(skewMs) > WARN_SKEW_MS ? warn(skew, SYNC) : ok(`answers, ${skew}`);
}

async function missingContracts(network: NetworkFile, hasCode: (a: Address) => Promise<boolean>): Promise<string[]> {
  const contracts = Object.entries(network.contracts);
  const there = await Promise.all(contracts.map(([, address]) => hasCode(address)));
  return contracts.filter((_, i) => !there[i]).map(([name]) => name);
}

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

async function within<T>(boundMs: number, task: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${boundMs / 1000} s`)), boundMs);
  });
  try {
    return await Promise.race([task(), late]);
  } finally {
    clearTimeout(timer);
  }
}
