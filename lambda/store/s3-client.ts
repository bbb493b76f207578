// The S3 client, set up once: connections, timeouts, and the one way in which every request of ours is sent.
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { FanoutError } from '../contract/errors.ts';
import { createPace, type Pace, type Slowdown } from './pace.ts';
import { countRequests, type Requests } from './requests.ts';
import { type Attempt, retrying } from './retry.ts';
import { type S3Request, s3Error } from './s3-errors.ts';

export interface S3Options {
  /** A client of one's own; it should have `maxAttempts: 1`, because the store tries again by itself. Default: one from the standard AWS environment. */
  readonly client?: S3Client;
  /** Default: AWS_REGION and what else the SDK knows. */
  readonly region?: string;
  /** An S3-compatible server's. Default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS. */
  readonly endpoint?: string;
  /** Longest time to connect, in milliseconds. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Longest silence on a connection, in milliseconds: before the answer, or within its body. Default 10,000. */
  readonly stallTimeoutMs?: number;
  /** Longest time of one attempt of one request, its body included, in milliseconds. Default 60,000. */
  readonly requestTimeoutMs?: number;
  /** How long a request that fails in a transient way is tried again, in milliseconds, without the time it waits for its turn. Default 60,000. */
  readonly deadlineMs?: number;
  /** Most requests (and connections) at once. Default 256. */
  readonly mostRequests?: number;
  /** Told of each failure that another try follows, and for how many milliseconds that request has been tried. */
  readonly onRetry?: (error: FanoutError, milliseconds: number) => void;
  /** Told when S3 asks to slow down and the number of requests at once is lowered; it recovers by itself. */
  readonly onThrottle?: (slowdown: Slowdown) => void;
}

/** What the S3 stores of one process share. */
export interface S3Connection {
  readonly client: S3Client;
  readonly pace: Pace;
  /** What has been sent so far. */
  readonly requests: Readonly<Requests>;
  /**
   * Runs one request, and again while it fails in a transient way: each attempt in its turn, within the time limits, with every error
   * classed. `send` must read the answer's body too, so that a broken body is tried again as a whole. An abort throws the signal's reason.
   */
  request<T>(
    request: S3Request,
    send: (signal: AbortSignal, attempt: Attempt) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  close(): void;
}

/** Opens the connection to S3. Nothing is sent yet. */
export function connectS3(options: S3Options = {}): S3Connection {
  const { requestTimeoutMs = 60_000, deadlineMs = 60_000, mostRequests = 256 } = options;
  const client = options.client ?? createClient(options, mostRequests);
  const pace = createPace({ most: mostRequests, onThrottle: options.onThrottle });

  async function inTurn<T>(attempt: Attempt, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    return pace.run(() => {
      attempt.excuse(performance.now() - asked);
      return action();
    }, signal);
  }

  return {
    client,
    pace,
    requests: countRequests(client),
    request: (request, send, signal) =>
      retrying(
        (attempt) =>
          inTurn(attempt, signal, async () => {
            const limit = timeLimit(requestTimeoutMs, request, signal);
            try {
              return await send(limit.signal, attempt);
            } catch (error) {
              if (limit.signal.aborted) throw limit.signal.reason;
              const classed = s3Error(error, request);
              if (classed.name === 'Throttled') pace.throttled();
              throw classed;
            } finally {
              limit.clear();
            }
          }),
        { deadlineMs, signal, onRetry: options.onRetry },
      ),
    close: () => {
      if (options.client === undefined) client.destroy();
    },
  };
}

function createClient(options: S3Options, maxSockets: number): S3Client {
  const { connectTimeoutMs = 5_000, stallTimeoutMs = 10_000, region } = options;
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
  if (endpoint !== '' && !/^https?:\/\//i.test(endpoint))
    throw new FanoutError(
      'InvalidJob',
      `the S3 endpoint: expected http://… or https://…, got ${JSON.stringify(endpoint)}`,
    );
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    // At an endpoint of one's own, bucket.host seldom resolves.
    ...(endpoint === '' ? {} : { endpoint, forcePathStyle: true }),
    followRegionRedirects: true,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      socketTimeout: stallTimeoutMs,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
    }),
  });
}

// By hand, because AbortSignal.any on a run's long-lived signal would gather one dependent per request.
function timeLimit(
  milliseconds: number,
  request: S3Request,
  outer: AbortSignal | undefined,
): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const message = `${request.action} s3://${request.bucket}/${request.key} took longer than ${milliseconds} ms.`;
  const timer = setTimeout(() => controller.abort(new FanoutError('RequestTimeout', message)), milliseconds);
  const passOn = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) passOn();
  outer?.addEventListener('abort', passOn, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', passOn);
    },
  };
}
