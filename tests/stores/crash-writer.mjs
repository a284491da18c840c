// Writes to a store without end and says on standard output what was acknowledged; made to be killed.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openFileBlobs, openJournal, openPglite } from '@dsperse/network/store';

const [kind, place] = process.argv.slice(2);
const say = (line) => writeSync(1, `${line}\n`);

const writers = {
  async blobs() {
    const store = await openFileBlobs({ directory: place });
    say('ready');
    const one = async () => {
      for (;;) {
        const bytes = randomBytes(1 + Math.floor(Math.random() * 200_000));
        const pieces = (function* () {
          for (let at = 0; at < bytes.length; at += 8192) yield bytes.subarray(at, at + 8192);
        })();
        say(await store.put(Math.random() < 0.5 ? bytes : pieces));
      }
    };
    await Promise.all([one(), one(), one()]);
  },
  async journal() {
    const journal = await openJournal(place);
    let next = (journal.records.at(-1)?.n ?? -1) + 1;
    const written = [...journal.records];
    say('ready');
    const one = async () => {
      for (;;) {
        const record = { n: next++, filler: 'x'.repeat(Math.floor(Math.random() * 3000)) };
        await journal.append(record);
        written.push(record);
        say(record.n);
      }
    };
    const compact = async () => {
      for (;;) {
        await new Promise((done) => setTimeout(done, 30));
        await journal.compact(written.slice(-40));
      }
    };
    await Promise.all([one(), one(), one(), compact()]);
  },
  async pglite() {
    const store = await openPglite({ directory: place });
    await store.script(
      'create table if not exists t (n int primary key, filler text); create table if not exists u (n int)',
    );
    const [{ last }] = await store.query('select coalesce(max(n), 0) as last from t');
    say('ready');
    for (let n = last + 1; ; n++) {
      await store.transaction(async (tx) => {
        await tx.execute('insert into t values ($1, $2)', [n, 'x'.repeat(Math.floor(Math.random() * 3000))]);
        await tx.execute('insert into u values ($1)', [n]);
      });
      say(n);
    }
  },
};
await writers[kind]();
