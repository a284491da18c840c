/**
 * Lines of text of four kinds, each with characters that follow from others far back in the line:
 *
 *   agreement   the dogs near the cat sleep.       the verb agrees with the first noun, not with the nearer one
 *   copy        lena met toro, toro met lena.      names made up of syllables, to be repeated letter by letter
 *   count       kpkkp has three k, two p.          how often each of two letters stands there
 *   mirror      ([[( )]]).                         brackets, closed in reverse after the space
 *
 * Every line has one derivation, so that its probability under the grammar is known. An eighth of the choices of each
 * kind is held out: no sentence, name, row of letters or row of brackets of the held-out lines is in training.
 */
import { Random } from '../digits/render.mjs';

/** A line starts after a newline and ends with one. */
export const ALPHABET = '\n .,()[]abcdefghiklmnoprstuvwxyz';

/** Characters that the network sees: the newline before a line and as much of the line. */
export const WINDOW = 32;

export const KINDS = ['agreement', 'copy', 'count', 'mirror'];

const NOUNS = 'ant bear bee cat cow crow dog duck fox frog goat hen lion owl pig seal'.split(' ');
const VERBS = 'hide nap play rest run sing sleep wait'.split(' ');
const PLACES = 'by like near with'.split(' ');
const CONSONANTS = [...'bdfghklmnprstvwz'];
const VOWELS = [...'aeiou'];
const NUMBERS = 'zero one two three four five six seven'.split(' ');
const LETTERS = { least: 3, most: 8 };
const PAIRS = { least: 3, most: 10 };

/** FNV-1a: which choices are held out follows from what they are. */
function isHeldOut(choice) {
  let h = 0x811c9dc5;
  for (const c of choice) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193);
  return ((h >>> 16) ^ (h & 0xffff)) % 8 === 0;
}

/**
 * A drawn line: its parts, each with whether the characters before it leave no choice, what decides whether it is held
 * out (all of `choices` or none), and the number of equally likely lines of its kind.
 */
const DRAW = {
  agreement(random) {
    const [subject, other] = [random.below(NOUNS.length), random.below(NOUNS.length)];
    const [many, others] = [random.below(2), random.below(2)];
    const place = PLACES[random.below(PLACES.length)];
    const verb = VERBS[random.below(VERBS.length)];
    const start = `the ${NOUNS[subject]}${many ? 's' : ''} ${place} the ${NOUNS[other]}${others ? 's' : ''} ${verb}`;
    const parts = [[start], [many ? '.' : 's', true], [many ? '' : '.']];
    return { parts, choices: [start], among: 4 * NOUNS.length ** 2 * PLACES.length * VERBS.length };
  },
  copy(random) {
    const name = () =>
      [CONSONANTS, VOWELS, CONSONANTS, VOWELS].map((letters) => letters[random.below(letters.length)]).join('');
    const [a, b] = [name(), name()];
    const parts = [[`${a} met ${b}, `], [b, true], [' met '], [a, true], ['.']];
    return { parts, choices: [a, b], among: (CONSONANTS.length * VOWELS.length) ** 4 };
  },
  count(random) {
    const a = random.below(CONSONANTS.length);
    const b = (a + 1 + random.below(CONSONANTS.length - 1)) % CONSONANTS.length;
    const [first, second] = [CONSONANTS[a], CONSONANTS[b]];
    const length = LETTERS.least + random.below(LETTERS.most - LETTERS.least + 1);
    // The first letter once at least, and so the second.
    const rows = 2 ** (length - 1) - 1;
    const seconds = 1 + random.below(rows);
    const letters = Array.from({ length }, (_, i) => ((seconds >> i) & 1 ? second : first)).reverse();
    const twice = letters.filter((c) => c === second).length;
    const parts = [
      [`${letters.join('')} has `],
      [NUMBERS[length - twice], true],
      [` ${first}, `],
      [NUMBERS[twice], true],
      [` ${second}.`],
    ];
    const among = CONSONANTS.length * (CONSONANTS.length - 1) * (LETTERS.most - LETTERS.least + 1) * rows;
    return { parts, choices: [letters.join('')], among };
  },
  mirror(random) {
    const length = PAIRS.least + random.below(PAIRS.most - PAIRS.least + 1);
    const open = Array.from({ length }, () => '(['[random.below(2)]);
    const closed = open.map((c) => (c === '(' ? ')' : ']')).reverse();
    const parts = [[`${open.join('')} `], [`${closed.join('')}.`, true]];
    return { parts, choices: [open.join('')], among: (PAIRS.most - PAIRS.least + 1) * 2 ** length };
  },
};

/** Lines without end, from a seed: of training, or held out. */
export class LineSource {
  constructor(seed, { heldOut }) {
    this.random = new Random(seed);
    this.heldOut = heldOut;
  }

  /** A line of a kind that is drawn too where none is named. */
  next(kind = KINDS[this.random.below(KINDS.length)]) {
    for (;;) {
      const { parts, choices, among } = DRAW[kind](this.random);
      if (!choices.every((c) => isHeldOut(c) === this.heldOut)) continue;
      const text = parts.map(([part]) => part).join('');
      const determined = parts.flatMap(([part, sure = false]) => Array.from(part, () => sure));
      return { kind, text, determined, bits: Math.log2(KINDS.length * among) };
    }
  }

  take(count) {
    return Array.from({ length: count }, () => this.next());
  }
}

/** Positions in the alphabet. @throws RangeError for a character that is not in it */
export function encode(text) {
  return Array.from(text, (c) => {
    const id = ALPHABET.indexOf(c);
    if (id < 0) throw new RangeError(`the alphabet has no ${JSON.stringify(c)}`);
    return id;
  });
}

/** Lines as the network is trained on them: each character of newline + line is to tell the next one. */
export function batchOf(lines) {
  const texts = lines.map(({ text }) => encode(`\n${text}\n`));
  const starts = [0];
  for (const ids of texts) starts.push(starts[starts.length - 1] + ids.length - 1);
  return {
    starts,
    ids: Int32Array.from(texts.flatMap((ids) => ids.slice(0, -1))),
    targets: Int32Array.from(texts.flatMap((ids) => ids.slice(1))),
  };
}

/** The window of a line that is being written, filled up with newlines, as rows of zeros and a one. */
export function oneHot(text) {
  const ids = encode(`\n${text}`);
  if (ids.length > WINDOW) throw new RangeError(`a line has at most ${WINDOW - 1} characters`);
  const rows = new Float64Array(WINDOW * ALPHABET.length);
  for (let t = 0; t < WINDOW; t++) rows[t * ALPHABET.length + (ids[t] ?? 0)] = 1;
  return rows;
}

/** The model's input for a line that is being written. */
export const inputOf = (text) =>
  new Map([['characters', { dtype: 'float32', dims: [1, WINDOW, ALPHABET.length], data: oneHot(text) }]]);
