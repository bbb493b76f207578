// The short summary: the output of a succeeded execution, and what a notification carries.
import { shortened } from './item-row.ts';
import type { Summary } from './summary.ts';

export interface ShortSummary {
  readonly run: string;
  /** The run's own word; Step Functions' own is `executionStatus`. */
  readonly status: Summary['status'];
  readonly executionStatus?: Summary['executionStatus'];
  readonly counts: Summary['counts'];
  /** Failures by class. */
  readonly errors: Readonly<Record<string, number>>;
  readonly bytes: Summary['bytes'];
  readonly wallMilliseconds: number;
  readonly firstFailure?: { readonly key: string; readonly error: string; readonly message: string };
  readonly balanced: boolean;
  readonly problems?: readonly string[];
  /** Where the page to look at is; absent when it could not be written. */
  readonly page?: string;
  /** Where summary.json, items.csv and items.jsonl are. */
  readonly report: string;
}

/** Classes named one by one: with names and messages cut, the whole stays below 16 KiB of Step Functions' 256. */
const MOST_CLASSES = 20;

/** The summary without lists: a few kilobytes, whatever the run was. */
export function shortSummary(summary: Summary): ShortSummary {
  const { run, status, executionStatus, counts, errors, bytes, time, firstFailure, check, page, report } = summary;
  return {
    run,
    status,
    ...(executionStatus === undefined ? {} : { executionStatus }),
    counts,
    errors: Object.fromEntries(errors.slice(0, MOST_CLASSES).map(({ name, count }) => [shortened(name, 100), count])),
    bytes,
    wallMilliseconds: time.wallMilliseconds,
    ...(firstFailure === undefined
      ? {}
      : {
          firstFailure: {
            key: shortened(firstFailure.key, 1024),
            error: shortened(firstFailure.error, 100),
            message: shortened(firstFailure.message, 500),
          },
        }),
    balanced: check.balanced,
    ...(check.balanced ? {} : { problems: check.problems.slice(0, 5).map((problem) => shortened(problem, 300)) }),
    ...(page === undefined ? {} : { page }),
    report,
  };
}
