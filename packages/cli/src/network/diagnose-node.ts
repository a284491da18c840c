/** `dsperse doctor`: the node's checks, with probes of its chain and of its stores. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkAddresses } from '@dsperse/contracts';
import { connectLedger, endpointRules } from '@dsperse/network/chain';
import {
  type Check,
  type DoctorProbes,
  diagnose,
  doctorExitCode,
  keystorePath,
  loadConfig,
  machineProbes,
  type NodeConfig,
  networkOf,
  readPassword,
} from '@dsperse/network/node';
import { openBlobs, openSql } from '@dsperse/network/store';
import pc from 'picocolors';
import type { Outcome } from '../commands/command.js';
import { EXIT } from '../terminal/describe-error.js';
import { renderTable } from '../terminal/table.js';

const MARKS: Readonly<Record<Check['status'], string>> = {
  ok: pc.green('ok'),
  warn: pc.yellow('warn'),
  fail: pc.red('FAIL'),
};

export async function diagnoseNode(file: string | undefined, roles: string | undefined): Promise<Outcome> {
  const config = loadConfig({
    ...(file === undefined ? {} : { file }),
    ...(roles === undefined ? {} : { flags: { roles } }),
  });
  const password = await passwordOf(config);
  const checks = await diagnose(config, {
    ...machineProbes(config, password),
    ...storeProbes(config),
    ...ledgerProbes(config),
  });
  const failed = checks.filter((c) => c.status === 'fail').length;
  const table = renderTable(
    [{ title: '' }, { title: 'check', most: 40 }, { title: 'found' }],
    checks.flatMap((c) => [
      [MARKS[c.status], c.name, c.detail],
      ...(c.hint === '' ? [] : [['', '', pc.dim(`→ ${c.hint}`)]]),
    ]),
  );
  return {
    document: { ok: failed === 0, checks },
    text: `${table}\n\n${failed === 0 ? pc.green('nothing is wrong') : pc.red(`${failed} of ${checks.length} checks failed`)}`,
    exitCode: doctorExitCode(checks) === 0 ? EXIT.done : EXIT.rejected,
  };
}

/** Asked for before the checks, as their time runs; that there is none is then a finding of the keystore's check. */
async function passwordOf({ passwordFile, ...config }: NodeConfig): Promise<() => Promise<string>> {
  if (!existsSync(keystorePath({ passwordFile, ...config }))) return async () => '';
  const read = readPassword(passwordFile === undefined ? {} : { passwordFile });
  await read.catch(() => undefined);
  return () => read;
}

/** Only of servers: an embedded store belongs to the node that runs. */
function storeProbes({ databaseUrl, blobUrl, dataDirectory }: NodeConfig): DoctorProbes {
  return {
    ...(databaseUrl === undefined
      ? {}
      : {
          database: async () => {
            const sql = await openSql({ url: databaseUrl, directory: dataDirectory });
            try {
              await sql.query('select 1');
            } finally {
              await sql.close();
            }
          },
        }),
    ...(blobUrl === undefined
      ? {}
      : {
          blobs: async () => {
            const blobs = await openBlobs({ url: blobUrl, directory: join(dataDirectory, 'blobs') });
            const bytes = new TextEncoder().encode(`dsperse doctor ${Date.now()}`);
            const digest = await blobs.put(bytes);
            const found = await blobs.get(digest, { maxBytes: bytes.length });
            await blobs.delete(digest);
            if (!found || Buffer.compare(found, bytes) !== 0) throw new Error('the blob store gives other bytes back');
          },
        }),
  };
}

function ledgerProbes(config: NodeConfig): DoctorProbes {
  const { rpcUrl } = config;
  if (rpcUrl === undefined) return {};
  const connect = () =>
    connectLedger({ rpcUrl, contracts: networkOf(config).contracts as unknown as NetworkAddresses });
  return {
    endpointRules: async () => endpointRules(await connect()),
    stake: async (role, operator) => {
      const ledger = await connect();
      const name = role === 'prover' ? 'proverStakeMin' : 'validatorStakeMin';
      const [{ active }, least] = await Promise.all([
        ledger.stakeOf(role === 'prover' ? 1 : 2, operator),
        ledger.parameters([name]),
      ]);
      return { active, least: least[name] };
    },
  };
}
