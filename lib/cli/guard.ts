// The guard of a run on this machine: told of each child's end, it lets the run grow, or stops it.

import { BREAKER_ERROR, DEADLINE_ERROR } from '../../lambda/contract/guard-errors.ts';
import type { Breaker, Guards } from '../../lambda/contract/guards.ts';
import type { Outcome } from '../../lambda/contract/outcome.ts';
import { createLastLooks, type LastLooks, tripOf, tripText } from '../../lambda/guard/breaker.ts';
import { rampedConcurrency } from '../../lambda/guard/ramp.ts';
import { formatDuration } from '../../lambda/report/units.ts';
import type { StopReason } from '../local/execution.ts';

export interface GuardOptions {
  readonly guards: Guards;
  /** Changes the concurrency of the run. */
  readonly scale: (maxConcurrency: number) => void;
  /** Stops the run: told once. */
  readonly stop: (reason: Required<StopReason>) => void;
}

export interface Guard {
  /** A child has ended, with what became of its keys. */
  ended(outcomes: readonly Outcome[]): void;
}

/** Makes one. Its memory follows the breaker's number of keys. */
export function createGuard({ guards: { breaker, ramp }, scale, stop }: GuardOptions): Guard {
  const watch = breaker === undefined ? undefined : watchOf(breaker);
  let succeeded = 0;
  let allowed = ramp === undefined ? undefined : rampedConcurrency(ramp, 0);
  let stopped = false;
  return {
    ended(outcomes) {
      const cause = watch?.(outcomes);
      if (cause !== undefined && !stopped) {
        stopped = true;
        stop({ error: BREAKER_ERROR, cause });
      }
      if (ramp === undefined) return;
      // As Step Functions counts it: a batch with a failed key has no success.
      if (outcomes.every(({ status }) => status === 'succeeded' || status === 'skipped')) succeeded += outcomes.length;
      const now = rampedConcurrency(ramp, succeeded);
      if (now !== allowed) scale(now);
      allowed = now;
    },
  };
}

/** Answers why the run is to be stopped, as soon as it is. */
function watchOf(breaker: Breaker): (outcomes: readonly Outcome[]) => string | undefined {
  const last: LastLooks = createLastLooks(breaker.keys);
  const failures: { readonly at: number; readonly error: string }[] = [];
  const byClass = new Map<string, number>();
  let [at, done, failed] = [0, 0, 0];
  const count = (error: string, more: 1 | -1) => byClass.set(error, (byClass.get(error) ?? 0) + more);
  return (outcomes) => {
    at += 1;
    for (const outcome of outcomes) {
      if (outcome.status !== 'pending') done += 1;
      if (outcome.status !== 'failed') continue;
      failed += 1;
      failures.push({ at, error: outcome.error });
      count(outcome.error, 1);
    }
    const keys = last.add({ at, done, failed });
    if (keys === undefined) return undefined;
    for (let [first] = failures; first !== undefined && first.at <= keys.since; [first] = failures) {
      failures.shift();
      count(first.error, -1);
    }
    const trip = tripOf(breaker, keys, byClass);
    return trip === undefined ? undefined : tripText(trip, breaker);
  };
}

/** A timer of Node holds no more milliseconds; a longer deadline than 24 days is none. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Stops the run so many milliseconds after its start, in epoch milliseconds; never where there is no deadline. */
export function startDeadline(
  started: number,
  deadline: number | undefined,
  stop: GuardOptions['stop'],
): { clear(): void } {
  if (deadline === undefined || deadline > LONGEST_TIMER) return { clear: () => {} };
  const cause = `The deadline of ${formatDuration(deadline)} has come`;
  const timer = setTimeout(() => stop({ error: DEADLINE_ERROR, cause }), Math.max(0, started + deadline - Date.now()));
  return { clear: () => clearTimeout(timer) };
}
