import type { Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { expect, test } from 'vitest';
import { signMessage } from '../../messages/index.js';
import { checkRequest, type IncomingRequest } from './check-request.js';
import { MemoryNonceLedger } from './nonces.js';
import { signRequest } from './sign-request.js';
import { decodeToken, encodeToken, type RequestToken } from './token.js';

const signer = privateKeyToAccount(generatePrivateKey());
const node = privateKeyToAccount(generatePrivateKey());
const other = privateKeyToAccount(generatePrivateKey());
const network = { chainId: 31337, market: node.address, settlement: signer.address };
const NOW_MS = 1_800_000_000_000;
const clock = () => NOW_MS;
const body = new TextEncoder().encode('{"a":1}');
const request = { audience: node.address, method: 'POST', path: '/v1/orders?x=1', body };

const sign = (at = clock, validity?: number) => signRequest(signer, network, request, at, validity);

function check(header: string | undefined, changed: Partial<IncomingRequest> = {}) {
  const { method, path } = request;
  const nonces = new MemoryNonceLedger(clock);
  return checkRequest({ network, audience: node.address, header, method, path, body, nonces, clock, ...changed });
}

const codeOf = async (checked: ReturnType<typeof check>) => (await checked).refusal?.code;

test('a signed request tells its sender', async () => {
  expect(await check(await sign())).toEqual({ sender: signer.address });
});

test.each<[string, Partial<IncomingRequest>, string]>([
  ['another path', { path: '/v1/orders' }, 'bad-signature'],
  ['another query', { path: '/v1/orders?x=2' }, 'bad-signature'],
  ['another method', { method: 'PUT' }, 'bad-signature'],
  ['another body', { body: new TextEncoder().encode('{"a":2}') }, 'bad-signature'],
  ['no body', { body: new Uint8Array(0) }, 'bad-signature'],
  ['another chain', { network: { ...network, chainId: 1 } }, 'bad-signature'],
  ['another settlement', { network: { ...network, settlement: other.address } }, 'bad-signature'],
  ['another node', { audience: other.address }, 'wrong-audience'],
  ['no header', { header: undefined }, 'unsigned'],
  ['a later time', { clock: () => NOW_MS + 60_000 }, 'expired'],
  ['a much later time', { clock: () => NOW_MS + 600_000 }, 'clock-skew'],
  ['an earlier time', { clock: () => NOW_MS - 11_000 }, 'clock-skew'],
])('with %s it is refused', async (_, changed, code) => {
  expect(await codeOf(check(await sign(), changed))).toBe(code);
});

test('clocks may differ a little; the refusal tells the time', async () => {
  expect((await check(await sign(), { clock: () => NOW_MS - 9_000 })).sender).toBe(signer.address);
  const { refusal } = await check(await sign(), { clock: () => NOW_MS + 900_000 });
  expect(refusal?.serverTimeMs).toBe(NOW_MS + 900_000);
});

test('a validity that is too long, or ends before it begins, is refused', async () => {
  expect(await codeOf(check(await sign(clock, 121)))).toBe('validity-too-long');
  expect(await codeOf(check(await sign(clock, 0)))).toBe('expired');
});

test('a request counts once; a forged one uses up no nonce', async () => {
  const nonces = new MemoryNonceLedger(clock);
  const header = await sign();
  expect(await codeOf(check(header, { nonces, path: '/other' }))).toBe('bad-signature');
  expect(nonces.size).toBe(0);
  expect((await check(header, { nonces })).sender).toBe(signer.address);
  expect(await codeOf(check(header, { nonces }))).toBe('replayed');
  const cased = decodeToken(header)!;
  const upper = encodeToken({ ...cased, sender: cased.sender.toLowerCase() as Hex });
  expect(await codeOf(check(upper, { nonces }))).toBe('replayed');
});

test('no one signs for another', async () => {
  const token = decodeToken(await sign())!;
  expect(await codeOf(check(encodeToken({ ...token, sender: other.address })))).toBe('bad-signature');
});

test('only whole tokens are read', async () => {
  const header = await sign();
  const token = decodeToken(header)!;
  const b64 = (x: unknown) => `DSperse ${Buffer.from(JSON.stringify(x)).toString('base64url')}`;
  const bad: string[] = [
    '',
    'DSperse ',
    header.slice(8),
    `Bearer ${header.slice(8)}`,
    `${header}=`,
    `${header} `,
    `${header}A`,
    b64({ ...token, extra: 1 }),
    b64({ ...token, nonce: '0x12' }),
    b64({ ...token, issuedAt: 1.5 }),
    b64({ ...token, issuedAt: '5' }),
    b64({ ...token, signature: token.signature.slice(0, -2) }),
    b64([token]),
    b64(null),
    `DSperse ${'A'.repeat(4000)}`,
  ];
  for (const text of bad) expect(decodeToken(text)).toBeUndefined();
  expect(decodeToken(b64(token))).toEqual(token);
});

test('a signature of another kind of message is none of a request', async () => {
  const message = { order: `0x${'11'.repeat(32)}` as Hex, issuedAt: NOW_MS / 1000 };
  const { signature } = await signMessage(signer, network, 'Cancel', message);
  const token: RequestToken = { ...decodeToken(await sign())!, signature };
  expect(await codeOf(check(encodeToken(token)))).toBe('bad-signature');
});

test('the nonce ledger forgets what has expired, and refuses rather than forget more', async () => {
  let nowMs = NOW_MS;
  const ledger = new MemoryNonceLedger(() => nowMs, 3, 2);
  const at = NOW_MS / 1000;
  const nonce = (i: number): Hex => `0x${i.toString(16).padStart(64, '0')}`;
  const [a, b] = [signer.address.toLowerCase() as Hex, node.address.toLowerCase() as Hex];
  const full = expect.objectContaining({ code: 'replay-guard-full', retryable: true });
  expect(await ledger.use(a, nonce(1), at + 10)).toBe(true);
  expect(await ledger.use(a, nonce(2), at + 20)).toBe(true);
  await expect(ledger.use(a, nonce(3), at + 20)).rejects.toThrow(full);
  expect(await ledger.use(b, nonce(1), at + 20)).toBe(true);
  await expect(ledger.use(b, nonce(4), at + 20)).rejects.toThrow(full);
  expect(await ledger.use(a, nonce(1), at + 10)).toBe(false);
  nowMs += 10_000;
  expect(await ledger.use(b, nonce(4), at + 20)).toBe(true);
  expect(ledger.size).toBe(3);
  nowMs -= 10_000;
  expect(await ledger.use(a, nonce(1), at + 10)).toBe(false);
});
