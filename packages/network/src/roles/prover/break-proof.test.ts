import { expect, it } from 'vitest';
import { breakProof } from './break-proof.js';

it('changes one byte of one proof, anywhere, and leaves what it was given as it is', () => {
  const statement = { fingerprint: '', index: 0, nonce: '', prover: '', commitments: {} };
  const proven = [3, 5].map((length) => ({ statement, proof: new Uint8Array(length).fill(7) }));
  const places = new Set<string>();
  for (let k = 0; k < 500; k++) {
    const broken = breakProof(proven);
    const changed = broken.flatMap(({ proof }, i) =>
      [...proof].flatMap((byte, at) => (byte === proven[i].proof[at] ? [] : [`${i} ${at}`])),
    );
    expect(changed).toHaveLength(1);
    places.add(changed[0]);
  }
  expect(places.size).toBe(8);
  expect(proven.every(({ proof }) => proof.every((byte) => byte === 7))).toBe(true);
});
