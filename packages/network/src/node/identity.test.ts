import { randomBytes } from 'node:crypto';
import { bytesToHex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, test } from 'vitest';
import { isSignedBy, type NetworkId, signMessage } from '../messages/index.js';
import { identityOf } from './identity.js';

test('the account signs as the one of viem does', async () => {
  for (let i = 0; i < 20; i++) {
    const secret = new Uint8Array(randomBytes(32));
    const [{ account }, other] = [identityOf(secret), privateKeyToAccount(bytesToHex(secret))];
    expect(account.address).toBe(other.address);
    const network: NetworkId = { chainId: i, market: other.address, settlement: other.address };
    const release = { order: keccak256(secret), chunk: i, attempt: 0, prover: other.address, at: i };
    const signed = await signMessage(account, network, 'Release', release);
    expect(signed).toEqual(await signMessage(other, network, 'Release', release));
    expect(isSignedBy(network, 'Release', signed, other.address)).toBe(true);
    expect(isSignedBy(network, 'Release', { ...signed, message: { ...release, at: i + 1 } }, other.address)).toBe(
      false,
    );
    const hash = keccak256(release.order);
    expect(await account.sign?.({ hash })).toBe(await other.sign({ hash }));
  }
});

test('no key is made of what is none', () => {
  expect(() => identityOf(new Uint8Array(32))).toThrow('no private key');
});
