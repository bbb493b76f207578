// Tolerated failures: when a Map Run has failed for good.
import { exceedsPercentage } from '../../lambda/contract/tolerance.ts';

/** Neither set: the first failure is one too many. Either set: only that one counts. Both: whichever is exceeded first. */
export interface Tolerance {
  readonly count?: number;
  /** 0 to 100, of all items: judged once the listing has ended and their number is known. */
  readonly percentage?: number;
}

export interface FailureFacts {
  /** Failed and timed-out items; aborted ones do not count. */
  readonly failed: number;
  readonly total: number;
  /** Whether `total` is final. */
  readonly listed: boolean;
}

/**
 * Whether the threshold is exceeded, which is strictly more:
 * https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html
 */
export function exceedsTolerance({ failed, total, listed }: FailureFacts, { count, percentage }: Tolerance): boolean {
  if (count === undefined && percentage === undefined) return failed > 0;
  if (count !== undefined && failed > count) return true;
  return percentage !== undefined && listed && exceedsPercentage(failed, total, percentage);
}
