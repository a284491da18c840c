/**
 * Random numbers that are the same on every machine: the xorshift generator with 128 bits of state (Marsaglia, Xorshift
 * RNGs, 2003, §4), seeded by its last word.
 */
export class Random {
  private readonly state: Uint32Array;

  constructor(seed: number) {
    this.state = Uint32Array.of(0x2545f491, 0x4f6cdd1d, 0x9e3779b9, seed);
    for (let k = 0; k < 64; k++) this.unit();
  }

  /** Uniform in [0, 1). */
  unit(): number {
    const s = this.state;
    const t = s[0] ^ (s[0] << 11);
    s[0] = s[1];
    s[1] = s[2];
    s[2] = s[3];
    s[3] = s[3] ^ (s[3] >>> 19) ^ t ^ (t >>> 8);
    return s[3] / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** Uniform with mean 0 and the given standard deviation: no tails that would widen a quantisation range. */
  spread(deviation: number): number {
    return deviation * Math.sqrt(3) * (2 * this.unit() - 1);
  }
}
