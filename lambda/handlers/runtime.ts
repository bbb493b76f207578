// What the Lambda entries share: the stores, the part of Lambda's context that they use, and a signal that comes before Lambda's own end.
import { FanoutError } from '../errors.ts';
import { openStores } from '../store/open.ts';
// The stores would load S3's half when it is first needed; a function does so while it starts.
import '../store/s3.ts';

/** The stores of this environment: one client for all that it ever does. */
export const { open } = openStores();

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** Milliseconds that an entry keeps to answer in, before Lambda would end it without one. */
const ANSWER_TIME = 3000;

/** Does the work with a signal that aborts with ImageTimeout a little before the function's own timeout. */
export async function withinTime<T>(context: LambdaContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const remaining = context.getRemainingTimeInMillis();
  const timer = setTimeout(
    () =>
      controller.abort(
        new FanoutError('ImageTimeout', `expected an answer within ${remaining} ms, the function's time, got none`),
      ),
    Math.max(0, remaining - ANSWER_TIME),
  );
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
