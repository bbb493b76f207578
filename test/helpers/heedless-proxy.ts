// An S3 server that ignores conditions, as some do: a proxy that drops request headers on their way to another server.
import { createServer, type IncomingMessage, request } from 'node:http';

export interface HeedlessProxy {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts one in front of `target`, a server that does not verify signatures. */
export async function startHeedlessProxy(target: string, drops: readonly string[]): Promise<HeedlessProxy> {
  const server = createServer((incoming, outgoing) => {
    const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !drops.includes(name)));
    const answered = (answer: IncomingMessage): void => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    };
    const onward = request(new URL(target), { method: incoming.method, path: incoming.url, headers }, answered);
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
