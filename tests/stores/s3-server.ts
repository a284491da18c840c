import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestS3 {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  bucket: string;
  region: string;
  /** What is stored, by `bucket/key`; a test may damage it. */
  objects: Map<string, Buffer>;
  /** Called before an answer; may spoil it: a status to answer with, or `drop` to close the connection. */
  spoil?: (method: string, key: string) => number | 'drop' | 'cut' | undefined;
  close(): Promise<void>;
}

const hash = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const mac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** The part of S3 that blobs need, in memory on 127.0.0.1: objects of one bucket in path style, signatures checked. */
export async function startS3(): Promise<TestS3> {
  const s3: TestS3 = {
    endpoint: '',
    accessKeyId: 'test-key',
    secretAccessKey: 'test-secret/with+signs',
    bucket: 'blobs',
    region: 'eu-test-1',
    objects: new Map(),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    serve(s3, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  s3.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return s3;
}

async function serve(s3: TestS3, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces);
  const refuse = (status: number, code: string) => {
    const text = `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml' }).end(request.method === 'HEAD' ? undefined : text);
  };
  const name = decodeURIComponent((request.url ?? '').slice(1));
  const spoiled = s3.spoil?.(request.method!, name);
  if (spoiled === 'drop') return void response.destroy();
  if (typeof spoiled === 'number') return refuse(spoiled, 'InternalError');
  const wrong = signatureFault(s3, request, body);
  if (wrong) return refuse(403, wrong);
  if (!name.startsWith(`${s3.bucket}/`)) return refuse(404, 'NoSuchBucket');
  const object = s3.objects.get(name);
  if (request.method === 'PUT') {
    if (request.headers['content-length'] === undefined) return refuse(411, 'MissingContentLength');
    s3.objects.set(name, body);
    response.writeHead(200).end();
  } else if (request.method === 'DELETE') {
    s3.objects.delete(name);
    response.writeHead(204).end();
  } else if (!object) {
    refuse(404, 'NoSuchKey');
  } else {
    response.writeHead(200, { 'content-length': object.length });
    if (request.method === 'HEAD') response.end();
    else if (spoiled === 'cut') response.write(object.subarray(0, object.length / 2), () => response.destroy());
    else response.end(object);
  }
}

/** Signature version 4 as Amazon specifies it, computed anew from the request; undefined where it is right. */
function signatureFault(s3: TestS3, request: IncomingMessage, body: Buffer): string | undefined {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
  const match = form.exec(request.headers.authorization ?? '');
  if (!match) return 'AccessDenied';
  const [, key, day, region, names, signature] = match;
  if (key !== s3.accessKeyId || region !== s3.region) return 'InvalidAccessKeyId';
  const date = String(request.headers['x-amz-date']);
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!date.startsWith(day) || !(Math.abs(Date.parse(iso) - Date.now()) < 15 * 60_000)) return 'RequestTimeTooSkewed';
  const signed = names.split(';');
  if (!signed.includes('host') || !signed.includes('x-amz-content-sha256')) return 'AccessDenied';
  const declared = String(request.headers['x-amz-content-sha256']);
  if (declared !== hash(body)) return 'XAmzContentSHA256Mismatch';
  const [path, query = ''] = (request.url ?? '').split('?');
  const headers = signed.map((header) => `${header}:${String(request.headers[header] ?? '').trim()}\n`).join('');
  const canonical = [request.method, path, query, headers, names, declared].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const dayKey = mac(`AWS4${s3.secretAccessKey}`, day);
  const signing = mac(mac(mac(dayKey, region), 's3'), 'aws4_request');
  return mac(signing, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}
