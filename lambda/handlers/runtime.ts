// What the Lambda entries share: the part of Lambda's context that they use, and the signal that ends before Lambda does.
import { FanoutError } from '../errors.ts';

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
