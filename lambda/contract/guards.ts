// What guards a run while it goes: how fast it may grow, and when it is stopped whatever is tolerated.
import * as z from 'zod';

/** AWS IoT Jobs' words: https://docs.aws.amazon.com/iot/latest/developerguide/jobs-configurations-details.html */
export const rampSchema = z.strictObject({
  baseConcurrency: z.int().min(1).max(10_000).default(10).describe('Invocations at once at the begin of a ramp.'),
  incrementFactor: z
    .number()
    .min(1.1)
    .max(5)
    .default(2)
    .describe('By what the concurrency of a ramp grows, up to `maxConcurrency`.'),
  numberOfSucceeded: z.int().min(1).default(100).describe('After how many keys without failure it grows each time.'),
});

export const breakerSchema = z.strictObject({
  keys: z.int().min(1).max(10_000).default(100).describe('How many of the keys that ended last a breaker looks at.'),
  percentage: z
    .number()
    .min(0)
    .lt(100)
    .default(50)
    .describe(
      'Share of them that may fail by one class; more stop the run as `stoppedByBreaker`, whatever is tolerated.',
    ),
});

export const canarySchema = z.strictObject({
  keys: z.int().min(1).max(1000).default(100),
});

export type Ramp = z.output<typeof rampSchema>;
export type Breaker = z.output<typeof breakerSchema>;

/** The guards of a run. Each counts from the begin of an attempt: who resumes or redrives a run has decided to go on. */
export interface Guards {
  /** Milliseconds until nothing more is started. */
  readonly deadline?: number;
  readonly breaker?: Breaker;
  /** US dollars that the attempt may cost, by list prices. */
  readonly maxCost?: number;
  /** With the concurrency that it ends at. */
  readonly ramp?: Ramp & { readonly maxConcurrency: number };
}
