import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zeroHash } from 'viem';
import { afterAll, describe, expect, it } from 'vitest';
import { createKeystore, loadConfig } from '../node/index.js';
import { emptyState } from '../scoring/index.js';
import { weightExport } from './weight-export.js';

const directory = mkdtempSync(join(tmpdir(), 'dsperse-export-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const quiet = { info() {}, warn() {} };
const operator = `0x${'ab'.repeat(20)}` as const;
const configOf = (values: Record<string, unknown>) => {
  const path = join(directory, 'config.json');
  writeFileSync(path, JSON.stringify({ dataDirectory: directory, ...values }));
  return loadConfig({ file: path, environment: {}, directory });
};

describe('the export of weights from the settings of a node', () => {
  it('is off where nothing is said', async () => {
    expect(await weightExport(configOf({}), quiet)).toBeUndefined();
  });

  it('says which setting is missing', async () => {
    const missing = (bittensor: object, name: string) =>
      expect(weightExport(configOf({ bittensor }), quiet)).rejects.toMatchObject({
        code: 'missing-setting',
        message: `${name} is missing`,
      });
    await missing({ target: 'file' }, 'bittensor.netuid');
    await missing({ target: 'file', netuid: 2 }, 'bittensor.uidFile');
    await missing({ target: 'precompile', netuid: 2, uidFile: 'u.json' }, 'bittensor.rpcUrl');
  });

  it('writes what a settled epoch paid for', async () => {
    writeFileSync(join(directory, 'uids.json'), JSON.stringify({ [operator]: 7 }));
    const config = configOf({ bittensor: { target: 'file', netuid: 2, uidFile: 'uids.json' } });
    const exporter = await weightExport(config, quiet);
    const totals = { spent: 0n, provers: 0n, validators: 0n, burned: 0n, treasury: 0n, minted: 0n, penalties: 0n };
    const paid = [{ chunk: 0, attempt: 0, prover: operator, workUnits: 5, price: 1n }];
    const orders = [{ id: zeroHash, spent: 1n, delivered: true, paid }];
    const empty = { leaves: [], credits: [], penalties: [] };
    exporter?.offer({ epoch: 4, root: zeroHash, orders, totals, state: emptyState(), ...empty });
    await exporter?.idle();
    const written = JSON.parse(readFileSync(join(directory, 'bittensor-weights.json'), 'utf8'));
    expect(written).toMatchObject({ netuid: 2, epoch: 4, uids: [7], weights: [65_535] });
  });

  it('opens a keystore of its own', async () => {
    const keystore = join(directory, 'hotkey.json');
    await createKeystore(keystore, 'a long password', { strength: 'light' });
    writeFileSync(join(directory, 'password'), 'a long password\n');
    const bittensor = { target: 'precompile', netuid: 2, uidFile: 'uids.json', rpcUrl: 'http://127.0.0.1:9' };
    const opened = { ...bittensor, keystore: 'hotkey.json', passwordFile: 'password' };
    expect(await weightExport(configOf({ bittensor: opened }), quiet)).toBeDefined();
    writeFileSync(join(directory, 'password'), 'another password\n');
    await expect(weightExport(configOf({ bittensor: opened }), quiet)).rejects.toMatchObject({
      code: 'wrong-password',
    });
  });
});
