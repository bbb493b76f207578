// A proxy in front of a real S3 server that breaks things on purpose: by plan, or at random from a seed.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What can go wrong with one request. */
export const FAULTS = {
  slowDown: 'answers 503 SlowDown',
  internalError: 'answers 500 InternalError',
  resetBefore: 'resets the connection before the request is passed on',
  resetWithin: 'resets the connection in the middle of the body, of the answer or of the request',
  resetAfter: 'passes the request on, then resets the connection instead of answering',
  stall: 'stops in the middle of the answer and says no more',
  truncate: 'ends the connection in the middle of the announced length',
  cut: 'announces and sends only half of the body',
  flip: 'changes one byte of the body, of the answer or of the request',
  wrongChecksum: 'changes the checksum that the answer announces',
  latency: 'takes its time',
  expired: 'answers 400 ExpiredToken',
  denied: 'answers 403 AccessDenied',
} as const;

export type Fault = keyof typeof FAULTS;

/** The faults that a second try can mend. */
export const TRANSIENT_FAULTS: readonly Fault[] = (Object.keys(FAULTS) as Fault[]).filter(
  (fault) => fault !== 'expired' && fault !== 'denied',
);

export interface ProxiedRequest {
  readonly number: number;
  readonly method: string;
  readonly url: string;
}

export interface FaultProxyOptions {
  /** Endpoint of the real server. */
  readonly target: string;
  /** Which fault a request meets. It may change the server's objects meanwhile. Default: none. */
  readonly choose?: (request: ProxiedRequest) => Fault | undefined | Promise<Fault | undefined>;
  /** Longest time that `latency` takes, in milliseconds. Default 20. */
  readonly latencyMs?: number;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** All requests so far, each with the fault that it met. */
  readonly requests: readonly (ProxiedRequest & { readonly fault: Fault | undefined })[];
  stop(): Promise<void>;
}

/** A reproducible random number generator (mulberry32): numbers from 0 up to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Chooses at random: each request meets one of the faults with this probability. */
export function randomFaults(seed: number, rate: number, faults: readonly Fault[]): () => Fault | undefined {
  const random = randomFrom(seed);
  return () => (random() < rate ? faults[Math.floor(random() * faults.length)] : undefined);
}

/** Chooses from a list: the first request meets the first fault, and so on; those after the list's end meet none. */
export function plannedFaults(...faults: readonly (Fault | undefined)[]): () => Fault | undefined {
  const left = [...faults];
  return () => left.shift();
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Starts a proxy on a free port. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target, choose = () => undefined, latencyMs = 20 } = options;
  const requests: (ProxiedRequest & { readonly fault: Fault | undefined })[] = [];

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const seen = { number: requests.length, method: incoming.method ?? 'GET', url: incoming.url ?? '/' };
    const fault = await choose(seen);
    requests.push({ ...seen, fault });
    const isUpload = seen.method === 'PUT' || seen.method === 'POST';
    const reset = (): void => void incoming.socket.resetAndDestroy();

    if (fault === 'resetBefore') return reset();
    if (fault === 'resetWithin' && isUpload) return void incoming.once('data', reset).once('end', reset);
    const body = await buffer(incoming);
    if (fault === 'slowDown') return refuse(seen, outgoing, 503, 'SlowDown');
    if (fault === 'internalError') return refuse(seen, outgoing, 500, 'InternalError');
    if (fault === 'expired') return refuse(seen, outgoing, 400, 'ExpiredToken');
    if (fault === 'denied') return refuse(seen, outgoing, 403, 'AccessDenied');
    if (fault === 'latency') await sleep(latencyMs * Math.abs(Math.sin(seen.number)));

    const answer = await pass(target, incoming, fault === 'flip' && isUpload ? flipped(body) : body);
    if (fault === 'resetAfter') return reset();
    if (fault === 'stall' && isUpload) return;
    const half = answer.body.subarray(0, answer.body.length >> 1);
    switch (fault) {
      case 'resetWithin':
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.write(half, () => setTimeout(reset, 5));
        return;
      case 'stall':
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.flushHeaders();
        if (half.length > 0) outgoing.write(half);
        else outgoing.end();
        return;
      case 'truncate':
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.write(half, () => outgoing.socket?.end());
        return;
      case 'cut':
        outgoing.writeHead(
          answer.status,
          seen.method === 'GET' ? { ...answer.headers, 'content-length': half.length } : answer.headers,
        );
        outgoing.end(seen.method === 'GET' ? half : answer.body);
        return;
      case 'flip':
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.end(isUpload ? answer.body : flipped(answer.body));
        return;
      case 'wrongChecksum':
        outgoing.writeHead(answer.status, seen.method === 'GET' ? otherChecksum(answer.headers) : answer.headers);
        outgoing.end(answer.body);
        return;
      default:
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.end(answer.body);
    }
  }

  const server = createServer((incoming, outgoing) => {
    incoming.on('error', () => undefined);
    outgoing.on('error', () => undefined);
    serve(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse({ method }: ProxiedRequest, outgoing: ServerResponse, status: number, code: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/xml' });
  outgoing.end(
    method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>made by the fault proxy</Message></Error>`,
  );
}

function pass(target: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, url, headers } = incoming;
    const onward = request(new URL(target), { method, path: url, headers }, async (response) => {
      resolve({ status: response.statusCode ?? 500, headers: response.headers, body: await buffer(response) });
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const at = copy.length >> 1;
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ 0x01;
  return copy;
}

function otherChecksum(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return 'x-amz-checksum-crc32' in headers ? { ...headers, 'x-amz-checksum-crc32': 'AAAAAA==' } : headers;
}
