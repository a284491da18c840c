/** Ports of this machine that nobody listens on. */
import { createServer } from 'node:net';

/** The port that was listened on for a moment; undefined where it is taken or the host is not of this machine. */
function tryPort(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const { port: given } = server.address() as { port: number };
      server.close(() => resolve(given));
    });
  });
}

export const isFreePort = async (port: number, host = '127.0.0.1'): Promise<boolean> =>
  (await tryPort(host, port)) !== undefined;

/** Undefined where the system gives none. Another process may take it before it is used. */
export const freePort = (host = '127.0.0.1'): Promise<number | undefined> => tryPort(host, 0);
