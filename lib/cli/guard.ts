// The guard of a run on this machine: told of each child's end, it lets the run grow, or stops it.

import { BREAKER_ERROR, CAP_ERROR, DEADLINE_ERROR } from '../../lambda/contract/guard-errors.ts';
import type { Breaker, Guards } from '../../lambda/contract/guards.ts';
import { isDirectory } from '../../lambda/contract/location.ts';
import type { Outcome } from '../../lambda/contract/outcome.ts';
import { pricesOf } from '../../lambda/estimate/prices.ts';
import { priorOf } from '../../lambda/estimate/prior.ts';
import { createLastLooks, type LastLooks, tripOf, tripText } from '../../lambda/guard/breaker.ts';
import { requestsOf } from '../../lambda/guard/notes.ts';
import { rampedConcurrency } from '../../lambda/guard/ramp.ts';
import { dollars, priceOfRequests } from '../../lambda/guard/spent.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { formatDuration } from '../../lambda/report/units.ts';
import type { StopReason } from '../local/execution.ts';

export interface GuardOptions {
  readonly guards: Guards;
  /** What requests cost here, for the cap. */
  readonly tariff?: Tariff | undefined;
  /** Changes the concurrency of the run. */
  readonly scale: (maxConcurrency: number) => void;
  /** Stops the run: told once. */
  readonly stop: (reason: Required<StopReason>) => void;
}

/** What a key costs on one's own machine: its requests to S3. US dollars. */
export interface Tariff {
  readonly ofKey: (outcome: Outcome) => number;
  /** One that is made anew, with all its outputs. */
  readonly atMost: number;
}

export interface Guard {
  /** A child begins, with so many keys. */
  started(keys: number): void;
  /** A child has ended, with what became of its keys; those of a canary only cost. */
  ended(outcomes: readonly Outcome[], inCanary?: boolean): void;
}

/** Makes one. Its memory follows the breaker's number of keys. */
export function createGuard({ guards: { breaker, ramp, maxCost }, tariff, scale, stop }: GuardOptions): Guard {
  const watch = breaker === undefined ? undefined : watchOf(breaker);
  let succeeded = 0;
  let allowed = ramp === undefined ? undefined : rampedConcurrency(ramp, 0);
  let stopped = false;
  let spent = 0;
  let running = 0;
  const stopFor = (error: string, cause: string): void => {
    if (stopped) return;
    stopped = true;
    stop({ error, cause });
  };
  return {
    started(keys) {
      running += keys;
      if (maxCost === undefined || tariff === undefined || spent + running * tariff.atMost <= maxCost) return;
      const cause = `The run has cost ${dollars(spent)} by list prices, and with what would run would pass the ${dollars(maxCost)} that it may`;
      // Told while the child is only being set up: it is not begun then.
      stopFor(CAP_ERROR, cause);
    },
    ended(outcomes, inCanary = false) {
      running -= outcomes.length;
      for (const outcome of outcomes) spent += tariff?.ofKey(outcome) ?? 0;
      if (inCanary) return;
      const cause = watch?.(outcomes);
      if (cause !== undefined) stopFor(BREAKER_ERROR, cause);
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

/** The tariff of a job on this machine; undefined where nothing is asked of S3. Prices are those of the Region in use. */
export function tariffOf({ source, destination, recipe }: PreparedJob, region?: string): Tariff | undefined {
  if (isDirectory(source) && isDirectory(destination)) return undefined;
  const { prices } = pricesOf(region);
  const price = ({ gets, puts }: { gets: number; puts: number }): number => {
    // Of a key's requests one is the source's.
    const read = isDirectory(source) ? 0 : Math.min(1, gets);
    const rest = isDirectory(destination) ? { gets: 0, puts: 0 } : { gets: Math.max(0, gets - 1), puts };
    return priceOfRequests({ gets: read + rest.gets, puts: rest.puts }, prices);
  };
  const { outputs } = priorOf(recipe);
  return { ofKey: (outcome) => price(requestsOf(outcome)), atMost: price({ gets: 2 + outputs, puts: outputs }) };
}
