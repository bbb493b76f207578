// The counters of a Map Run, named as DescribeMapRun names them.

/** One set of counters: of items, or of child executions. `failuresNotRedrivable` stays 0 here. */
export interface Counts {
  pending: number;
  running: number;
  succeeded: number;
  failed: number;
  timedOut: number;
  aborted: number;
  total: number;
  resultsWritten: number;
  failuresNotRedrivable: number;
  /** Failed in an earlier attempt and not yet started again in this one. */
  pendingRedrive: number;
}

export interface MapRunCounts {
  readonly items: Counts;
  readonly executions: Counts;
}

function zero(): Counts {
  return {
    pending: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    timedOut: 0,
    aborted: 0,
    total: 0,
    resultsWritten: 0,
    failuresNotRedrivable: 0,
    pendingRedrive: 0,
  };
}

export function zeroCounts(): MapRunCounts {
  return { items: zero(), executions: zero() };
}

/** Counts one child and its items into a counter (or out of it, with -1). */
export function count(counts: MapRunCounts, counter: keyof Counts, items: number, sign: 1 | -1 = 1): void {
  counts.executions[counter] += sign;
  counts.items[counter] += sign * items;
}

/** The counter of a child execution's status. */
export const COUNTER_OF = {
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'timedOut',
  ABORTED: 'aborted',
  PENDING: 'pending',
} as const satisfies Record<string, keyof Counts>;

export type ChildStatus = keyof typeof COUNTER_OF;
