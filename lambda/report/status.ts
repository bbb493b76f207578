// How a run ended, in one word: the one table of words, exit codes and meanings for whoever tells of an end.
import type { ErrorName } from '../contract/errors.ts';
import { BREAKER_ERROR, CAP_ERROR, DEADLINE_ERROR } from '../contract/guard-errors.ts';

/** What the table says of one word. Texts are plain, without a full stop. */
interface End {
  /** The exit code of the commands that end with the run's own. */
  readonly exitCode: 0 | 1 | 2 | 3 | 130;
  /** As a headline. */
  readonly title: string;
  /** When it is said. */
  readonly meaning: string;
}

/**
 * The run's own status: one word per exit code and reason, the same in `summary.json`, in `report`, in what a
 * notification carries and on the page. Step Functions' word for the execution is another thing (`executionStatus`):
 * that SUCCEEDED when failures were tolerated, and FAILED when a single key did.
 */
export const RUN_STATUSES = {
  succeeded: { exitCode: 0, title: 'Done', meaning: 'every key succeeded or was rightly skipped' },
  notStarted: {
    exitCode: 1,
    title: 'Nothing was started',
    meaning: 'nothing was started: wrong arguments, a bad job, no permission',
  },
  unbalanced: {
    exitCode: 1,
    title: 'Done, but the account does not add up',
    meaning: 'finished, but the account does not add up',
  },
  stoppedByFailures: {
    exitCode: 2,
    title: 'Stopped by failures',
    meaning: 'stopped by failures: more than are tolerated',
  },
  stoppedByCanary: {
    exitCode: 2,
    title: 'Stopped by the canary',
    meaning: 'stopped by the canary: of the keys that went first too many failed; the rest was not begun',
  },
  stoppedByBreaker: {
    exitCode: 2,
    title: 'Stopped by the breaker',
    meaning: 'stopped by the breaker: too many of the last keys failed by one class',
  },
  stoppedByCap: { exitCode: 2, title: 'Stopped by its cap', meaning: 'stopped by its cap: `maxCost`' },
  stoppedByDeadline: { exitCode: 2, title: 'Stopped by the deadline', meaning: 'stopped by the deadline' },
  stoppedByError: {
    exitCode: 2,
    title: 'Stopped',
    meaning: 'stopped by an error that is of no key: a list that cannot be read, results that cannot be written',
  },
  timedOut: { exitCode: 2, title: 'Out of time', meaning: 'out of the time that the execution may take' },
  notFinished: {
    exitCode: 2,
    title: 'Not finished',
    meaning: 'what was asked for is done, but keys are pending: `--retry-failed` leaves them',
  },
  succeededWithFailures: {
    exitCode: 3,
    title: 'Done, with failures',
    meaning: 'finished, with failures that were tolerated',
  },
  interrupted: {
    exitCode: 130,
    title: 'Interrupted',
    meaning: 'stopped on request: Ctrl-C, SIGTERM, `image-fanout stop`',
  },
  noEndOnRecord: {
    exitCode: 130,
    title: 'No end on record',
    meaning: 'no end is on record: the process was killed, or still runs',
  },
} as const satisfies Readonly<Record<string, End>>;

/** A run's end, in one word. */
export type RunStatus = keyof typeof RUN_STATUSES;

/** Every status, for schemas. */
export const RUN_STATUS_NAMES = Object.keys(RUN_STATUSES) as [RunStatus, ...RunStatus[]];

/** Step Functions' words for an execution that has ended. */
export const EXECUTION_STATUSES = ['SUCCEEDED', 'FAILED', 'ABORTED', 'TIMED_OUT'] as const;

export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

/** The error with which a run stops when another process has taken its folder over. */
export const LOST_LEASE_ERROR = 'RunIsLive' satisfies ErrorName;

/** The errors that tell why an execution was stopped; any other is a person's own. */
const STOPPED_BY: Readonly<Record<string, RunStatus>> = {
  [LOST_LEASE_ERROR]: 'stoppedByError',
  [DEADLINE_ERROR]: 'stoppedByDeadline',
  [BREAKER_ERROR]: 'stoppedByBreaker',
  [CAP_ERROR]: 'stoppedByCap',
};

/** What the run's status is made of. */
export interface EndFacts {
  /** Absent when no end is on record. */
  readonly executionStatus?: ExecutionStatus | undefined;
  /** The execution's error: StopExecution may give one, too. */
  readonly error?: string | undefined;
  readonly counts: { readonly total: number; readonly failed: number; readonly pending: number };
  readonly check: { readonly balanced: boolean };
  /** Whether only the keys of a canary were tried. */
  readonly canaryOnly?: boolean;
}

/** The run's status. An account that does not add up is the status only of a run that went through. */
export function runStatusOf({ executionStatus, error, counts, check, canaryOnly = false }: EndFacts): RunStatus {
  switch (executionStatus) {
    case undefined:
      return 'noEndOnRecord';
    case 'ABORTED':
      return (error !== undefined && Object.hasOwn(STOPPED_BY, error) ? STOPPED_BY[error] : undefined) ?? 'interrupted';
    case 'SUCCEEDED':
      if (!check.balanced) return 'unbalanced';
      if (counts.pending > 0) return 'notFinished';
      return counts.failed > 0 ? 'succeededWithFailures' : 'succeeded';
  }
  if (counts.total === 0) return 'notStarted';
  if (executionStatus === 'TIMED_OUT') return 'timedOut';
  const byFailures = error === 'States.ExceedToleratedFailureThreshold' || (error === undefined && counts.failed > 0);
  if (!byFailures) return 'stoppedByError';
  return canaryOnly ? 'stoppedByCanary' : 'stoppedByFailures';
}

/** The exit code that says the same. */
export function exitCodeOf({ status }: { readonly status: RunStatus }): End['exitCode'] {
  return RUN_STATUSES[status].exitCode;
}
