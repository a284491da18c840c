import { InputError } from '@dsperse/core/verify';
import { type NetworkId, type QuoteDocument, ROLE, signMessage, toJson } from '@dsperse/network/messages';
import { sealingKeys, TransportError } from '@dsperse/network/transport';
import { type Address, bytesToHex, numberToHex, pad } from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { capPrice, chooseGateway, compareGateways } from './choose-gateway.js';

const accountOf = (k: number) => privateKeyToAccount(pad(numberToHex(k), { size: 32 }));
const [requester, one, two, three] = [1, 2, 3, 4].map(accountOf);
const network: NetworkId = { chainId: 31337, market: accountOf(7).address, settlement: accountOf(8).address };
const lower = (account: PrivateKeyAccount) => account.address.toLowerCase() as Address;
const QUOTE: QuoteDocument = { price: 3_000n, unitPrice: 1_000n, seconds: 60, chanceBps: 9_000, samples: 5 };

interface Gateway {
  readonly operator: PrivateKeyAccount;
  readonly signer?: PrivateKeyAccount;
  readonly chainId?: number;
  readonly quote?: Partial<QuoteDocument>;
  readonly status?: number;
}

/** Gateways by host, behind one `fetch`; who is not among them is not reached. */
function world(gateways: Readonly<Record<string, Gateway>>) {
  const asked: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    const { hostname, pathname } = new URL(url);
    asked.push(`${hostname} ${pathname}`);
    const gateway = gateways[hostname];
    if (!gateway) throw new TypeError('fetch failed');
    if (pathname === '/v1/node') return Response.json(toJson(await documentOf(gateway)));
    const { status = 200, quote } = gateway;
    if (status !== 200) return Response.json({ error: { code: 'no', message: 'no', hint: '' } }, { status });
    return Response.json(toJson({ ...QUOTE, ...quote }));
  };
  const { market, settlement } = network;
  return {
    asked,
    options: { account: requester, network: { chainId: 31337, contracts: { market, settlement } }, fetch },
  };
}

async function documentOf({ operator, signer = operator, chainId = network.chainId }: Gateway) {
  const now = Math.floor(Date.now() / 1000);
  const endpoint = await signMessage(signer, network, 'Endpoint', {
    operator: lower(operator),
    roles: ROLE.gateway,
    url: '',
    encryptionKey: bytesToHex(sealingKeys().publicKey),
    capability: pad('0x02', { size: 32 }),
    sequence: 1,
    issuedAt: now,
    expiresAt: now + 3600,
  });
  const contracts = { market: network.market, settlement: network.settlement };
  return { endpoint, chainId, contracts, clockMs: Date.now(), limits: { blobBytes: 1, bodyBytes: 1 } };
}

const request = {
  fingerprint: 'ab'.repeat(32),
  price: { min: 500n, max: 2_000n, rampSeconds: 10 },
  deadlineSeconds: 600,
};
const urls = ['http://a', 'http://b', 'http://c'];
const order = (offers: readonly { gatewayUrl: string }[]) => offers.map((o) => new URL(o.gatewayUrl).hostname).join('');

describe('gateways are compared', () => {
  it('by price, then by time, then by chance', async () => {
    const dear = { operator: one, quote: { unitPrice: 1_001n } };
    const slow = { operator: two, quote: { seconds: 61 } };
    const { options } = world({ a: dear, b: slow, c: { operator: three } });
    expect(order((await compareGateways(options, urls, request)).offers)).toBe('cba');
    const unsure = world({ a: { operator: one, quote: { chanceBps: 100 } }, b: { operator: two } });
    expect(order((await compareGateways(unsure.options, ['http://a', 'http://b'], request)).offers)).toBe('ba');
  });

  it('without those that are gone, forged, of another network, or the same once more', async () => {
    const { options } = world({
      a: { operator: one, signer: two },
      b: { operator: two, chainId: 1 },
      d: { operator: three, quote: { unitPrice: 999n } },
      e: { operator: three, quote: { unitPrice: 1n } },
      f: { operator: one, status: 404 },
    });
    const all = [...urls, 'http://d', 'http://d', 'http://e', 'http://f'];
    const { offers, skipped } = await compareGateways(options, all, request);
    expect(order(offers)).toBe('d');
    expect(Object.fromEntries(skipped.map((s) => [new URL(s.gatewayUrl).hostname, s.code]))).toEqual({
      a: 'bad-record',
      b: 'other-network',
      c: 'unreachable',
      e: 'same-gateway',
      f: 'no',
    });
  });

  it('within the budget and the chance that is wanted', async () => {
    const { options } = world({
      a: { operator: one },
      b: { operator: two, quote: { price: 3_001n, chanceBps: 9_001 } },
    });
    const two_ = ['http://a', 'http://b'];
    expect(order((await compareGateways(options, two_, { ...request, budget: 3_000n })).offers)).toBe('a');
    expect(order((await compareGateways(options, two_, { ...request, minChanceBps: 9_001 })).offers)).toBe('b');
    const none = await compareGateways(options, two_, { ...request, budget: 2_999n });
    expect(none.offers).toEqual([]);
    expect(none.skipped.map(({ code }) => code)).toEqual(['too-dear', 'too-dear']);
  });

  it('by what they took before, where that was more than they quote', async () => {
    const { options } = world({ a: { operator: one, quote: { unitPrice: 900n } }, b: { operator: two } });
    const history = [
      { gateway: lower(one), unitPrice: 1_500n },
      { gateway: lower(two), unitPrice: 100n },
    ];
    const { offers } = await compareGateways(options, ['http://a', 'http://b'], request, history);
    expect(offers.map(({ expected }) => expected)).toEqual([1_000n, 1_500n]);
    // What it takes now counts, not what it took long ago.
    const since = [...history, ...Array.from({ length: 5 }, () => ({ gateway: lower(one), unitPrice: 950n }))];
    expect(order((await compareGateways(options, ['http://a', 'http://b'], request, since)).offers)).toBe('ab');
  });

  it('and what is wrong with the caller is thrown, not blamed on them', async () => {
    const { options } = world({ a: { operator: one } });
    const bad = new InputError('not-found', 'there is no program', '');
    const prepare = () => Promise.reject(bad);
    await expect(compareGateways(options, ['http://a'], request, [], prepare)).rejects.toBe(bad);
  });
});

