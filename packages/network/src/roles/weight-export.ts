/** The export of settled epochs to a Bittensor subnet, from a node's settings. Nothing in the network waits for it. */
import { join } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { type ExportLog, WeightExporter, type WeightTarget } from '../bittensor/index.js';
import { type NodeConfig, openKeystore, readPassword } from '../node/index.js';

export type ExportSettings = Pick<NodeConfig, 'bittensor' | 'dataDirectory' | 'passwordFile'>;

/** Undefined where it is off. @throws InputError where a setting is missing or the keystore does not open */
export async function weightExport(config: ExportSettings, log: ExportLog): Promise<WeightExporter | undefined> {
  const { target, netuid, uidFile, timeoutSeconds } = config.bittensor;
  if (target === 'off') return undefined;
  return new WeightExporter(
    {
      netuid: given('bittensor.netuid', netuid),
      uidFile: given('bittensor.uidFile', uidFile),
      target: target === 'file' ? fileTarget(config) : await precompileTarget(config),
      timeoutMs: timeoutSeconds * 1000,
    },
    log,
  );
}

function given<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value;
  const hint = 'give it, or set bittensor.target to off';
  throw new InputError('missing-setting', `${name} is missing`, hint);
}

const fileTarget = ({ bittensor, dataDirectory }: ExportSettings): WeightTarget => {
  return { kind: 'file', path: bittensor.file ?? join(dataDirectory, 'bittensor-weights.json') };
};

async function precompileTarget({ bittensor, passwordFile }: ExportSettings): Promise<WeightTarget> {
  const rpcUrl = given('bittensor.rpcUrl', bittensor.rpcUrl);
  const keystore = given('bittensor.keystore', bittensor.keystore);
  // A password file of its own goes before the node's password in the environment.
  const own = bittensor.passwordFile === undefined ? {} : { environment: {}, passwordFile: bittensor.passwordFile };
  const password = await readPassword({ ...(passwordFile === undefined ? {} : { passwordFile }), ...own });
  const { account } = await openKeystore(keystore, password);
  return { kind: 'precompile', rpcUrl, account, versionKey: BigInt(bittensor.versionKey) };
}
