import { AwsClient } from 'aws4fetch';
import { StoreError } from './store-error.js';

export interface S3Access {
  /** Origin of the service; the bucket follows as the first part of the path. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** How often a request is made at most; 4 unless said otherwise. */
  maxAttempts?: number;
  /** How long to wait for an answer, besides the time to send the body at 128 KiB/s; 15,000 unless said otherwise. */
  timeoutMs?: number;
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  key: string;
  /** Called for every attempt. */
  body?: () => RequestInit['body'];
  length?: number;
  headers?: Record<string, string>;
}

const SLOWEST_BYTES_PER_MS = 128;

/** Signed requests for the objects of one bucket, tried again after failures that may pass, with growing pauses. */
export class S3Requests {
  readonly #access: S3Access;
  readonly #signer: AwsClient;

  constructor(access: S3Access) {
    const { accessKeyId, secretAccessKey, sessionToken, region } = access;
    this.#access = access;
    this.#signer = new AwsClient({ accessKeyId, secretAccessKey, sessionToken, region, service: 's3', retries: 0 });
  }

  /** The answer, with success or 404; anything else is a StoreError. The caller reads or cancels its body. */
  async send(request: S3Request): Promise<Response> {
    const { maxAttempts = 4 } = this.#access;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request);
      } catch (error) {
        if (attempt >= maxAttempts || !(error instanceof StoreError) || !error.retryable) throw error;
      }
      await new Promise((done) => setTimeout(done, Math.random() * Math.min(2000, 100 * 2 ** attempt)));
    }
  }

  async #once({ method, key, body, length = 0, headers }: S3Request): Promise<Response> {
    const { endpoint, bucket, timeoutMs = 15_000 } = this.#access;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs + length / SLOWEST_BYTES_PER_MS);
    let response: Response;
    try {
      const url = `${endpoint}/${bucket}/${key}`;
      // The body is signed by its digest, which is among the headers, so the signer need not see it.
      const signed = await this.#signer.sign(url, { method, headers });
      const init: RequestInit = { method, headers: signed.headers, signal: abort.signal, redirect: 'error' };
      const sent = body?.();
      if (sent !== undefined) {
        Object.assign(init, { body: sent, duplex: 'half' });
        // Without it a stream would be sent in chunks, which S3 does not take.
        signed.headers.set('content-length', String(length));
      }
      response = await fetch(url, init);
    } catch (cause) {
      const why = abort.signal.aborted ? 'it did not answer in time' : describe(cause);
      throw unreachable(why, cause);
    } finally {
      clearTimeout(timer);
    }
    if (response.ok) return response;
    const text = method === 'HEAD' ? '' : (await response.text().catch(() => '')).slice(0, 2000);
    const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(text)?.[1] ?? `HTTP ${response.status}`;
    if (response.status === 404 && code !== 'NoSuchBucket') return response;
    throw refused(response.status, code);
  }
}

/** The body of an answer in pieces. A retryable StoreError where it breaks off or nothing comes for `timeoutMs`. */
export async function* bodyOf(response: Response, timeoutMs = 15_000): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('nothing came for too long')), timeoutMs);
      });
      const next = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw unreachable(describe(error), error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function describe(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}

function unreachable(why: string, cause: unknown): StoreError {
  const hint = 'Check that it runs and that BLOB_URL is right.';
  return new StoreError('s3-unreachable', `The object store cannot be reached: ${why}.`, true, hint, { cause });
}

function refused(status: number, code: string): StoreError {
  const retryable = status >= 500 || status === 429 || status === 408 || code === 'RequestTimeTooSkewed';
  const hint = retryable ? 'Try again.' : 'Check BLOB_URL, the keys and what they may do.';
  return new StoreError(`s3-${status}`, `The object store refused a request: ${code}.`, retryable, hint);
}
