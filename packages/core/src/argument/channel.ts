/**
 * The one driver of the transcript. A protocol is written once, as a function over a channel: on the prover's side a
 * message is made, absorbed and written to the proof; on the verifier's it is read and absorbed. So both sides draw the
 * same challenges after the same messages by construction, and no message can be left out of the transcript.
 */
import { plainBytes } from '../base/codec.js';
import { keepShape } from '../base/keep-shape.js';
import { P } from '../field/m31.js';
import type { Ext } from '../field/qm31.js';
import { type RejectCode, Rejected } from './rejected.js';
import { concat, grindingBits, Transcript } from './transcript.js';

export abstract class Channel {
  protected readonly transcript = new Transcript();

  /** `count` bytes of the prover's. `make` runs on the prover's side only. */
  protected abstract exchange(label: string, count: number, make: () => Uint8Array): Uint8Array;

  /** What both sides already know. */
  absorb(label: string, data: Uint8Array): void {
    this.transcript.absorb(label, data);
  }

  bytes(label: string, count: number, make: () => Uint8Array): Uint8Array {
    const data = this.exchange(label, count, make);
    this.transcript.absorb(label, data);
    return data;
  }

  /** `count` elements of QM31, 16 bytes each: four little-endian words, all below p. */
  exts(label: string, count: number, make: () => readonly Ext[]): Ext[] {
    const data = this.bytes(label, 16 * count, () => encodeExts(make()));
    return this.decodeExts(data, label);
  }

  /** The one way in which a proof is found wanting: every check of the protocol comes through here, on both sides. */
  check(holds: boolean, code: RejectCode, path: string): void {
    if (!holds) throw new Rejected(code, path);
  }

  /** Little-endian words, each a canonical element of M31. */
  decodeWords(data: Uint8Array, path: string): Uint32Array {
    const out = new Uint32Array(data.length >>> 2);
    let valid = true;
    for (let i = 0, o = 0; i < out.length; i++, o += 4) {
      const word = (data[o] | (data[o + 1] << 8) | (data[o + 2] << 16) | (data[o + 3] << 24)) >>> 0;
      if (word >= P) valid = false;
      out[i] = word;
    }
    this.check(valid, 'non-canonical', path);
    return out;
  }

  decodeExts(data: Uint8Array, path: string): Ext[] {
    const words = this.decodeWords(data, path);
    const out: Ext[] = [];
    for (let i = 0; i < words.length; i += 4) out.push([words[i], words[i + 1], words[i + 2], words[i + 3]]);
    return out;
  }

  challenge(label: string): Ext {
    return this.transcript.challenge(label);
  }

  challenges(label: string, count: number): Ext[] {
    return Array.from({ length: count }, () => this.transcript.challenge(label));
  }

  indices(label: string, count: number, bits: number): number[] {
    return this.transcript.indices(label, count, bits);
  }

  /** Proof of work before what is drawn next; `find` gets the seed. */
  grind(label: string, bits: number, find: (seed: Uint8Array) => Uint8Array): void {
    const seed = this.transcript.grindingSeed();
    const nonce = this.bytes(label, 8, () => find(seed));
    this.check(grindingBits(seed, nonce) >= bits, 'grinding', label);
  }

  /** Bytes that are bound by an earlier commitment (openings), after the last challenge. */
  opened(label: string, count: number, make: () => Uint8Array): Uint8Array {
    return this.exchange(label, count, make);
  }
}

export class ProverChannel extends Channel {
  private readonly parts: Uint8Array[] = [];

  protected exchange(_label: string, _count: number, make: () => Uint8Array): Uint8Array {
    const data = make().slice();
    this.parts.push(data);
    return data;
  }

  proof(): Uint8Array {
    return concat(this.parts);
  }
}

keepShape(new ProverChannel());

export class VerifierChannel extends Channel {
  private offset = 0;
  private readonly proof: Uint8Array;

  constructor(proof: Uint8Array) {
    super();
    this.proof = plainBytes(proof);
  }

  protected exchange(label: string, count: number): Uint8Array {
    if (count > this.proof.length - this.offset) throw new Rejected('truncated', label);
    this.offset += count;
    return this.proof.subarray(this.offset - count, this.offset);
  }

  /** Rejects bytes that nobody read. */
  end(): void {
    if (this.offset !== this.proof.length) throw new Rejected('trailing-bytes', 'proof');
  }
}

keepShape(new VerifierChannel(new Uint8Array(0)));

export function encodeExts(xs: readonly Ext[]): Uint8Array {
  const out = new Uint8Array(16 * xs.length);
  const view = new DataView(out.buffer);
  for (let i = 0; i < xs.length; i++) for (let j = 0; j < 4; j++) view.setUint32(16 * i + 4 * j, xs[i][j], true);
  return out;
}
