import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '@dsperse/core/verify';
import { makeDirectory, syncDirectory, writeAll } from './files.js';
import { encodeHeader, encodeLine, replay } from './journal-lines.js';
import { lockFile } from './lock.js';
import { fileError, StoreError } from './store-error.js';

export interface Journal<T> {
  /** What the journal held when it was opened, in order. */
  readonly records: readonly T[];
  /** Bytes of an unfinished write that were cut off the end when it was opened; 0 after a clean end. */
  readonly tornBytes: number;
  /** Length of the file in bytes. */
  readonly bytes: number;
  /**
   * Adds a record; durable when it resolves. Records that wait at the same time are made durable together. A full disk is a
   * retryable StoreError, and the record is not in the journal.
   */
  append(record: T): Promise<void>;
  /**
   * Puts these records in the place of all that the journal holds, at once and durably. Appends that have not resolved when
   * it is called are kept after them: where the records have them already, they are replayed twice.
   */
  compact(records: readonly T[]): Promise<void>;
  /** Waits for what was appended and lets another process open the journal. */
  close(): Promise<void>;
}

/** Records in one line of a compacted journal, at most. */
const LINE_RECORDS = 256;

/**
 * Opens an append-only file of JSON records, or makes it; readable by its owner only. InputError `in-use` where another
 * process has it open, `not-a-journal`; StoreError `journal-damaged` where it is damaged anywhere but at a torn end.
 */
export async function openJournal<T>(path: string): Promise<Journal<T>> {
  path = resolve(path);
  const unlock = await lockFile(`${path}.lock`, 'The journal');
  let file: FileHandle | undefined;
  try {
    await makeDirectory(dirname(path));
    await rm(`${path}.new`, { force: true });
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    const state = bytes && bytes.length > 0 ? replay<T>(bytes, path) : undefined;
    if (state) {
      file = await open(path, 'r+');
      if (state.length < bytes!.length) await file.truncate(state.length);
      await file.sync();
      return new FileJournal<T>(path, file, unlock, state.records, state.chain, state.length, bytes!.length);
    }
    const fresh = await writeFresh(path, []);
    file = fresh.file;
    return new FileJournal<T>(path, file, unlock, [], fresh.chain, fresh.length, fresh.length + (bytes?.length ?? 0));
  } catch (error) {
    await file?.close();
    await unlock();
    throw fileError(error, 'Opening the journal');
  }
}

interface Waiting {
  /** The record as JSON. */
  text: string;
  done: () => void;
  failed: (error: unknown) => void;
}

class FileJournal<T> implements Journal<T> {
  readonly tornBytes: number;
  #waiting: Waiting[] = [];
  /** For every compaction that has not run yet, what was written since it was asked for. */
  readonly #since = new Set<string[]>();
  #queue: Promise<void> = Promise.resolve();
  #broken: StoreError | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private file: FileHandle,
    private readonly unlock: () => Promise<void>,
    readonly records: readonly T[],
    private chain: string,
    private length: number,
    foundLength: number,
  ) {
    this.tornBytes = foundLength - length;
  }

  get bytes(): number {
    return this.length;
  }

  async append(record: T): Promise<void> {
    this.#checkOpen();
    const text = JSON.stringify(record) as string | undefined;
    if (text === undefined) {
      throw new InputError('not-json', 'This record cannot be written as JSON.', 'Append plain values.');
    }
    return new Promise((done, failed) => {
      this.#waiting.push({ text, done, failed });
      if (this.#waiting.length === 1) this.#enqueue(() => this.#flush());
    });
  }

  async compact(records: readonly T[]): Promise<void> {
    this.#checkOpen();
    const texts = records.map((record) => JSON.stringify(record));
    const since: string[] = [];
    this.#since.add(since);
    return this.#enqueue(async () => {
      this.#since.delete(since);
      const waiting = this.#waiting;
      this.#waiting = [];
      try {
        const fresh = await writeFresh(this.path, [...texts, ...since, ...waiting.map(({ text }) => text)]);
        await this.file.close().catch(() => {});
        Object.assign(this, { file: fresh.file, chain: fresh.chain, length: fresh.length });
        this.#written(waiting);
      } catch (error) {
        const known = fileError(error, 'Compacting the journal');
        for (const { failed } of waiting) failed(known);
        throw known;
      }
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.then(async () => {
      await this.file.close();
      await this.unlock();
    });
    return this.#closing;
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const run = this.#queue.then(work);
    this.#queue = run.catch(() => {});
    return run;
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    try {
      if (this.#broken) throw this.#broken;
      const texts = waiting.map(({ text }) => text);
      const { line, chain } = encodeLine(this.chain, texts);
      await this.#write(line);
      this.chain = chain;
      this.length += line.length;
      this.#written(waiting);
    } catch (error) {
      const known = fileError(error, 'Writing the journal');
      for (const { failed } of waiting) failed(known);
    }
  }

  #written(waiting: readonly Waiting[]): void {
    for (const { text, done } of waiting) {
      for (const since of this.#since) since.push(text);
      done();
    }
  }

  /** Writes at the end and waits for the disk; after a failure takes back what was written. */
  async #write(line: Buffer): Promise<void> {
    try {
      await writeAll(this.file, line, this.length);
      await this.file.datasync();
    } catch (error) {
      try {
        await this.file.truncate(this.length);
        await this.file.datasync();
      } catch (cause) {
        // What the disk holds is not known any more; opening anew finds out.
        const hint = 'Restart: the journal is then read anew.';
        this.#broken = new StoreError('journal-broken', 'The journal cannot be written.', false, hint, { cause });
      }
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw new StoreError('closed', 'The journal is closed.', false);
    if (this.#broken) throw this.#broken;
  }
}

/** Writes a whole journal beside the old one and puts it in its place. */
async function writeFresh(path: string, texts: readonly string[]) {
  const { line, chain: seed } = encodeHeader(randomBytes(8).toString('hex'));
  let chain = seed;
  let length = 0;
  const file = await open(`${path}.new`, 'w+', 0o600);
  try {
    await writeAll(file, line, length);
    length += line.length;
    for (let at = 0; at < texts.length; at += LINE_RECORDS) {
      const next = encodeLine(chain, texts.slice(at, at + LINE_RECORDS));
      await writeAll(file, next.line, length);
      chain = next.chain;
      length += next.line.length;
    }
    await file.sync();
    await rename(`${path}.new`, path);
    await syncDirectory(dirname(path));
    return { file, chain, length };
  } catch (error) {
    await file.close();
    await rm(`${path}.new`, { force: true }).catch(() => {});
    throw error;
  }
}
