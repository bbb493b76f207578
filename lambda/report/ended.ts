// After an execution's end, however it came: the account is written when Summarize could not, and somebody is told.
import { createHash } from 'node:crypto';
import { definedOnly } from '../contract/defined.ts';
import { RESULT_FOLDERS } from '../contract/environment.ts';
import { FanoutError, toFanoutError } from '../contract/errors.ts';
import { formatLocation, type Location } from '../contract/location.ts';
import type { Used } from '../contract/used.ts';
import { type PreparedJob, TOLD_FILE } from '../job/prepared.ts';
import type { OpenStore } from '../store/store.ts';
import { writeAccount } from './account.ts';
import { messageOf } from './cause.ts';
import { shortened } from './item-row.ts';
import type { PartsInput, RunEnd } from './parts/actions.ts';
import { IN_PARTS, isTooLarge } from './parts/too-large.ts';
import { findResultFiles, readElsewhere, readJob } from './run-folder.ts';
import { type ShortSummary, shortSummary } from './short.ts';
import { type ExecutionStatus, RUN_STATUSES, type RunStatus, runStatusOf } from './status.ts';
import type { Summary } from './summary.ts';
import { type ItemCounts, type WithoutAccount, withoutAccount } from './without-account.ts';

/** EventBridge's `Step Functions Execution Status Change`; dates are epoch milliseconds. */
export interface StatusChange {
  readonly detail: {
    readonly executionArn: string;
    readonly name: string;
    readonly stateMachineArn?: string;
    readonly input?: string | null;
    readonly status: ExecutionStatus;
    readonly startDate: number;
    readonly stopDate?: number | null;
    readonly output?: string | null;
    readonly error?: string | null;
    readonly cause?: string | null;
    readonly redriveCount?: number;
  };
}

/** Of a run that ended before its Map Run began. */
export interface NothingStarted {
  readonly run: string;
  readonly status: RunStatus;
  readonly executionStatus: ExecutionStatus;
  readonly error: string;
  readonly message: string;
}

/** Of an execution that only made a plan, which is its output. */
export interface Planned {
  readonly run: string;
  readonly status: 'succeeded';
  readonly executionStatus: ExecutionStatus;
  readonly plan: { readonly listing: { readonly keys: number }; readonly source: string };
}

/** What is told: the short summary, or what is known without one, or why there is nothing to know. */
export type Told = ShortSummary | WithoutAccount | NothingStarted | Planned;

/** Of a run whose account is being made in parts: it is told when that has ended. */
export interface InParts {
  readonly run: string;
  /** The name of the execution that makes it. */
  readonly account: string;
}

/** How accounts are made that are too large for one function. */
export interface PartsStarter {
  /** ARN of the state machine whose executions are accounts. */
  readonly stateMachine: string;
  /** Bytes of result files up to which one function makes the account. */
  readonly wholeBytes: number;
  /** Starts an execution of it, unless there is one of that name. */
  readonly start: (name: string, input: PartsInput) => Promise<void>;
}

/** What subscribers filter by: https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html */
export interface Attributes {
  readonly status: RunStatus;
  readonly executionStatus: ExecutionStatus;
  /** Keys that failed; as far as known. */
  readonly failed: number;
  /** Whether somebody is needed: for all ends but a good one and one that was asked for. */
  readonly attention: 'yes' | 'no';
}

export interface EndedDependencies {
  readonly open: OpenStore;
  readonly results: Location;
  /** Answers the message's id. */
  readonly notify: (subject: string, body: string, attributes: Attributes) => Promise<string | undefined>;
  /** What Step Functions counted, by the execution's ARN. Default: nobody knows. */
  readonly itemCounts?: (executionArn: string) => Promise<ItemCounts | undefined>;
  /** Default: one function makes every account. */
  readonly parts?: PartsStarter;
  /** Milliseconds between looks for result files that are still being written. Default: 2000. */
  readonly pollMilliseconds?: number;
}

type Detail = StatusChange['detail'];

/** How long result files may still come, in milliseconds: EXPRESS children run on for up to 5 minutes after a stop. */
const PATIENCE = { ABORTED: 360_000, TIMED_OUT: 360_000, FAILED: 60_000 } as const;

/**
 * Makes the handler. It may be told the same end twice, and then writes the same account again. Whatever keeps the account
 * from being written, `notify` is told of the end, with what is known. Throws what `notify` throws.
 */
export function createEnded(
  dependencies: EndedDependencies,
): (event: StatusChange, signal?: AbortSignal, used?: () => Used) => Promise<Told | InParts> {
  return async ({ detail }, signal = new AbortController().signal, used) => {
    const told = await known(detail, dependencies, signal, used);
    if ('account' in told) return told;
    const attributes = attributesOf(told, told.executionStatus ?? detail.status);
    const messageId = await dependencies.notify(subject(told), body(told), attributes);
    await noteTold(told, messageId, dependencies);
    return told;
  };
}

