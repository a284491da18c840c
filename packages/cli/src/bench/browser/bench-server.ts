/** Serves pages, core's modules and a model to a browser on this machine, and takes what the page found out. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGES = fileURLToPath(new URL('../../../../../bench/browser/', import.meta.url));
const CORE = fileURLToPath(new URL('../../../../core/dist/', import.meta.url));

/** What makes a page cross-origin isolated, so that it may share memory with its workers. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
};

export interface ServedFiles {
  readonly isolated: boolean;
  /** By path, such as /model.onnx. */
  readonly files: ReadonlyMap<string, Uint8Array | string>;
}

export interface BenchServer {
  readonly url: string;
  /** The body of what the page posts to /result. */
  readonly result: Promise<unknown>;
  close(): void;
}

export async function startBenchServer({ isolated, files }: ServedFiles): Promise<BenchServer> {
  let settle: (result: unknown) => void = () => undefined;
  const result = new Promise<unknown>((resolve) => {
    settle = resolve;
  });
  const server: Server = createServer(async (request, response) => {
    try {
      if (request.method === 'POST' && request.url === '/result') {
        const body = await bodyOf(request);
        response.writeHead(204).end();
        settle(JSON.parse(body));
        return;
      }
      await serve(request.url ?? '/', response, isolated, files);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    result,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function serve(
  url: string,
  response: ServerResponse,
  isolated: boolean,
  files: ServedFiles['files'],
): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
  const given = files.get(path);
  const body = given ?? (await readFile(path.startsWith('/core/') ? join(CORE, path.slice(6)) : join(PAGES, path)));
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store', ...(isolated ? ISOLATION : {}) });
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