describe('an order', () => {
  const compared = async () => {
    const { options } = world({ a: { operator: one }, b: { operator: two, quote: { unitPrice: 1_200n } } });
    return compareGateways(options, ['http://a', 'http://b'], request);
  };
  const refusal = (status?: number, cause?: unknown, code = 'x') =>
    new TransportError(code, 'no', { retryable: true, ...(status === undefined ? {} : { status }), cause });

  it('goes to the best gateway, at most five percent over the lowest price', async () => {
    const signed: bigint[] = [];
    const place = async (_: unknown, terms: { price: { max: bigint } }) => signed.push(terms.price.max);
    const { offer, skipped } = await chooseGateway(await compared(), request, place, 500);
    expect([offer.gatewayUrl, signed, skipped]).toEqual(['http://a', [1_050n], []]);
    await chooseGateway(await compared(), request, place);
    expect(signed).toEqual([1_050n, 2_000n]);
  });

  it('goes to the next one where the best refuses it or is gone', async () => {
    const gone = new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
    for (const error of [refusal(429), refusal(503, undefined, 'busy'), refusal(undefined, gone)]) {
      const tried: string[] = [];
      const placed = await chooseGateway(await compared(), request, async ({ gatewayUrl }) => {
        tried.push(gatewayUrl);
        if (gatewayUrl === 'http://a') throw error;
        return 'placed';
      });
      expect([tried, placed.placed, placed.skipped.length]).toEqual([['http://a', 'http://b'], 'placed', 1]);
    }
  });

  it('is worth at the next one what that one is expected to take', async () => {
    const signed: bigint[] = [];
    const place = async ({ gatewayUrl }: { gatewayUrl: string }, terms: { price: { max: bigint } }) => {
      signed.push(terms.price.max);
      if (gatewayUrl === 'http://a') throw refusal(409);
    };
    await chooseGateway(await compared(), request, place, 500);
    expect(signed).toEqual([1_050n, 1_260n]);
  });

  it('is signed for each under one salt, of which the chain reserves one: who lies that it refused is not paid beside another', async () => {
    const salts: unknown[] = [];
    const place = async ({ gatewayUrl }: { gatewayUrl: string }, terms: { salt: string }) => {
      salts.push(terms.salt);
      if (gatewayUrl === 'http://a') throw refusal(409);
    };
    await chooseGateway(await compared(), request, place);
    await chooseGateway(await compared(), request, place);
    expect(salts[0]).toMatch(/^0x[0-9a-f]{64}$/);
    expect([salts[1] === salts[0], salts[2] === salts[0], salts[3] === salts[2]]).toEqual([true, false, true]);
  });

  it('is not placed twice where one fell silent with it, nor where the caller is at fault', async () => {
    for (const error of [
      refusal(),
      refusal(500),
      refusal(503),
      refusal(504),
      new InputError('bad-input', 'out of range', ''),
    ]) {
      const tried: string[] = [];
      const placing = chooseGateway(await compared(), request, async ({ gatewayUrl }) => {
        tried.push(gatewayUrl);
        throw error;
      });
      await expect(placing).rejects.toBe(error);
      expect(tried).toEqual(['http://a']);
    }
  });

  it('is refused where all refuse it, and by one alone with its own reason', async () => {
    const refuse = () => Promise.reject(refusal(402));
    await expect(chooseGateway(await compared(), request, refuse)).rejects.toMatchObject({ code: 'no-gateway' });
    const { offers } = await compared();
    await expect(chooseGateway({ offers: [offers[0]], skipped: [] }, request, refuse)).rejects.toMatchObject({
      status: 402,
    });
    await expect(chooseGateway({ offers: [], skipped: [] }, request, refuse)).rejects.toMatchObject({
      code: 'no-gateway',
    });
  });

  it('keeps its own limits: neither above its price nor below its least', () => {
    const price = { min: 500n, max: 2_000n, rampSeconds: 10 };
    expect(capPrice(price, 1_001n, 500).max).toBe(1_052n);
    expect(capPrice(price, 5_000n, 500).max).toBe(2_000n);
    expect(capPrice(price, 100n, 500).max).toBe(500n);
  });
});
