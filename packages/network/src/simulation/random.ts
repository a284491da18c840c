/** Random numbers from a seed, the same on every machine: sfc32, in 32-bit integer arithmetic. */
import { type Address, type Hex, numberToHex } from 'viem';

export class Random {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c = 0xb7e15162;
  private counter = 1;

  constructor(seed: number) {
    this.a ^= seed >>> 0;
    this.b ^= Math.floor(seed / 2 ** 32) >>> 0;
    for (let k = 0; k < 16; k++) this.word();
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 to `bound` - 1; `bound` far below 2^32. */
  below(bound: number): number {
    return Math.floor((this.word() / 2 ** 32) * bound);
  }

  /** `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(bps: number): boolean {
    return this.below(10_000) < bps;
  }

  hex(words: number): Hex {
    let text = '0x';
    for (let k = 0; k < words; k++) text += numberToHex(this.word(), { size: 4 }).slice(2);
    return text as Hex;
  }

  address(): Address {
    return this.hex(5) as Address;
  }
}
