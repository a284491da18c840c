/** A TCP proxy that can be cut: then nothing passes in either direction, and nobody is told. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface CutProxy {
  readonly url: string;
  cut(): void;
  /** What was open when it was cut is lost; new connections pass. */
  heal(): void;
  close(): Promise<void>;
}

export async function startCutProxy(targetUrl: string): Promise<CutProxy> {
  const { hostname, port } = new URL(targetUrl);
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    open.add(near);
    near.on('error', () => {});
    near.on('close', () => open.delete(near));
    // As packets that are dropped: accepted by the kernel, and never answered.
    if (isCut) return;
    const far = connect(Number(port), hostname);
    open.add(far);
    far.on('error', () => near.destroy());
    far.on('close', () => {
      open.delete(far);
      if (!isCut) near.destroy();
    });
    near.on('close', () => far.destroy());
    near.on('data', (piece) => isCut || far.write(piece));
    far.on('data', (piece) => isCut || near.write(piece));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
    },
    heal() {
      isCut = false;
      for (const socket of open) socket.destroy();
    },
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
