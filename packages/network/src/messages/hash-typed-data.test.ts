import fc from 'fast-check';
import { getAddress, type Hex, hashTypedData } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, test } from 'vitest';
import { hashFields } from './hash-typed-data.js';
import { hashMessage, signMessage } from './sign.js';
import { domainOf, type MessageName, type NetworkId, TYPES } from './typed-data.js';

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b): Hex => `0x${Buffer.from(b).toString('hex')}`);
const address = hex(20).chain((a) => fc.constantFrom(a, getAddress(a)));
const uint = (bits: number) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n });
const narrow = (bits: number) => uint(Math.min(bits, 53)).map(Number);
const VALUES: Record<string, fc.Arbitrary<unknown>> = {
  address,
  bytes32: hex(32),
  string: fc.string({ unit: 'binary' }),
  bool: fc.boolean(),
  uint8: narrow(8),
  uint32: narrow(32),
  uint64: narrow(64),
  uint128: uint(128),
  uint256: uint(256),
};
const networks = fc.record({ chainId: narrow(40), market: address, settlement: address });

function byViem(network: NetworkId, name: MessageName, message: object): Hex {
  return hashTypedData({
    domain: domainOf(network, name),
    types: { [name]: TYPES[name] },
    primaryType: name,
    message,
  } as never);
}

describe.each(Object.keys(TYPES) as MessageName[])('%s', (name) => {
  const messages = fc.record(Object.fromEntries(TYPES[name].map((f) => [f.name, VALUES[f.type]])));

  test('is hashed as viem does', () => {
    fc.assert(
      fc.property(networks, messages, (network, message) => {
        expect(hashFields(network, name, message)).toBe(byViem(network, name, message));
      }),
      { numRuns: 30 },
    );
  });

  test('is refused where a field is missing or of another type', () => {
    const network = { chainId: 1, market: `0x${'11'.repeat(20)}`, settlement: `0x${'22'.repeat(20)}` } as const;
    const [message] = fc.sample(messages, { numRuns: 1, seed: 7 });
    for (const { name: field, type } of TYPES[name]) {
      const isText = type === 'string';
      const wrong = [
        undefined,
        null,
        {},
        ...(isText ? [7] : ['', '0x', `0x${'00'.repeat(33)}`, 'zz', 1.5, -1, 2n ** 256n]),
      ];
      for (const value of wrong) {
        expect(() => hashFields(network, name, { ...message, [field]: value })).toThrow(TypeError);
      }
    }
  });
});

test('what an account signs is this hash, also by an account that signs typed data alone', async () => {
  const account = privateKeyToAccount(`0x${'01'.repeat(32)}`);
  const network = { chainId: 31337, market: account.address, settlement: account.address };
  const cancel = { order: `0x${'ab'.repeat(32)}`, issuedAt: 7 } as const;
  const { signature } = await signMessage(account, network, 'Cancel', cancel);
  expect(signature).toBe(await account.sign({ hash: hashMessage(network, 'Cancel', cancel) }));
  const { address, signTypedData } = account;
  expect((await signMessage({ address, signTypedData }, network, 'Cancel', cancel)).signature).toBe(signature);
});