/** Notes in the run's folder that the topic has taken the message. That this cannot be noted is no reason to tell twice. */
async function noteTold(
  told: Told,
  messageId: string | undefined,
  { open, results }: EndedDependencies,
): Promise<void> {
  const place = formatLocation(results);
  if (!('report' in told) || !told.report.startsWith(place)) return;
  const note = { at: new Date().toISOString(), status: told.status, messageId };
  try {
    const below = told.report.slice(place.length);
    await open(results.bucket).write(
      `${results.prefix}${below}${TOLD_FILE}`,
      Buffer.from(`${JSON.stringify(note)}\n`),
      {
        contentType: 'application/json',
      },
    );
  } catch {
    // Whoever looks for it finds none, and that is all.
  }
}

async function known(
  detail: Detail,
  dependencies: EndedDependencies,
  signal: AbortSignal,
  used: (() => Used) | undefined,
): Promise<Told | InParts> {
  const { name: run, status: executionStatus } = detail;
  const { open, results, itemCounts, parts } = dependencies;
  if (parts !== undefined && detail.stateMachineArn === parts.stateMachine)
    return await endOfParts(detail, dependencies);
  // Summarize has written the account, or has said why not: its answer is the execution's output.
  if (executionStatus === 'SUCCEEDED' && detail.output) {
    const told = JSON.parse(detail.output) as ShortSummary | WithoutAccount | Planned;
    if (parts === undefined || !('accountError' in told) || told.accountError.error !== IN_PARTS) return told;
  }
  const folder = { bucket: results.bucket, prefix: `${results.prefix}${RESULT_FOLDERS.runs}${run}/` };
  let found: { readonly folder: Location; readonly job: PreparedJob } | undefined;
  try {
    found = await findRun(open, folder);
    if (found !== undefined) {
      await resultsOf(found.folder, detail, dependencies, signal);
      if (parts !== undefined && (await isTooLarge(open(found.folder.bucket), found.folder, parts.wholeBytes)))
        return await startParts(found.folder, detail, parts);
      return shortSummary(await accountOf(found, detail, dependencies, signal, used));
    }
  } catch (error) {
    const counts = await itemCounts?.(detail.executionArn);
    const why = toFanoutError(error);
    const error_ = detail.error ?? undefined;
    return withoutAccount({ run, executionStatus, error: error_, folder: found?.folder ?? folder, why, counts });
  }
  return {
    run,
    status: runStatusOf({
      executionStatus,
      error: detail.error ?? undefined,
      counts: { total: 0, failed: 0, pending: 0 },
      check: { balanced: true },
    }),
    executionStatus,
    error: detail.error ?? executionStatus,
    message: messageOf(detail.cause),
  };
}

/** The run's folder and its prepared job: where the stack's results are, or where Prepare has noted that they are. */
async function findRun(open: OpenStore, usual: Location): Promise<{ folder: Location; job: PreparedJob } | undefined> {
  const folder = (await readElsewhere(open(usual.bucket), usual)) ?? usual;
  try {
    return { folder, job: await readJob(open(folder.bucket), folder) };
  } catch (error) {
    if (!(error instanceof FanoutError) || error.name !== 'SourceNotFound') throw error;
    return undefined;
  }
}

