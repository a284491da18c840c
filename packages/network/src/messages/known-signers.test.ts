import { type Hex, keccak256, recoverAddress, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useLibsecp256k1 } from '../node/libsecp256k1.js';
import { isSignedByAddress, recoverKeysBy } from './known-signers.js';

const [signer, other] = [privateKeyToAccount(generatePrivateKey()), privateKeyToAccount(generatePrivateKey())];
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Everything that differs from a signature in one place. */
function* spoiled(signature: Hex): Generator<Hex> {
  const [r, s, v] = [signature.slice(2, 66), signature.slice(66, 130), signature.slice(130)];
  yield `0x${r}${s}${v === '1b' ? '1c' : '1b'}`;
  yield `0x${r}${(N - BigInt(`0x${s}`)).toString(16).padStart(64, '0')}${v === '1b' ? '1c' : '1b'}`;
  yield `0x${s}${r}${v}`;
  yield `0x${'00'.repeat(32)}${s}${v}`;
  yield `0x${r}${'00'.repeat(32)}${v}`;
  yield `0x${'ff'.repeat(32)}${s}${v}`;
  yield `0x${r}${s}00`;
  yield `0x${r}${s}`;
  yield '0x';
}

describe.each([
  ['of its own', () => recoverKeysBy(undefined)],
  ['of libsecp256k1', useLibsecp256k1],
])('by means %s', (_, choose) => {
  beforeAll(choose);
  afterAll(() => recoverKeysBy(undefined));

  test('it agrees with recovery, for strangers and for those who signed often', async () => {
    for (let i = 0; i < 24; i++) {
      const hash = keccak256(toHex(i));
      const signature = await signer.sign({ hash });
      expect((await recoverAddress({ hash, signature })).toLowerCase()).toBe(signer.address.toLowerCase());
      expect(isSignedByAddress(hash, signature, signer.address)).toBe(true);
      expect(isSignedByAddress(hash, signature, signer.address.toLowerCase() as Hex)).toBe(true);
      expect(isSignedByAddress(hash, signature, other.address)).toBe(false);
      expect(isSignedByAddress(keccak256(toHex(i + 1)), signature, signer.address)).toBe(false);
      for (const bad of spoiled(signature)) {
        expect(isSignedByAddress(hash, bad, signer.address)).toBe(false);
      }
    }
  });

  test('what one signs does not count for another whose key is known', async () => {
    const hash = keccak256('0x1234');
    const [mine, theirs] = [await signer.sign({ hash }), await other.sign({ hash })];
    expect(isSignedByAddress(hash, theirs, other.address)).toBe(true);
    expect(isSignedByAddress(hash, mine, other.address)).toBe(false);
    expect(isSignedByAddress(hash, theirs, signer.address)).toBe(false);
  });
});
