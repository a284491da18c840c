import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENDPOINT_RULES } from '../chain/index.js';
import { endpointSchema, signMessage, toJson } from '../messages/index.js';
import { checkEndpoint, isEndpointUrl, makeEndpoint, nextSequence, rolesIn } from './endpoint-record.js';
import { identityOf } from './identity.js';

const network = {
  chainId: 31_337,
  market: '0x5fbdb2315678afecb367f032d93f642f64180aa3',
  settlement: '0xe7f1725e7734ce288f8367e1bb143e90bb3f0512',
} as const;
const identity = identityOf(new Uint8Array(32).fill(7));
const capability = {
  protocolVersion: 1,
  workUnitsPerSecond: 1000,
  capacity: 1,
  ask: 5n,
  memoryBytes: 2 ** 30,
  cores: 2,
};
const NOW = 1_800_000_000;
const request = {
  network,
  identity,
  roles: ['prover', 'gateway'] as const,
  url: 'https://node.test/base',
  capability,
  sequence: 5,
  nowSeconds: NOW,
};
const at = { network, nowSeconds: NOW, rules: ENDPOINT_RULES };

describe('an endpoint record', () => {
  it('counts as it was made, and after a journey as JSON', async () => {
    const made = await makeEndpoint(request);
    const read = endpointSchema.parse(JSON.parse(JSON.stringify(toJson(made))));
    expect(read).toEqual(made);
    expect(await checkEndpoint(at, read)).toBeUndefined();
    expect(rolesIn(read.record.message.roles)).toEqual(['prover', 'gateway']);
    expect(await checkEndpoint(at, await makeEndpoint({ ...request, url: '' }))).toBeUndefined();
  });

  it('does not count where anything in it was changed', async () => {
    const made = await makeEndpoint(request);
    const { message, signature } = made.record;
    const changes = [
      { roles: 7 },
      { url: 'https://other.test/' },
      { sequence: 6 },
      { expiresAt: message.expiresAt + 1 },
      { encryptionKey: message.capability },
      { operator: network.market },
    ];
    for (const change of changes) {
      const record = { message: { ...message, ...change }, signature };
      expect(await checkEndpoint(at, { ...made, record })).toBe('bad-signature');
    }
    const dear = { ...made, capability: { ...capability, ask: 6n } };
    expect(await checkEndpoint(at, dear)).toBe('bad-capability');
    expect(await checkEndpoint({ ...at, network: { ...network, chainId: 1 } }, made)).toBe('bad-signature');
  });

  it('counts in its time only', async () => {
    const made = await makeEndpoint(request);
    expect(await checkEndpoint({ ...at, nowSeconds: NOW + 3599 }, made)).toBeUndefined();
    expect(await checkEndpoint({ ...at, nowSeconds: NOW + 3600 }, made)).toBe('expired');
    expect(await checkEndpoint({ ...at, nowSeconds: NOW - 3600 }, made)).toBe('not-yet');
    const skew = ENDPOINT_RULES.clockSkewSeconds;
    expect(await checkEndpoint({ ...at, nowSeconds: NOW - skew }, made)).toBeUndefined();
    expect(await checkEndpoint({ ...at, nowSeconds: NOW - skew - 1 }, made)).toBe('not-yet');
    const strict = { clockSkewSeconds: 5, endpointSecondsMax: 3599 };
    expect(
      await checkEndpoint({ ...at, rules: { ...ENDPOINT_RULES, clockSkewSeconds: 5 }, nowSeconds: NOW - 6 }, made),
    ).toBe('not-yet');
    expect(await checkEndpoint({ ...at, rules: strict }, made)).toBe('bad-times');
    for (const lifetimeSeconds of [0, -1, 10 ** 9]) {
      expect(await checkEndpoint(at, await makeEndpoint({ ...request, lifetimeSeconds }))).toBe('bad-times');
    }
    expect(await checkEndpoint(at, await makeEndpoint({ ...request, roles: [] }))).toBe('no-role');
  });

  it('gives way to a later one of the same operator', async () => {
    const old = await makeEndpoint(request);
    const later = await makeEndpoint({ ...request, sequence: 6 });
    const rival = await makeEndpoint({ ...request, url: 'https://rival.test' });
    const stranger = await makeEndpoint({ ...request, identity: identityOf(new Uint8Array(32).fill(8)), sequence: 1 });
    expect(await checkEndpoint({ ...at, known: old.record }, later)).toBeUndefined();
    expect(await checkEndpoint({ ...at, known: old.record }, old)).toBeUndefined();
    expect(await checkEndpoint({ ...at, known: later.record }, old)).toBe('old-sequence');
    expect(await checkEndpoint({ ...at, known: old.record }, rival)).toBe('old-sequence');
    expect(await checkEndpoint({ ...at, known: old.record }, stranger)).toBeUndefined();
  });

  it('has a URL of the web, and nothing else in it', async () => {
    for (const url of ['http://a.test', 'https://a.test:8443/path', '']) expect(isEndpointUrl(url)).toBe(true);
    const bad = ['file:///etc/passwd', 'ftp://a.test', 'a.test', 'https://u:p@a.test', 'https://a.test/#x'];
    bad.push('javascript:alert(1)', `https://a.test/${'x'.repeat(600)}`);
    for (const url of bad) {
      await expect(makeEndpoint({ ...request, url })).rejects.toMatchObject({ code: 'bad-url' });
      const { message } = (await makeEndpoint(request)).record;
      const signed = await signMessage(identity.account, network, 'Endpoint', { ...message, url });
      expect(await checkEndpoint(at, { record: signed })).toBe('bad-url');
    }
  });

  it('has a sequence that only rises, over restarts, lost files and clocks set back', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dsperse-endpoint-'));
    expect(await nextSequence(directory, NOW)).toBe(NOW);
    expect(await nextSequence(directory, NOW)).toBe(NOW + 1);
    expect(await nextSequence(directory, NOW - 500)).toBe(NOW + 2);
    writeFileSync(join(directory, 'endpoint-sequence.json'), '{');
    expect(await nextSequence(directory, NOW + 10)).toBe(NOW + 10);
    rmSync(directory, { recursive: true });
  });
});
