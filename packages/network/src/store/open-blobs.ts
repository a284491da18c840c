import { InputError } from '@dsperse/core/verify';
import type { BlobStore } from './blobs.js';
import { openFileBlobs } from './file-blobs.js';
import { openS3Blobs } from './s3-blobs.js';

/** Where the blobs of this node are; plain values, so that it can be handed to a worker thread. */
export interface BlobLocation {
  /** `s3://bucket/prefix?endpoint=https://…&region=…`; without it the blobs are files in the directory. */
  url?: string;
  /** Where files live; with S3, where uploads of unknown length wait. */
  directory: string;
}

/**
 * The blobs of this node. S3 takes the keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN).
 * `onDamaged` is told of every file that was damaged, and where it was put aside.
 */
export async function openBlobs(
  { url, directory }: BlobLocation,
  onDamaged?: (digest: string, path: string) => void,
): Promise<BlobStore> {
  if (!url) return openFileBlobs({ directory, onDamaged });
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    const hint = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
    throw new InputError('no-blob-keys', 'BLOB_URL names an object store, but there are no keys for it.', hint);
  }
  return openS3Blobs({
    ...parseBlobUrl(url),
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN,
    directory,
  });
}

/** The parts of a BLOB_URL. InputError `bad-blob-url` for anything but an s3 URL with a bucket. */
export function parseBlobUrl(text: string): { endpoint: string; region: string; bucket: string; prefix: string } {
  const bad = (why: string) =>
    new InputError('bad-blob-url', `BLOB_URL ${why}.`, 'Write s3://bucket/prefix?endpoint=https://…&region=….');
  if (!text.startsWith('s3://')) throw bad('does not begin with s3://');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bucket = url?.hostname ?? '';
  if (!url || !/^[a-z0-9][a-z0-9.-]{1,62}$/.test(bucket)) throw bad('names no bucket');
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  if (!/^[A-Za-z0-9_./-]*$/.test(prefix) || prefix.split('/').some((part) => /^\.+$/.test(part))) {
    throw bad('has a prefix of other than letters, digits and _ . / -');
  }
  const region = url.searchParams.get('region') ?? 'us-east-1';
  const endpoint = url.searchParams.get('endpoint') ?? `https://s3.${region}.amazonaws.com`;
  if (!/^https?:\/\/[^/?#@]+\/?$/.test(endpoint)) throw bad('has an endpoint that is no http(s) origin');
  return { endpoint: endpoint.replace(/\/$/, ''), region, bucket, prefix };
}
