import { expect, it } from 'vitest';
import { breakProof } from './break-proof.js';

it('changes one byte of a proof, anywhere, and leaves what it was given as it is', () => {
  const statement = { fingerprint: '', index: 0, nonce: '', prover: '', commitments: {} };
  const proven = { statement, proof: new Uint8Array(8).fill(7) };
  const places = new Set<number>();
  for (let k = 0; k < 500; k++) {
    const { proof } = breakProof(proven);
    const changed = [...proof].flatMap((byte, at) => (byte === 7 ? [] : [at]));
    expect(changed).toHaveLength(1);
    places.add(changed[0]);
  }
  expect(places.size).toBe(8);
  expect(proven.proof.every((byte) => byte === 7)).toBe(true);
});