/** Waits for the result files of an execution that has ended, as long as they may still come. */
async function resultsOf(
  folder: Location,
  { status, error, redriveCount = 0 }: Detail,
  { open, pollMilliseconds = 2000 }: EndedDependencies,
  signal: AbortSignal,
): Promise<void> {
  if (status === 'SUCCEEDED') return;
  const store = open(folder.bucket);
  const latest = Date.now() + PATIENCE[status];
  // Another state's failure leaves no result files to wait for.
  const expected = status !== 'FAILED' || error === 'States.ExceedToleratedFailureThreshold';
  while (expected && Date.now() < latest && !signal.aborted) {
    const { attempts, canary } = await findResultFiles(store, folder);
    // A Map Run puts a first manifest there before it begins: without one the canary was the last. Its redrives were its own.
    const [last, before] = attempts.length > 0 ? [attempts, Math.max(0, canary.length - 1)] : [canary, 0];
    if (last.at(-1)?.complete === true && last.length > redriveCount - before) break;
    await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
}

/** Starts the account in parts; told of the same end twice, it starts one. */
async function startParts(folder: Location, detail: Detail, parts: PartsStarter): Promise<InParts> {
  const { name: run, executionArn, redriveCount = 0 } = detail;
  const digest = createHash('sha256').update(`${executionArn} ${redriveCount}`).digest('hex').slice(0, 16);
  const account = `${digest}-${run}`.slice(0, MOST_NAME);
  await parts.start(account, {
    ...{ run, executionArn },
    work: { folder, prefix: `${folder.prefix}account/${account}/` },
    end: endOf(detail),
  });
  return { run, account };
}

/** https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html */
const MOST_NAME = 80;

/** What the account of a run tells of its end. */
function endOf({ status, error, cause, startDate, stopDate }: Detail): RunEnd {
  return {
    status,
    ...(error ? { error } : {}),
    ...(cause ? { cause: shortened(cause, MOST_CAUSE) } : {}),
    started: startDate,
    ...(stopDate ? { ended: stopDate } : {}),
  };
}

/** More than the summary keeps: an execution's input has a limit. */
const MOST_CAUSE = 4000;

/** What is told of a run once its account in parts has ended: it, or why there is none. */
async function endOfParts(
  { status, input, output, error, cause }: Detail,
  { itemCounts }: EndedDependencies,
): Promise<ShortSummary | WithoutAccount> {
  if (status === 'SUCCEEDED' && output) return JSON.parse(output) as ShortSummary;
  const { run, executionArn, work, end } = JSON.parse(input ?? '') as PartsInput;
  return withoutAccount({
    run,
    executionStatus: end.status ?? 'FAILED',
    error: end.error,
    folder: work.folder,
    why: { name: error ?? status, message: messageOf(cause) },
    counts: await itemCounts?.(executionArn),
  });
}

async function accountOf(
  { folder, job }: { readonly folder: Location; readonly job: PreparedJob },
  detail: Detail,
  { open }: EndedDependencies,
  signal: AbortSignal,
  used: (() => Used) | undefined,
): Promise<Summary> {
  const store = open(folder.bucket);
  const written = writeAccount({
    store,
    folder,
    job,
    ...endOf(detail),
    pictures: { open },
    signal,
    ...definedOnly({ used }),
  });
  return await Promise.race([written, rejectedBy(signal)]);
}

/** Rejects with the signal's reason, so that what does not listen to the signal keeps nobody. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function attributesOf(told: Told, executionStatus: ExecutionStatus): Attributes {
  const failed = 'counts' in told ? told.counts.failed : 'itemCounts' in told ? (told.itemCounts?.failed ?? 0) : 0;
  const well = (told.status === 'succeeded' || told.status === 'interrupted') && !('accountError' in told);
  return { status: told.status, executionStatus, failed, attention: well ? 'no' : 'yes' };
}

/** At most 100 characters, ASCII and one line: what SNS takes. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
function subject(told: Told): string {
  const how =
    'plan' in told
      ? 'a plan is made'
      : 'counts' in told
        ? `${told.counts.succeeded + told.counts.skipped} of ${told.counts.total} keys done`
        : 'accountError' in told
          ? `${told.itemCounts === undefined ? '' : `${told.itemCounts.succeeded} of ${told.itemCounts.total} keys done, `}no account`
          : told.error;
  return `image-fanout ${told.status}: ${how} (${told.run})`.replace(/[^ -~]/g, '?').slice(0, 100);
}

function body(told: Told): string {
  if ('plan' in told) {
    const { run, plan } = told;
    return `Plan ${run}: of ${plan.listing.keys} keys in ${plan.source}. Nothing was written; the plan is the output of the execution.\n`;
  }
  if ('accountError' in told) return bodyWithoutAccount(told);
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
    ...(told.page === undefined ? [] : [`Page: ${told.page}`]),
    `Account: ${told.report}`,
  ];
  // What has succeeded as an execution cannot be redriven, whatever it tolerated.
  if (told.executionStatus !== 'SUCCEEDED') lines.push(`To do what is left: npx image-fanout redrive ${told.run}`);
  return `${lines.join('\n')}\n`;
}

function bodyWithoutAccount({
  run,
  status,
  executionStatus,
  itemCounts,
  accountError,
  command,
  report,
}: WithoutAccount): string {
  return [
    `Run ${run}: ${RUN_STATUSES[status].meaning} (${status})`,
    itemCounts === undefined
      ? 'How many keys are done is not known.'
      : `${itemCounts.total} keys: ${itemCounts.succeeded} succeeded or skipped, ${itemCounts.failed} failed, ${itemCounts.pending} pending, as Step Functions counts`,
    '',
    `The account could not be written: ${accountError.error}: ${accountError.message}`,
    `What makes it and its page, on a machine with time and disk: ${command}`,
    '',
    `Result files: ${report}`,
    ...(executionStatus === 'SUCCEEDED' ? [] : [`To do what is left: npx image-fanout redrive ${run}`]),
    '',
  ].join('\n');
}
