/** An HTTP proxy in front of a gateway that keeps some requests to itself: whoever sent them waits, and is told nothing. */
import { createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface DeafProxy {
  readonly url: string;
  /** Which requests are kept from now on; none at first. */
  keep(which: (method: string, path: string) => boolean): void;
  /** Paths of what was kept so far. */
  readonly kept: readonly string[];
  close(): Promise<void>;
}

export async function startDeafProxy(targetUrl: string): Promise<DeafProxy> {
  const { hostname, port } = new URL(targetUrl);
  const open = new Set<Socket>();
  const kept: string[] = [];
  let isKept: (method: string, path: string) => boolean = () => false;
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    if (isKept(method, path)) {
      kept.push(path);
      incoming.resume();
      return;
    }
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keep(which) {
      isKept = which;
    },
    kept,
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
