// Retriers and catchers: which errors they match, and how long a state waits before it tries again.
import type { Catcher, Retrier } from '../../states-language.ts';
import { StatesTimeout } from '../states-error.ts';

/** Longest time that a timer of Node can hold, in seconds (2^31 - 1 milliseconds); a longer one would fire at once. */
export const LONGEST_SECONDS = 2_147_483;

/** A failure may forbid both, as States.Runtime does. */
type Failed = Error & { readonly isRetryable?: boolean; readonly isCatchable?: boolean };

/** States.TaskFailed matches failures of Tasks, timeouts aside; a Map is none. */
function matches(names: readonly string[], error: Failed, type: 'Task' | 'Map'): boolean {
  return names.some(
    (name) =>
      name === error.name ||
      name === 'States.ALL' ||
      (name === 'States.TaskFailed' && type === 'Task' && !(error instanceof StatesTimeout)),
  );
}

/**
 * Begins to count a state's attempts; the answer tells the milliseconds to wait after a failure, or undefined when it is
 * final. The first retrier that matches decides, and each counts for itself. Defaults:
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function retrying(retriers: readonly Retrier[], type: 'Task' | 'Map', fixedMilliseconds?: number) {
  const attempts = retriers.map(() => 0);
  return (error: Failed): number | undefined => {
    if (error.isRetryable === false) return undefined;
    const place = retriers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error, type));
    const retrier = retriers[place];
    const before = attempts[place];
    if (retrier === undefined || before === undefined || before >= (retrier.MaxAttempts ?? 3)) return undefined;
    attempts[place] = before + 1;
    return fixedMilliseconds ?? waitOf(retrier, before);
  };
}

function waitOf(retrier: Retrier, before: number): number {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = LONGEST_SECONDS, JitterStrategy } = retrier;
  const milliseconds = Math.min(IntervalSeconds * BackoffRate ** before, MaxDelaySeconds) * 1000;
  return JitterStrategy === 'FULL' ? Math.floor(Math.random() * (milliseconds + 1)) : milliseconds;
}

/** Finds the first catcher that matches. */
export function catcherFor(catchers: readonly Catcher[], error: Failed, type: 'Task' | 'Map'): Catcher | undefined {
  if (error.isCatchable === false) return undefined;
  return catchers.find(({ ErrorEquals }) => matches(ErrorEquals, error, type));
}
