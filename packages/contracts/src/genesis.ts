/** What a network begins with. */
import { type Address, type Hex, isAddress } from 'viem';
import { DeploymentError } from './deployment-error.js';
import { PARAMETERS, type ParameterName, type ParameterOverride } from './parameters.js';

export interface Genesis {
  /** Where given, the chain must have this id. */
  readonly chainId?: number;
  /** Token units that can ever exist. */
  readonly supplyCap: bigint;
  readonly allocations: readonly { readonly account: Address; readonly amount: bigint }[];
  /** Values that differ from the defaults of `PARAMETERS`. */
  readonly parameters?: Readonly<Partial<Record<ParameterName, ParameterOverride>>>;
  /** Who may pause for a bounded time; nobody where not given. */
  readonly guardian?: Address;
  /** Digests of the verifiers of protocol versions 1, 2, … */
  readonly verifierDigests: readonly Hex[];
}

export interface DeployedParameter {
  readonly name: ParameterName;
  readonly value: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly maxStepBps: bigint;
}

/** All parameters with the values and bounds of this genesis. */
export function parameterDefinitions(genesis: Pick<Genesis, 'parameters'>): DeployedParameter[] {
  return PARAMETERS.map((definition) => {
    const given = genesis.parameters?.[definition.name];
    const override = typeof given === 'bigint' ? { value: given } : given;
    return {
      name: definition.name,
      value: override?.value ?? definition.default,
      min: override?.min ?? definition.min,
      max: override?.max ?? definition.max,
      maxStepBps: override?.maxStepBps ?? definition.maxStepBps,
    };
  });
}

function fail(message: string, hint: string): never {
  throw new DeploymentError('bad-genesis', message, hint);
}

/** Throws DeploymentError `bad-genesis` on what the contracts would refuse. */
export function validateGenesis(genesis: Genesis): void {
  const known = new Set<string>(PARAMETERS.map(({ name }) => name));
  for (const name of Object.keys(genesis.parameters ?? {})) {
    if (!known.has(name)) fail(`there is no parameter ${name}`, 'see PARAMETERS');
  }
  for (const { name, value, min, max, maxStepBps } of parameterDefinitions(genesis)) {
    if (value < min || value > max)
      fail(`${name} = ${value} is not within ${min} and ${max}`, 'give another value or bounds');
    if (maxStepBps < 1n) fail(`${name} has no step`, 'give a maxStepBps of at least 1');
  }
  let sum = 0n;
  for (const { account, amount } of genesis.allocations) {
    if (!isAddress(account)) fail(`${account} is no address`, 'correct the allocation');
    if (amount < 0n) fail(`${account} is given ${amount}`, 'give no negative amounts');
    sum += amount;
  }
  if (sum > genesis.supplyCap)
    fail(`allocations of ${sum} are more than the cap of ${genesis.supplyCap}`, 'raise the cap or give less');
  if (genesis.verifierDigests.length === 0) fail('no verifier version is given', 'give the digest of version 1');
}
