/**
 * Verdicts that were bound long ago, on the disk: files of records of one length, sorted by order, chunk and attempt, that are never
 * changed. Only what is asked for is read.
 *
 * A record: order (32 bytes), chunk (4), attempt (4), digest of the proof (32), salt (32), validator (20), flags (1), zeros (3);
 * numbers big-endian. Behind them the SHA-256 of all. The name is the time of the last verdict in it, in milliseconds.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { bytesToHex, type Hex } from 'viem';
import type { VerdictMessage } from '../../messages/index.js';
import { StoreError } from '../../store/index.js';

export interface ArchivedVerdict {
  readonly verdict: VerdictMessage;
  /** A gateway said that it has it. */
  readonly taken: boolean;
}

interface Segment {
  readonly path: string;
  readonly newestMs: number;
  readonly file: number;
  readonly records: number;
}

const RECORD = 128;
const [ACCEPTED, TAKEN] = [1, 2];
const DIGEST = 32;
const NAME = /^(\d{1,16})-[0-9a-f]{16}\.verdicts$/;
/** Orders whose verdicts, or that there are none, are at hand. */
const ORDERS_KEPT = 4_096;

const fromHex = (hex: Hex) => Buffer.from(hex.slice(2), 'hex');

function encode({ verdict, taken }: ArchivedVerdict): Buffer {
  const record = Buffer.alloc(RECORD);
  fromHex(verdict.order).copy(record, 0);
  record.writeUInt32BE(verdict.chunk, 32);
  record.writeUInt32BE(verdict.attempt, 36);
  fromHex(verdict.proofDigest).copy(record, 40);
  fromHex(verdict.salt).copy(record, 72);
  fromHex(verdict.validator).copy(record, 104);
  record[124] = (verdict.accepted ? ACCEPTED : 0) | (taken ? TAKEN : 0);
  return record;
}

function decode(record: Buffer): ArchivedVerdict {
  const hex = (from: number, to: number) => bytesToHex(record.subarray(from, to));
  const verdict = {
    order: hex(0, 32),
    chunk: record.readUInt32BE(32),
    attempt: record.readUInt32BE(36),
    proofDigest: hex(40, 72),
    accepted: (record[124] & ACCEPTED) !== 0,
    validator: hex(104, 124),
    salt: hex(72, 104),
  };
  return { verdict, taken: (record[124] & TAKEN) !== 0 };
}

export class ArchivedVerdicts {
  #segments: Segment[] = [];
  /** Least recently used first. */
  readonly #ofOrder = new Map<string, readonly ArchivedVerdict[]>();

  private constructor(private readonly directory: string) {}

  /** @throws StoreError `journal-damaged` */
  static open(directory: string): ArchivedVerdicts {
    const archive = new ArchivedVerdicts(directory);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      const newest = NAME.exec(name);
      // What a crash left unfinished: the journal still has it.
      if (!newest) rmSync(path, { force: true });
      else archive.#segments.push(openSegment(path, Number(newest[1])));
    }
    return archive;
  }

  /** Durable when it returns. @param newestMs when the last of them was bound */
  add(verdicts: readonly ArchivedVerdict[], newestMs: number): void {
    if (verdicts.length === 0) return;
    const records = Buffer.concat(verdicts.map(encode).sort(Buffer.compare));
    const path = join(this.directory, `${newestMs}-${randomBytes(8).toString('hex')}.verdicts`);
    const partial = `${path}.partial`;
    const file = openSync(partial, 'wx', 0o600);
    try {
      for (const bytes of [records, sha256(records)]) {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      }
      fsyncSync(file);
    } catch (error) {
      rmSync(partial, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
    if (process.platform !== 'win32') {
      const directory = openSync(this.directory, 'r');
      fsyncSync(directory);
      closeSync(directory);
    }
    this.#segments.push(openSegment(path, newestMs));
    this.#ofOrder.clear();
  }

  /** Deletes files whose last verdict is older. */
  forget(beforeMs: number): void {
    for (const { path, file } of this.#segments.filter(({ newestMs }) => newestMs < beforeMs)) {
      closeSync(file);
      rmSync(path, { force: true });
    }
    const left = this.#segments.filter(({ newestMs }) => newestMs >= beforeMs);
    if (left.length < this.#segments.length) this.#ofOrder.clear();
    this.#segments = left;
  }

  /** All verdicts on attempts at an order, ascending by chunk and attempt in each file; of one that stands twice the first counts. */
  of(order: Hex): readonly ArchivedVerdict[] {
    const name = order.toLowerCase();
    const found = this.#ofOrder.get(name) ?? this.#segments.flatMap((segment) => find(segment, fromHex(order)));
    this.#ofOrder.delete(name);
    this.#ofOrder.set(name, found);
    for (const oldest of this.#ofOrder.keys()) {
      if (this.#ofOrder.size <= ORDERS_KEPT) break;
      this.#ofOrder.delete(oldest);
    }
    return found;
  }

  close(): void {
    for (const { file } of this.#segments) closeSync(file);
    this.#segments = [];
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

function openSegment(path: string, newestMs: number): Segment {
  const bytes = readFileSync(path);
  const length = bytes.length - DIGEST;
  const isWhole =
    length > 0 && length % RECORD === 0 && sha256(bytes.subarray(0, length)).equals(bytes.subarray(length));
  if (!isWhole) {
    throw new StoreError('journal-damaged', `${path} is damaged.`, false, 'Restore it from a backup.');
  }
  return { path, newestMs, file: openSync(path, 'r'), records: length / RECORD };
}

function readRecord({ file }: Segment, at: number): Buffer {
  const record = Buffer.alloc(RECORD);
  for (let done = 0; done < RECORD; ) {
    const read = readSync(file, record, done, RECORD - done, at * RECORD + done);
    if (read === 0) throw new StoreError('journal-damaged', 'A file of verdicts became shorter.', false);
    done += read;
  }
  return record;
}

function find(segment: Segment, order: Buffer): ArchivedVerdict[] {
  let [low, high] = [0, segment.records];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (readRecord(segment, middle).subarray(0, 32).compare(order) < 0) low = middle + 1;
    else high = middle;
  }
  const found: ArchivedVerdict[] = [];
  for (let at = low; at < segment.records; at++) {
    const record = readRecord(segment, at);
    if (!record.subarray(0, 32).equals(order)) break;
    found.push(decode(record));
  }
  return found;
}
