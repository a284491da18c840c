import { appendFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openJournal } from './journal.js';

const root = await mkdtemp(join(tmpdir(), 'dsperse-journal-'));
afterAll(() => rm(root, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(root, `${count++}`, 'journal');

async function written(path: string, records: unknown[]): Promise<void> {
  const journal = await openJournal(path);
  for (const record of records) await journal.append(record);
  await journal.close();
}

async function recordsOf(path: string): Promise<{ records: unknown[]; torn: number }> {
  const journal = await openJournal(path);
  await journal.close();
  return { records: [...journal.records], torn: journal.tornBytes };
}

describe('journal', () => {
  it('replays what was appended, in order, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 20 }), async (values) => {
        const path = fresh();
        const journal = await openJournal(path);
        await Promise.all(values.map((value) => journal.append(value)));
        await journal.close();
        expect((await recordsOf(path)).records).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 25 },
    );
  });

  it('makes many that wait durable together', async () => {
    const path = fresh();
    const journal = await openJournal(path);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => journal.append(i)));
    expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThan(10);
    expect(journal.bytes).toBe((await stat(path)).size);
    expect((await stat(path)).mode & 0o077).toBe(0);
    await journal.close();
    expect((await recordsOf(path)).records).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  it('is open once at a time', async () => {
    const path = fresh();
    const journal = await openJournal(path);
    await expect(openJournal(path)).rejects.toMatchObject({ name: 'InputError', code: 'in-use' });
    await journal.close();
    await expect(journal.append(1)).rejects.toMatchObject({ code: 'closed' });
    await (await openJournal(path)).close();
  });

  it('cuts off a torn end at any byte, and goes on from there', async () => {
    const path = fresh();
    await written(path, [{ a: 1 }, { b: 'two' }]);
    const whole = await readFile(path);
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let end = lastLine; end < whole.length; end++) {
      await writeFile(path, whole.subarray(0, end));
      expect(await recordsOf(path)).toEqual({ records: [{ a: 1 }], torn: end - lastLine });
    }
    await written(path, [{ c: 3 }]);
    expect(await recordsOf(path)).toEqual({ records: [{ a: 1 }, { c: 3 }], torn: 0 });
    await appendFile(path, Buffer.alloc(4096));
    expect(await recordsOf(path)).toEqual({ records: [{ a: 1 }, { c: 3 }], torn: 4096 });
  });

  it('refuses damage at any byte that was once whole', async () => {
    const path = fresh();
    await written(path, [{ a: 1 }, { b: 'two' }, { c: 3 }]);
    const whole = await readFile(path);
    for (let at = 0; at < whole.length - 1; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] ^= 1;
      await writeFile(path, bytes);
      await expect(openJournal(path), `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(journal-damaged|not-a-journal)$/),
      });
      expect(await readFile(path)).toEqual(bytes);
    }
    const lines = whole.toString().split('\n');
    for (const without of [1, 2]) {
      await writeFile(path, lines.filter((_, i) => i !== without).join('\n'));
      await expect(openJournal(path)).rejects.toMatchObject({ code: 'journal-damaged' });
    }
  });

  it('refuses a file that is none', async () => {
    const path = fresh();
    await written(path, []);
    await truncate(path, 0);
    const file = await open(path, 'r+');
    await file.writeFile('something else\n');
    await file.close();
    await expect(openJournal(path)).rejects.toMatchObject({ code: 'not-a-journal' });
  });

  it('compacts, and loses nothing that is appended meanwhile', async () => {
    const path = fresh();
    const journal = await openJournal<number>(path);
    for (let i = 0; i < 300; i++) await journal.append(i);
    const before = journal.bytes;
    const during = [1000, 1001, 1002].map((n) => journal.append(n));
    const compacting = journal.compact([1, 2]);
    const after = [2000, 2001].map((n) => journal.append(n));
    const again = journal.compact([3]);
    await Promise.all([...during, ...after, compacting]);
    await again;
    expect(journal.bytes).toBeLessThan(before);
    await journal.append(4000);
    await journal.close();
    expect((await recordsOf(path)).records).toEqual([3, 1000, 1001, 1002, 2000, 2001, 4000]);
  });

  it('takes only what JSON can say', async () => {
    const journal = await openJournal(fresh());
    await expect(journal.append(undefined)).rejects.toMatchObject({ code: 'not-json' });
    await expect(journal.append(1n)).rejects.toThrow();
    await journal.append('still works');
    await journal.close();
  });
});
