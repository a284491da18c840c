/** How well predictions of the next character fit lines. */
import { argmax } from './network.mjs';
import { ALPHABET, encode, KINDS } from './text.mjs';

const rounded = (x) => Number(x.toFixed(4));

/** The model predicts each character of each line, and the newline after it, from those before. */
export class Score {
  constructor() {
    this.characters = 0;
    this.right = 0;
    this.bits = 0;
    this.grammarBits = 0;
    this.determined = Object.fromEntries(KINDS.map((kind) => [kind, { characters: 0, right: 0 }]));
  }

  /** @param logits one row for the newline before the line and one for each of its characters; there may be more */
  add(line, logits) {
    const targets = encode(`${line.text}\n`);
    targets.forEach((target, i) => {
      const row = logits.subarray(i * ALPHABET.length, (i + 1) * ALPHABET.length);
      const top = row[argmax(row)];
      const total = row.reduce((sum, z) => sum + Math.exp(z - top), 0);
      const right = argmax(row) === target ? 1 : 0;
      this.characters++;
      this.right += right;
      this.bits += Math.log2(total) - (row[target] - top) / Math.LN2;
      if (!line.determined[i]) return;
      this.determined[line.kind].characters++;
      this.determined[line.kind].right += right;
    });
    this.grammarBits += line.bits;
  }

  report() {
    const share = ({ right, characters }) => rounded(right / characters);
    return {
      accuracy: share(this),
      bitsPerCharacter: rounded(this.bits / this.characters),
      accuracyWhereDetermined: Object.fromEntries(KINDS.map((kind) => [kind, share(this.determined[kind])])),
    };
  }
}
