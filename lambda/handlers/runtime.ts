// What the Lambda entries share: the stores, the part of Lambda's context that they use, and a signal that comes before Lambda's own end.

import { CHILD_SECONDS } from '../contract/child.ts';
import { FanoutError } from '../contract/errors.ts';
import { isDirectory } from '../contract/location.ts';
import type { Requests } from '../store/requests.ts';
import { connectS3, s3Store } from '../store/s3.ts';
import type { S3Connection } from '../store/s3-client.ts';
import type { Store } from '../store/store.ts';

/** Milliseconds; together they fit into the time of each function. */
export const TIMES = {
  /** A request to S3, all its tries included. */
  request: 60_000,
  /** What an entry keeps to answer in, before Lambda or the end of its child would end it without one. */
  answer: 3000,
} as const;

const stores = new Map<string, Store>();
let connection: S3Connection | undefined;

/**
 * Opens a bucket, over one client for all that this environment ever does. A function knows no directories, nor carries
 * their code: throws a RangeError for one.
 */
export function open(bucket: string): Store {
  if (isDirectory({ bucket })) throw new RangeError(`expected s3://bucket/prefix/ on AWS, got ${bucket}`);
  connection ??= connectS3({ requestTimeoutMs: TIMES.request, deadlineMs: TIMES.request });
  const store = stores.get(bucket) ?? s3Store(bucket, connection);
  stores.set(bucket, store);
  return store;
}

/** Requests to S3 of this environment so far. */
export function requestsSoFar(): Readonly<Requests> {
  return { ...(connection?.requests ?? { gets: 0, puts: 0, lists: 0, kms: 0 }) };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/**
 * Does the work with a signal that aborts with ImageTimeout a little before the function's own timeout, or before `latest`
 * (epoch milliseconds), for the reason that `whose` says; the work is told when, in epoch milliseconds.
 */
export async function withinTime<T>(
  context: LambdaContext,
  work: (signal: AbortSignal, until: number) => Promise<T>,
  { latest, whose }: { readonly latest: number; readonly whose: string } = FUNCTION_ONLY,
): Promise<T> {
  const controller = new AbortController();
  const own = context.getRemainingTimeInMillis();
  const left = Math.max(0, Math.round(latest - Date.now()));
  const why = left < own ? whose : "the function's time";
  const remaining = Math.min(own, left);
  const abort = (): void =>
    controller.abort(new FanoutError('ImageTimeout', `expected an answer within ${remaining} ms, ${why}, got none`));
  // A function that is given less than it takes to answer is ended by Lambda, as one is that ran out of memory.
  const timer =
    own <= TIMES.answer && own <= left ? undefined : setTimeout(abort, Math.max(0, remaining - TIMES.answer));
  try {
    return await work(controller.signal, Date.now() + Math.max(0, remaining - TIMES.answer));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * When a child that started then has lived for its `CHILD_SECONDS`, of which the function does not see the waits for a free
 * environment; never, where nobody says when it started.
 */
export function endOfChild(started: string | undefined): { readonly latest: number; readonly whose: string } {
  const at = started === undefined ? Number.NaN : Date.parse(started);
  const latest = Number.isNaN(at) ? Number.POSITIVE_INFINITY : at + CHILD_SECONDS * 1000;
  return { latest, whose: "what waiting for a free environment has left of the child's" };
}

const FUNCTION_ONLY = endOfChild(undefined);
