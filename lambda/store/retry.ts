// Trying again: one loop with full-jitter backoff within a deadline, for whatever is of a transient class.
import { setTimeout as sleep } from 'node:timers/promises';
import { FanoutError } from '../contract/errors.ts';

export interface RetryOptions {
  /** No new attempt starts when the attempts and the waits between them have taken this many milliseconds. */
  readonly deadlineMs: number;
  /** Ends the waiting; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure that another try follows, and for how many milliseconds it has been tried. */
  readonly onRetry?: ((error: FanoutError, milliseconds: number) => void) | undefined;
}

/** What those who may be aborted by a signal are being held up by. */
const troubles = new WeakMap<AbortSignal, FanoutError>();

/** The last failure of what is being tried again under this signal, for whoever ends it: what did not pass in time. */
export function troubleOf(signal: AbortSignal): FanoutError | undefined {
  return troubles.get(signal);
}

/** What an attempt knows, and may say. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** Takes time out of the deadline's account: what was spent waiting for our own turn. */
  excuse(milliseconds: number): void;
}

/** The first wait is up to this long; each further one up to twice as long, and none longer than MOST_WAIT_MS. */
const FIRST_WAIT_MS = 50;
const MOST_WAIT_MS = 5_000;

/**
 * Runs `action` until it succeeds, fails for good, or the deadline is over; then the last failure is thrown. Full jitter
 * (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/): each wait is random, from nothing to its bound.
 */
export async function retrying<T>(action: (attempt: Attempt) => Promise<T>, options: RetryOptions): Promise<T> {
  const { deadlineMs, signal, onRetry } = options;
  let started = performance.now();
  const excuse = (milliseconds: number): void => {
    started += milliseconds;
  };
  for (let number = 1; ; number++) {
    signal?.throwIfAborted();
    try {
      const result = await action({ number, excuse });
      if (number > 1 && signal !== undefined) troubles.delete(signal);
      return result;
    } catch (error) {
      const wait = Math.random() * Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** (number - 1));
      const again = error instanceof FanoutError && error.transient && performance.now() - started + wait < deadlineMs;
      if (!again) throw error;
      if (signal !== undefined) troubles.set(signal, error);
      onRetry?.(error, performance.now() - started);
      await sleep(wait, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}
