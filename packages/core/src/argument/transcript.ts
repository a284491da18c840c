import { hash } from '../base/blake3.js';
import { keepShape } from '../base/keep-shape.js';
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
  /** Room for messages of usual length. */
  private readonly scratch = new Uint8Array(256);

  absorb(label: string, data: Uint8Array): void {
    this.state = this.step(0, label, data);
  }

  /** A uniform element of QM31: 31-bit words, the word 2^31 - 1 thrown away. */
  challenge(label: string): Ext {
    const words: number[] = [];
    while (words.length < 4) {
      this.state = this.step(1, label, NOTHING);
      for (let i = 0; i < 8 && words.length < 4; i++) {
        const word = wordOf(this.state, i) & 0x7fffffff;
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
      for (let i = 0; i < 8 && out.length < count; i++) {
        out.push(bits === 0 ? 0 : wordOf(this.state, i) >>> (32 - bits));
      }
    }
    return out;
  }

  /** The state that a grinding nonce is tried against: the nonce's digest is BLAKE3(seed ‖ nonce as 8 bytes). */
  grindingSeed(): Uint8Array {
    return hash(concat([this.state, encoder.encode('grind')])).slice();
  }

  private step(kind: number, label: string, data: Uint8Array): Uint8Array {
    let name = this.names.get(label);
    if (!name) {
      name = encoder.encode(label);
      this.names.set(label, name);
    }
    const length = 41 + name.length + data.length;
    const message = length <= this.scratch.length ? this.scratch : new Uint8Array(length);
    message.set(this.state);
    message[32] = kind;
    setLength(message, 33, name.length);
    message.set(name, 37);
    setLength(message, 37 + name.length, data.length);
    message.set(data, 41 + name.length);
    return hash(message, 0, length);
  }
}

keepShape(new Transcript());

/** A little-endian u32. */
function setLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
}

/** The i-th little-endian u32 of a digest. */
const wordOf = (d: Uint8Array, i: number): number =>
  (d[4 * i] | (d[4 * i + 1] << 8) | (d[4 * i + 2] << 16) | (d[4 * i + 3] << 24)) >>> 0;

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
