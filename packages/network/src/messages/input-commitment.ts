/** What an order says of its input without telling it. */
import type { Hex } from 'viem';
import { startSha256 } from './sha256.js';

/**
 * SHA-256 over a salt and the integers of the input tensors, by name in code unit order.
 * @param salt 32 bytes, drawn for each order: a small input could be guessed without
 */
export function commitInput(salt: Uint8Array, inputs: ReadonlyMap<string, Int32Array>): Hex {
  const hash = startSha256();
  const text = new TextEncoder();
  const uint32 = (n: number) => hash.update(new Uint8Array(new Uint32Array([n]).buffer));
  hash.update(text.encode('dsperse input 1')).update(salt);
  for (const name of [...inputs.keys()].sort()) {
    const values = inputs.get(name) as Int32Array;
    const nameBytes = text.encode(name);
    uint32(nameBytes.length);
    hash.update(nameBytes);
    uint32(values.length);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return `0x${[...hash.digest()].map((b) => b.toString(16).padStart(2, '0')).join('')}`;
}
