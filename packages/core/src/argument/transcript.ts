import { hash } from '../base/blake3.js';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const DOMAIN = encoder.encode('dsperse transcript 1');

/**
 * The Fiat-Shamir transcript: a BLAKE3 chain in which every message is labelled and length-prefixed.
 * state' = BLAKE3(state ‖ kind ‖ |label| ‖ label ‖ |data| ‖ data), lengths as little-endian u32.
 */
export class Transcript {
  private state: Uint8Array = hash(DOMAIN);
  /** Labels as bytes. */
  private readonly names = new Map<string, Uint8Array>();

  absorb(label: string, data: Uint8Array): void {
    this.state = this.step(0, label, data);
  }

  /** A uniform element of QM31: 31-bit words, the word 2^31 - 1 thrown away. */
  challenge(label: string): Ext {
    const words: number[] = [];
    while (words.length < 4) {
      this.state = this.step(1, label, NOTHING);
      const view = new DataView(this.state.buffer, this.state.byteOffset, 32);
      for (let i = 0; i < 8 && words.length < 4; i++) {
        const word = view.getUint32(4 * i, true) & 0x7fffffff;
        if (word !== P) words.push(word);
      }
    }
    // What is drawn is hashed once more, so that the state itself is never published.
    this.state = this.step(2, label, NOTHING);
    return [words[0], words[1], words[2], words[3]];
  }

  /** `count` integers below 2^bits (bits <= 31). */
  indices(label: string, count: number, bits: number): number[] {
    const out: number[] = [];
    while (out.length < count) {
      this.state = this.step(1, label, NOTHING);
      const view = new DataView(this.state.buffer, this.state.byteOffset, 32);
      for (let i = 0; i < 8 && out.length < count; i++) {
        out.push(bits === 0 ? 0 : view.getUint32(4 * i, true) >>> (32 - bits));
      }
    }
    return out;
  }

  /** The state that a grinding nonce is tried against: the nonce's digest is BLAKE3(seed ‖ nonce as 8 bytes). */
  grindingSeed(): Uint8Array {
    return hash(concat([this.state, encoder.encode('grind')])).slice();
  }

  private step(kind: number, label: string, data: Uint8Array): Uint8Array {
    const name = this.names.get(label) ?? encoder.encode(label);
    this.names.set(label, name);
    const message = new Uint8Array(41 + name.length + data.length);
    const view = new DataView(message.buffer);
    message.set(this.state);
    message[32] = kind;
    view.setUint32(33, name.length, true);
    message.set(name, 37);
    view.setUint32(37 + name.length, data.length, true);
    message.set(data, 41 + name.length);
    return hash(message);
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let n = 0;
  for (const p of parts) n += p.length;
  const out = new Uint8Array(n);
  let o = 0;
  for (const p of parts) {
    out.set(p, o);
    o += p.length;
  }
  return out;
}

/** Number of leading zero bits of BLAKE3(seed ‖ nonce), counted from the first byte's highest bit. */
export function grindingBits(seed: Uint8Array, nonce: Uint8Array): number {
  const digest = hash(concat([seed, nonce]));
  let bits = 0;
  for (const byte of digest) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
