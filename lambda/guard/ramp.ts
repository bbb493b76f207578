// The ramp: the concurrency that so many successes allow.
import type { Ramp } from '../contract/guards.ts';

/**
 * Most invocations at once after so many keys without failure: the base, times the factor for each full
 * `numberOfSucceeded`, and never more than `maxConcurrency`.
 */
export function rampedConcurrency(
  { baseConcurrency, incrementFactor, numberOfSucceeded, maxConcurrency }: Ramp & { readonly maxConcurrency: number },
  succeeded: number,
): number {
  const steps = Math.floor(succeeded / numberOfSucceeded);
  return Math.min(maxConcurrency, Math.floor(baseConcurrency * incrementFactor ** steps));
}
