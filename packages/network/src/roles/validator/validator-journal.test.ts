import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Hex, numberToHex, pad } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EpochRoot, VerdictMessage } from '../../messages/index.js';
import { emptyState } from '../../scoring/index.js';
import { ValidatorJournal } from './validator-journal.js';

const word = (k: number): Hex => pad(numberToHex(k), { size: 32 });
const verdict: VerdictMessage = {
  order: word(1),
  chunk: 0,
  attempt: 0,
  proofDigest: word(2),
  accepted: true,
  validator: '0x00000000000000000000000000000000000000aa',
  salt: word(3),
};
const root: EpochRoot = {
  epoch: 3,
  previous: word(0),
  root: word(4),
  spent: 10n ** 20n,
  minted: 5n,
  leaves: 2,
  closedAt: 9,
};
const never = async () => false;

let directory: string;
let path: string;
let journal: ValidatorJournal;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dsperse-validator-'));
  path = join(directory, 'journal');
  journal = await ValidatorJournal.open(path);
});
afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true, force: true });
});
async function reopen(nowMs?: () => number): Promise<void> {
  await journal.close();
  journal = await ValidatorJournal.open(path, nowMs);
}

describe('verdicts', () => {
  it('are bound once: the same one again has the first salt, another is refused', async () => {
    expect(await journal.bind(verdict)).toEqual(verdict);
    expect(await journal.bind({ ...verdict, salt: word(9) })).toEqual(verdict);
    for (const change of [{ accepted: false }, { proofDigest: word(9) }]) {
      await expect(journal.bind({ ...verdict, ...change })).rejects.toMatchObject({ code: 'second-verdict' });
    }
    // Another attempt is another matter.
    await journal.bind({ ...verdict, attempt: 1, accepted: false });
  });

  it('are known by their order, and as taken where a gateway had them, also after a crash', async () => {
    const second = { ...verdict, attempt: 1, accepted: false };
    await journal.bind(verdict);
    await journal.bind(second);
    await journal.bind({ ...verdict, order: word(8) });
    // What was never bound is not taken.
    await journal.take([second, { ...verdict, attempt: 2 }]);
    for (const reopened of [false, true]) {
      if (reopened) await reopen();
      expect(journal.verdictsOn(`0x${word(1).slice(2).toUpperCase()}`)).toEqual([verdict, second]);
      expect([0, 1, 2].map((attempt) => journal.wasTaken({ ...verdict, attempt }))).toEqual([false, true, false]);
    }
  });

  it('bind after a crash, also where the end of the file is torn', async () => {
    await journal.bind(verdict);
    await journal.close();
    appendFileSync(path, '{"half');
    journal = await ValidatorJournal.open(path);
    expect(journal.verdict(verdict)).toEqual(verdict);
    await expect(journal.bind({ ...verdict, accepted: false })).rejects.toMatchObject({ code: 'second-verdict' });
  });

  it('bind while they are being written', async () => {
    const outcomes = await Promise.allSettled([
      journal.bind(verdict),
      journal.bind({ ...verdict, accepted: false }),
      journal.bind({ ...verdict, salt: word(8) }),
    ]);
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((outcomes[2] as PromiseFulfilledResult<VerdictMessage>).value.salt).toBe(verdict.salt);
  });

  const many = Array.from({ length: 40 }, (_, k) => ({
    ...verdict,
    order: word(1 + ((k * 7) % 10)),
    attempt: Math.floor(k / 10),
    proofDigest: word(100 + k),
    salt: word(200 + k),
    accepted: k % 3 > 0,
  }));
  const files = () => readdirSync(`${path}.verdicts`);

  it('are known for as long where they are not in memory any more, and never bound otherwise', async () => {
    const at = Date.now();
    await journal.close();
    journal = await ValidatorJournal.open(path, () => at, { lookBytes: 4_000, held: 5 });
    const seen = { prover: verdict.validator, workUnits: 1, marginMs: 2 };
    for (const [k, one] of many.entries()) {
      await journal.bind(one, k < 4 ? seen : undefined);
      if (k % 2 === 0) await journal.take([one]);
    }
    // The journal has been looked through meanwhile, and again when it is opened.
    expect(files().length).toBeGreaterThan(0);
    for (const reopened of [false, true]) {
      if (reopened) {
        await journal.close();
        journal = await ValidatorJournal.open(path, () => at, { lookBytes: 4_000, held: 5 });
        expect(journal.held).toBe(5);
      }
      for (const [k, one] of many.entries()) {
        expect(journal.verdict(one)).toEqual(one);
        expect(journal.wasTaken(one)).toBe(k % 2 === 0);
        expect(await journal.bind({ ...one, salt: word(9) })).toEqual(one);
        const other = { ...one, accepted: !one.accepted };
        await expect(journal.bind(other)).rejects.toMatchObject({ code: 'second-verdict' });
      }
      for (let k = 1; k <= 10; k++) {
        const expected = many.filter(({ order }) => order === word(k));
        expect(journal.verdictsOn(word(k))).toHaveLength(4);
        expect(journal.verdictsOn(word(k))).toEqual(expect.arrayContaining(expected));
      }
      expect(journal.verdictsOn(word(11))).toEqual([]);
      expect(journal.deliveriesSince(0)).toEqual(Array(4).fill(seen));
    }
    // What is taken later is known too; what nobody bound is not.
    await journal.take([many[1], { ...verdict, chunk: 9 }]);
    expect([many[1], { ...verdict, chunk: 9 }].map((v) => journal.wasTaken(v))).toEqual([true, false]);
    await reopen(() => at);
    expect(journal.wasTaken(many[1])).toBe(true);
    await reopen(() => at + 91 * 24 * 3_600_000);
    expect([journal.verdict(many[0]), files()]).toEqual([undefined, []]);
  });

  it('in files that are damaged are noticed, and what a crash left unfinished is not missed', async () => {
    await journal.close();
    journal = await ValidatorJournal.open(path, Date.now, { lookBytes: 1, held: 1 });
    for (const one of many.slice(0, 8)) await journal.bind(one);
    await journal.close();
    const [name] = files();
    writeFileSync(join(`${path}.verdicts`, 'x.partial'), 'half');
    journal = await ValidatorJournal.open(path);
    expect(files()).not.toContain('x.partial');
    expect(many.slice(0, 8).map((one) => journal.verdict(one))).toEqual(many.slice(0, 8));
    await journal.close();
    const file = join(`${path}.verdicts`, name);
    const bytes = readFileSync(file);
    bytes[41] ^= 1;
    writeFileSync(file, bytes);
    await expect(ValidatorJournal.open(path)).rejects.toMatchObject({ code: 'journal-damaged' });
    bytes[41] ^= 1;
    writeFileSync(file, bytes);
    journal = await ValidatorJournal.open(path);
  });

  it('are forgotten long after', async () => {
    await journal.bind(verdict);
    await reopen(() => Date.now() + 91 * 24 * 3_600_000);
    expect(journal.verdict(verdict)).toBeUndefined();
  });
});

describe('roots of epochs', () => {
  it('are bound once, over restarts, unless the chain shows that the first is void', async () => {
    await journal.bindEpoch(root, emptyState(), never);
    await journal.bindEpoch(root, emptyState(), never);
    await reopen();
    expect(journal.epoch(3)).toEqual({ root, state: emptyState() });
    const other = { ...root, root: word(5) };
    await expect(journal.bindEpoch(other, emptyState(), never)).rejects.toMatchObject({ code: 'second-root' });
    await journal.bindEpoch(other, emptyState(), async () => true);
    expect(journal.epoch(3)?.root).toEqual(other);
  });

  it('stay when their states go', async () => {
    for (let epoch = 1; epoch <= 6; epoch++) await journal.bindEpoch({ ...root, epoch }, emptyState(), never);
    await reopen();
    expect(journal.epoch(1)).toEqual({ root: { ...root, epoch: 1 }, state: undefined });
    expect(journal.epoch(6)?.state).toEqual(emptyState());
    const other = { ...root, epoch: 1, root: word(7) };
    await expect(journal.bindEpoch(other, emptyState(), never)).rejects.toMatchObject({ code: 'second-root' });
  });
});
