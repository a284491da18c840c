import { randomBytes } from 'node:crypto';
import { type BlobStore, type ByteStream, digestOf } from '@dsperse/network/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

export interface BlobSuiteSubject {
  store: BlobStore;
  /** Flips a bit of what is stored under the digest, behind the store's back. */
  damage(digest: string): Promise<void>;
  /** Everything stored, finished or not, except what was put aside as damaged. */
  stored(): Promise<string[]>;
}

export async function* inPieces(bytes: Uint8Array, size = 1000): ByteStream {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(stream: ByteStream | undefined): Promise<Uint8Array | undefined> {
  if (!stream) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

const NOT_DIGESTS = [
  'sha256:../../x',
  `sha256:${'../'.repeat(21)}x`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `sha256:${'a'.repeat(64)}\n`,
  `sha256:${'a'.repeat(64)}/..`,
  `sha512:${'a'.repeat(64)}`,
  'a'.repeat(64),
  '',
  '__proto__',
  undefined as unknown as string,
  ['sha256:'] as unknown as string,
];

/** What every BlobStore must do. */
export function blobSuite(name: string, open: () => Promise<BlobSuiteSubject>): void {
  describe(`BlobStore: ${name}`, () => {
    let subject: BlobSuiteSubject;
    let store: BlobStore;
    beforeAll(async () => {
      subject = await open();
      store = subject.store;
    });
    afterAll(() => store?.close());

    it.each([0, 1, 1000, 300_001])('keeps %i bytes, whole and in pieces', async (length) => {
      const bytes = new Uint8Array(randomBytes(length));
      const digest = digestOf(bytes);
      expect(await store.has(digest)).toBe(false);
      expect(await store.get(digest)).toBeUndefined();
      expect(await store.read(digest)).toBeUndefined();
      expect(await store.size(digest)).toBeUndefined();
      expect(await store.put(length % 2 ? bytes : inPieces(bytes), { digest, maxBytes: length })).toBe(digest);
      expect(await store.put(length % 2 ? inPieces(bytes) : bytes)).toBe(digest);
      expect(await store.has(digest)).toBe(true);
      expect(await store.size(digest)).toBe(length);
      expect(await store.get(digest, { maxBytes: length })).toEqual(bytes);
      expect(await collect(await store.read(digest))).toEqual(bytes);
      expect(await store.delete(digest)).toBe(true);
      expect(await store.delete(digest)).toBe(false);
      expect(await store.get(digest)).toBeUndefined();
    });

    it('refuses what is too large or is not what it should be, and keeps none of it', async () => {
      const before = await subject.stored();
      const bytes = new Uint8Array(randomBytes(5000));
      const other = digestOf(new Uint8Array(1));
      for (const source of [() => bytes, () => inPieces(bytes)]) {
        await expect(store.put(source(), { maxBytes: 4999 })).rejects.toMatchObject({ code: 'blob-too-large' });
        await expect(store.put(source(), { digest: other })).rejects.toMatchObject({ code: 'digest-mismatch' });
      }
      const own = new Error('the sender went away');
      const breaking = async function* () {
        yield bytes;
        throw own;
      };
      await expect(store.put(breaking())).rejects.toBe(own);
      expect(await subject.stored()).toEqual(before);
      const digest = await store.put(bytes);
      await expect(store.get(digest, { maxBytes: 4999 })).rejects.toMatchObject({ code: 'blob-too-large' });
    });

    it.each(NOT_DIGESTS)('takes %j for no digest', async (digest) => {
      const before = await subject.stored();
      const refused = { name: 'InputError', code: 'bad-digest' };
      await expect(store.get(digest)).rejects.toMatchObject(refused);
      await expect(store.read(digest)).rejects.toMatchObject(refused);
      await expect(store.has(digest)).rejects.toMatchObject(refused);
      await expect(store.size(digest)).rejects.toMatchObject(refused);
      await expect(store.delete(digest)).rejects.toMatchObject(refused);
      if (digest !== undefined) {
        await expect(store.put(new Uint8Array(3), { digest })).rejects.toMatchObject(refused);
      }
      expect(await subject.stored()).toEqual(before);
    });

    it('never gives out damaged bytes, and is mended by putting them again', async () => {
      const bytes = new Uint8Array(randomBytes(700_000));
      const digest = await store.put(bytes);
      await subject.damage(digest);
      await expect(store.get(digest)).rejects.toMatchObject({ name: 'StoreError', code: 'blob-damaged' });
      await store.put(bytes);
      expect(await store.get(digest)).toEqual(bytes);
      await subject.damage(digest);
      let received = 0;
      const reading = (async () => {
        for await (const piece of (await store.read(digest))!) received += piece.length;
      })();
      await expect(reading).rejects.toMatchObject({ code: 'blob-damaged' });
      expect(received).toBeLessThan(bytes.length);
      await store.put(bytes);
      await subject.damage(digest);
      await store.put(bytes);
      expect(await store.get(digest)).toEqual(bytes);
    });

    it('takes the same blob from many at once', async () => {
      const bytes = new Uint8Array(randomBytes(100_000));
      const puts = Array.from({ length: 8 }, (_, i) => store.put(i % 2 ? bytes : inPieces(bytes)));
      expect(new Set(await Promise.all(puts)).size).toBe(1);
      expect(await store.get(digestOf(bytes))).toEqual(bytes);
    });
  });
}
