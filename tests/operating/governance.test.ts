/** A vote as people take part in one: with the command, on a network in processes of its own. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { epochSettlementSchema } from '@dsperse/network/roles';
import { NodeClient } from '@dsperse/network/transport';
import { parseEther } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dsperse } from '../e2e/dsperse-process.js';
import { settled, startTestNetwork, type TestNetwork, until } from '../network/processes/test-network.js';

const SCRIPT = fileURLToPath(new URL('../../tools/change-parameter.mjs', import.meta.url));

let net: TestNetwork;
const command = (...words: string[]) => dsperse(...words, '--network', net.directory, '--json');
const keystore = (name: string) => ['--keystore', join(net.directory, 'keys', `${name}.json`)];
/** Of an error: a process that ends with 2, one JSON document, something to do. */
async function refused(...words: string[]): Promise<string> {
  const { code, json } = await command(...words);
  expect([words.join(' '), code, json.error.message.length > 0, json.error.hint.length > 0]).toEqual([
    words.join(' '),
    2,
    true,
    true,
  ]);
  return json.error.code;
}

beforeAll(async () => {
  net = await startTestNetwork({
    provers: 1,
    validators: 1,
    layers: 2,
    terms: { parameters: { votingPeriodSeconds: { value: 40n, min: 1n } } },
  });
}, 300_000);
afterAll(() => net?.remove(), 60_000);

/** What is burned of an epoch's fees tells which fee it was settled with. */
async function feeOfAnOrder(k: number): Promise<bigint> {
  const { epoch } = await settled(net, await net.order(k));
  const { settlement } = await new NodeClient({ baseUrl: net.gatewayUrl }).get(
    `/v1/epochs/${epoch}/leaves`,
    epochSettlementSchema,
    { maxResponseBytes: 1 << 20 },
  );
  const { feeBurnBps } = await net.ledger.parameters(['feeBurnBps']);
  const { burned, spent } = settlement.totals;
  // To the nearest: divisions are rounded down for each chunk.
  return (burned * 10n ** 8n + (spent * feeBurnBps) / 2n) / (spent * feeBurnBps);
}

describe('a network that rules itself', () => {
  it('changes a fee through the script, and the next epoch uses it', async () => {
    expect(await feeOfAnOrder(1)).toBe(1_000n);
    const words = [SCRIPT, 'feeBps=1100', '--network', net.directory];
    const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 240_000 });
    expect(JSON.parse(stdout)).toMatchObject({ parameter: 'feeBps', before: '1000', after: '1100' });
    expect(JSON.parse(stdout).states.slice(-3)).toEqual(['queued', 'executed', 'executed']);
    expect(await feeOfAnOrder(2)).toBe(1_100n);
  }, 400_000);

  it('says what to do about each mistake', async () => {
    const propose = (...words: string[]) => refused('gov', 'propose', ...words, '--description', 'x');
    expect(await propose('feBps=1')).toBe('unknown-parameter');
    expect(await propose('feeBps=99999')).toBe('out-of-bounds');
    expect(await propose('feeBps=2000')).toBe('too-large-step');
    expect(await propose('feeBps=1100')).toBe('no-change');
    expect(await propose('feeBps=1150', ...keystore('requester'))).toBe('refused');
    expect(await refused('gov', 'vote', '7', 'for')).toBe('unknown-proposal');
    expect(await refused('gov', 'vote', '7', 'for', ...keystore('nobody'))).toBe('not-found');
    expect(await refused('stake', 'add', '0.5', '--operator', 'prover-1')).toBe('refused');
    expect(await refused('stake', 'add', '5', '--operator', 'prover-1', ...keystore('requester'))).toBe('not-yours');
    expect(await refused('stake', 'undelegate', 'all', '--operator', 'prover-1', ...keystore('gateway'))).toBe(
      'nothing-staked',
    );
  }, 240_000);

  it('lets one who has staked vote against the operator’s owner', async () => {
    expect((await command('stake', 'delegate', '300', '--operator', 'validator-1')).code).toBe(0);
    const { json: proposed } = await command('gov', 'propose', 'feeBps=1150', '--description', 'more');
    const { id } = proposed;
    await until('the vote begins', 30_000, async () => {
      const { json } = await command('gov', 'status', id);
      return json.state === 'active';
    });
    expect(await refused('gov', 'queue', id)).toBe('wrong-stage');
    const override = ['gov', 'override', id, 'against', '--operator', 'validator-1'];
    const file = join(net.directory, 'ballot.json');
    const forged = join(net.directory, 'forged.json');
    const signed = await command(...override, '--sign', file);
    expect([signed.code, signed.json.ballot.vote]).toEqual([0, 'against']);
    expect(await refused(...override, '--sign', file)).toBe('unwritable');
    writeFileSync(forged, JSON.stringify({ ...signed.json.ballot, vote: 'for' }));
    const [owner, delegator] = await Promise.all([
      command('gov', 'vote', id, 'for', ...keystore('validator-1-owner')),
      // Sent by one who has no part in it.
      refused('gov', 'cast', forged, ...keystore('gateway')).then(async (code) => {
        expect(code).toBe('refused');
        return command('gov', 'cast', file, ...keystore('gateway'));
      }),
    ]);
    expect([owner.code, delegator.code]).toEqual([0, 0]);
    const { json } = await command('gov', 'status', id);
    // The validator staked 100,000; its owner's wallet is not delegated.
    expect([json.votes.for, json.votes.against]).toEqual([parseEther('100000'), parseEther('300')].map(String));
    expect(await refused(...override)).toBe('refused');
    expect(await refused('gov', 'cast', file, ...keystore('gateway'))).toBe('used-ballot');
    expect(await refused('gov', 'vote', id, 'for', ...keystore('requester'))).toBe('no-votes');
  }, 240_000);
});
