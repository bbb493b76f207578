// What is told of a run whose account could not be made: how it ended, what the Map Run counted, why, and how to make the account.
import { formatLocation, type Location } from '../contract/location.ts';
import { shortened } from './item-row.ts';
import { type ExecutionStatus, type RunStatus, runStatusOf } from './status.ts';

/** DescribeMapRun's `itemCounts`, as far as they are told. */
export interface ItemCounts {
  readonly total: number;
  /** Skipped keys among them: Step Functions knows no difference. */
  readonly succeeded: number;
  /** Timed out and aborted ones among them. */
  readonly failed: number;
  readonly pending: number;
}

/** The short form of a run without an account: the output of its execution, and what a notification carries. */
export interface WithoutAccount {
  readonly run: string;
  readonly status: RunStatus;
  readonly executionStatus: ExecutionStatus;
  /** In items; absent where Step Functions could not be asked. */
  readonly itemCounts?: ItemCounts;
  /** Why there is no account. */
  readonly accountError: { readonly error: string; readonly message: string };
  /** What makes the account, on a machine with as much time and disk as it takes. */
  readonly command: string;
  /** Where the result files are. */
  readonly report: string;
}

export interface WithoutAccountFacts {
  readonly run: string;
  readonly executionStatus: ExecutionStatus;
  /** The execution's own error. */
  readonly error?: string | undefined;
  readonly folder: Location;
  readonly why: { readonly name: string; readonly message: string };
  readonly counts: ItemCounts | undefined;
}

/** Makes it. Without counts a run that went through is `unbalanced`: nobody knows whether all its keys succeeded. */
export function withoutAccount(facts: WithoutAccountFacts): WithoutAccount {
  const { run, executionStatus, error, folder, why, counts } = facts;
  const status = runStatusOf({
    executionStatus,
    error,
    counts: counts ?? { total: 1, failed: 0, pending: 0 },
    check: { balanced: counts !== undefined },
  });
  const report = formatLocation(folder);
  return {
    run,
    status,
    executionStatus,
    ...(counts === undefined ? {} : { itemCounts: counts }),
    accountError: { error: shortened(why.name, 100), message: shortened(why.message, 500) },
    command: `npx image-fanout report ${report}`,
    report,
  };
}
