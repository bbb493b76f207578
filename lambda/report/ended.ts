// After an execution's end, however it came: the account is written when Summarize could not, and somebody is told.
import { RESULT_FOLDERS } from '../contract/environment.ts';
import { FanoutError } from '../contract/errors.ts';
import type { Location } from '../contract/location.ts';
import type { PreparedJob } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';
import { writeAccount } from './account.ts';
import { findResultFiles, readJob } from './run-folder.ts';
import { type ShortSummary, shortSummary } from './short.ts';
import { type ExecutionStatus, RUN_STATUSES, type RunStatus, runStatusOf } from './status.ts';

/** EventBridge's `Step Functions Execution Status Change`; dates are epoch milliseconds. */
export interface StatusChange {
  readonly detail: {
    readonly name: string;
    readonly status: ExecutionStatus;
    readonly startDate: number;
    readonly stopDate?: number | null;
    readonly output?: string | null;
    readonly error?: string | null;
    readonly cause?: string | null;
    readonly redriveCount?: number;
  };
}

/** What is told: the short summary, or why there is none. */
export type Told =
  | ShortSummary
  | {
      readonly run: string;
      readonly status: RunStatus;
      readonly executionStatus: ExecutionStatus;
      readonly error: string;
      readonly message: string;
    };

export interface EndedDependencies {
  readonly open: OpenStore;
  readonly results: Location;
  readonly notify: (subject: string, body: string) => Promise<void>;
  /** Milliseconds between looks for result files that are still being written. Default: 2000. */
  readonly pollMilliseconds?: number;
}

/** How long result files may still come, in milliseconds: EXPRESS children run on for up to 5 minutes after a stop. */
const PATIENCE = { ABORTED: 360_000, TIMED_OUT: 360_000, FAILED: 60_000 } as const;

/** Makes the handler. It may be told the same end twice, and then writes the same account again. */
export function createEnded(dependencies: EndedDependencies): (event: StatusChange) => Promise<Told> {
  return async ({ detail }) => {
    const told = await account(detail, dependencies);
    await dependencies.notify(subject(told), body(told));
    return told;
  };
}

async function account(
  detail: StatusChange['detail'],
  { open, results, pollMilliseconds = 2000 }: EndedDependencies,
): Promise<Told> {
  const { name, status } = detail;
  // Summarize has written the account: its answer is the execution's output.
  if (status === 'SUCCEEDED' && detail.output) return JSON.parse(detail.output) as ShortSummary;
  const folder = { bucket: results.bucket, prefix: `${results.prefix}${RESULT_FOLDERS.runs}${name}/` };
  const store = open(folder.bucket);
  let job: PreparedJob;
  try {
    job = await readJob(store, folder);
  } catch (error) {
    if (!(error instanceof FanoutError) || error.name !== 'SourceNotFound') throw error;
    const nothing = { total: 0, failed: 0, pending: 0 };
    return {
      run: name,
      status: runStatusOf({
        executionStatus: status,
        error: detail.error ?? undefined,
        counts: nothing,
        check: { balanced: true },
      }),
      executionStatus: status,
      error: detail.error ?? status,
      message: reason(detail.cause),
    };
  }
  if (status !== 'SUCCEEDED') {
    const latest = Date.now() + PATIENCE[status];
    // Another state's failure leaves no result files to wait for.
    const expected = status !== 'FAILED' || detail.error === 'States.ExceedToleratedFailureThreshold';
    while (expected && Date.now() < latest) {
      const { attempts } = await findResultFiles(store, folder);
      if (attempts.at(-1)?.complete === true && attempts.length > (detail.redriveCount ?? 0)) break;
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
    }
  }
  const summary = await writeAccount({
    store,
    folder,
    job,
    status,
    ...(detail.error ? { error: detail.error } : {}),
    ...(detail.cause ? { cause: detail.cause } : {}),
    started: detail.startDate,
    ...(detail.stopDate ? { ended: detail.stopDate } : {}),
  });
  return shortSummary(summary);
}

/** Lambda's payload holds a sentence; any other cause is one. */
function reason(cause: string | null | undefined): string {
  if (!cause) return 'no reason was given';
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: unknown };
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}

/** At most 100 characters, ASCII and one line: what SNS takes. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
function subject(told: Told): string {
  const how =
    'counts' in told ? `${told.counts.succeeded + told.counts.skipped} of ${told.counts.total} keys done` : told.error;
  return `image-fanout ${told.status}: ${how} (${told.run})`.replace(/[^ -~]/g, '?').slice(0, 100);
}

function body(told: Told): string {
  if (!('counts' in told))
    return `Run ${told.run}: ${RUN_STATUSES[told.status].meaning} (${told.status})\nNothing was started.\n\n${told.error}: ${told.message}\n`;
  const { counts, errors, firstFailure, problems = [] } = told;
  const lines = [
    `Run ${told.run}: ${RUN_STATUSES[told.status].meaning} (${told.status})`,
    `${counts.total} keys: ${counts.succeeded} succeeded, ${counts.skipped} skipped, ${counts.failed} failed, ${counts.pending} pending`,
    ...(firstFailure === undefined
      ? []
      : ['', 'First failure:', `  ${firstFailure.key}`, `  ${firstFailure.error}: ${firstFailure.message}`]),
    ...Object.entries(errors).map(([name, count]) => `  ${count} ${name}`),
    ...(problems.length === 0
      ? []
      : ['', 'The account does not add up:', ...problems.map((problem) => `  ${problem}`)]),
    '',
    `Account: ${told.report}`,
  ];
  // What has succeeded as an execution cannot be redriven, whatever it tolerated.
  if (told.executionStatus !== 'SUCCEEDED') lines.push(`To do what is left: npx image-fanout redrive ${told.run}`);
  return `${lines.join('\n')}\n`;
}
