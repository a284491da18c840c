/**
 * What the last few characters tell about the next one: counts in the training lines, each length of context filled up
 * from the next shorter one (Witten, Bell 1991, method C). The baseline that the network is compared with.
 */
import { ALPHABET } from './text.mjs';

export class NGram {
  /** @param order characters in a row, the predicted one among them */
  constructor(order) {
    this.order = order;
    /** Context → counts of what followed; they are of 0 … order - 1 characters. */
    this.counts = new Map();
  }

  learn(line) {
    const text = `\n${line}\n`;
    for (let i = 1; i < text.length; i++) {
      for (let from = Math.max(0, i - this.order + 1); from <= i; from++) {
        const context = text.slice(from, i);
        const counts = this.counts.get(context) ?? new Uint32Array(ALPHABET.length);
        this.counts.set(context, counts);
        counts[ALPHABET.indexOf(text[i])]++;
      }
    }
  }

  /** Probabilities of each character of the alphabet after newline + text. */
  predict(text) {
    const seen = `\n${text}`;
    let p = new Float64Array(ALPHABET.length).fill(1 / ALPHABET.length);
    for (let length = 0; length < Math.min(this.order, seen.length + 1); length++) {
      const counts = this.counts.get(seen.slice(seen.length - length));
      if (!counts) break;
      const total = counts.reduce((a, b) => a + b, 0);
      const kinds = counts.reduce((n, c) => n + (c > 0 ? 1 : 0), 0);
      p = p.map((q, c) => (counts[c] + kinds * q) / (total + kinds));
    }
    return p;
  }
}
