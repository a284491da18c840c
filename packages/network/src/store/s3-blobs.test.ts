import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { blobSuite, collect, inPieces } from '../../../../tests/stores/blob-suite.js';
import { startS3 } from '../../../../tests/stores/s3-server.js';
import { digestOf } from './digest.js';
import { openBlobs, parseBlobUrl } from './open-blobs.js';
import { openS3Blobs } from './s3-blobs.js';

const directory = await mkdtemp(join(tmpdir(), 'dsperse-s3-'));
const s3 = await startS3();
afterAll(async () => {
  await s3.close();
  await rm(directory, { recursive: true, force: true });
});
afterEach(() => {
  s3.spoil = undefined;
  vi.unstubAllEnvs();
});

const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3;
const options = { endpoint, region, bucket, prefix: 'some/where', accessKeyId, secretAccessKey, directory };
const keyOf = (digest: string) =>
  `${bucket}/some/where/sha256/${digest.slice(7, 9)}/${digest.slice(9, 11)}/${digest.slice(7)}`;
const url = `s3://${bucket}/some/where?endpoint=${encodeURIComponent(endpoint)}&region=${region}`;

blobSuite('S3', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  return {
    store: await openBlobs({ url, directory }),
    damage: async (digest) => {
      const bytes = Buffer.from(s3.objects.get(keyOf(digest))!);
      bytes[bytes.length >> 1] ^= 1;
      s3.objects.set(keyOf(digest), bytes);
    },
    stored: async () => [...s3.objects.keys(), ...(await readdir(directory))],
  };
});

it('is refused with the wrong key', async () => {
  const store = await openS3Blobs({ ...options, secretAccessKey: 'wrong' });
  await expect(store.put(new Uint8Array(3))).rejects.toMatchObject({ code: 's3-403', retryable: false });
});

it('says when the bucket is not there', async () => {
  const store = await openS3Blobs({ ...options, bucket: 'elsewhere' });
  const digest = digestOf(new Uint8Array(3));
  await expect(store.put(new Uint8Array(3))).rejects.toMatchObject({ code: 's3-404', retryable: false });
  await expect(store.get(digest)).rejects.toMatchObject({ code: 's3-404', retryable: false });
});

it('tries again after failures that pass, a bounded number of times', async () => {
  const store = await openS3Blobs(options);
  const bytes = new Uint8Array(200_000).fill(7);
  const faults: (number | 'drop' | 'cut')[] = [503, 'drop', 500];
  s3.spoil = () => faults.shift();
  const digest = await store.put(inPieces(bytes));
  expect(faults).toEqual([]);
  faults.push('cut', 'drop');
  expect(await store.get(digest)).toEqual(bytes);
  faults.push('cut');
  await expect(store.read(digest).then(collect)).rejects.toMatchObject({ code: 's3-unreachable', retryable: true });
  let asked = 0;
  s3.spoil = () => {
    asked++;
    return 503;
  };
  await expect(store.has(digest)).rejects.toMatchObject({ code: 's3-503', retryable: true });
  expect(asked).toBe(4);
  expect(await readdir(directory)).toEqual([]);
});

it('does not wait for ever', async () => {
  const { createServer } = await import('node:net');
  const silent = createServer(() => {});
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  const store = await openS3Blobs({ ...options, endpoint: `http://127.0.0.1:${port}`, timeoutMs: 100, maxAttempts: 2 });
  await expect(store.has(digestOf(new Uint8Array(1)))).rejects.toMatchObject({
    code: 's3-unreachable',
    retryable: true,
  });
  silent.close();
});

it('reads BLOB_URL', async () => {
  expect(parseBlobUrl(url)).toEqual({ endpoint, region, bucket, prefix: 'some/where' });
  expect(parseBlobUrl('s3://bucket')).toEqual({
    endpoint: 'https://s3.us-east-1.amazonaws.com',
    region: 'us-east-1',
    bucket: 'bucket',
    prefix: '',
  });
  const bad = [
    'http://x/y',
    's3://',
    's3://bucket/a%2f..',
    's3://bucket?endpoint=file:///etc',
    's3://bucket?endpoint=x',
  ];
  for (const text of bad) expect(() => parseBlobUrl(text), text).toThrow(/BLOB_URL/);
  vi.stubEnv('AWS_ACCESS_KEY_ID', '');
  await expect(openBlobs({ url, directory })).rejects.toMatchObject({ code: 'no-blob-keys' });
});
