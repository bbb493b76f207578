// One execution of the workflow on this machine: the very definition that is deployed, with the handlers in this process.
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { definedOnly } from '../../lambda/contract/defined.ts';
import { FanoutError, toFanoutError } from '../../lambda/contract/errors.ts';
import { canonicalJson } from '../../lambda/contract/fingerprint.ts';
import type { Location } from '../../lambda/contract/location.ts';
import type { Outcome } from '../../lambda/contract/outcome.ts';
import { keyOf } from '../../lambda/job/item.ts';
import { ALL_ITEMS, invalidJob } from '../../lambda/job/job.ts';
import {
  isPlanState,
  type PlanState,
  type PreparedState,
  type PrepareEvent,
  type ProcessEvent,
  type SummarizeEvent,
} from '../../lambda/job/prepared.ts';
import { outcomesOf } from '../../lambda/job/wire.ts';
import type { Process } from '../../lambda/process/process.ts';
import { writeAccount } from '../../lambda/report/account.ts';
import { writeEnd } from '../../lambda/report/end-record.ts';
import { findResultFiles, readJob } from '../../lambda/report/run-folder.ts';
import { shortSummary } from '../../lambda/report/short.ts';
import { type ExecutionStatus, LOST_LEASE_ERROR } from '../../lambda/report/status.ts';
import type { Summary } from '../../lambda/report/summary.ts';
import { LEASE_FILE, type Lease, takeLease } from '../../lambda/store/lease.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import {
  type Continue,
  type ExecutionEvent,
  type LocalExecution,
  type StopReason,
  startExecution,
} from '../local/execution.ts';
import type { Json } from '../states-language.ts';
import { CANARY, workflow } from '../workflow.ts';
import type { KeyFailure, Threshold } from './failures.ts';
import { createGuard, type Guard, startDeadline, tariffOf } from './guard.ts';
import { type ProgressTracker, trackProgress } from './progress.ts';
import { pictureTools } from './thumbnail.ts';

export interface ExecuteOptions {
  readonly run: string;
  readonly input: Json;
  readonly open: OpenStore;
  /** A job of which only a plan is asked for is refused: there is nothing to run. */
  readonly prepare: (event: PrepareEvent) => Promise<PreparedState | PlanState>;
  readonly process: Process;
  readonly continue?: Continue;
  /** Keys that earlier attempts have done: where the progress begins. */
  readonly doneBefore: number;
  /** Told when Prepare failed for a reason that passes: it is tried again. */
  readonly onPrepareFailed: (error: FanoutError) => void;
  /** Told of each failed key, once it has failed for good. */
  readonly onFailure: (failure: KeyFailure) => void;
  /** Told when more has failed than is tolerated. */
  readonly onThresholdExceeded: (threshold: Threshold) => void;
  /** Milliseconds until nothing more is started. Default: the job's. */
  readonly deadline?: number | undefined;
  /** Told when a guard stops the run, and has to stop it then. Default: it is stopped. */
  readonly onGuard?: (reason: Required<StopReason>) => void;
  /** Told what a person should know of the run's lease: that it is lost, unguarded, or looked at for a while. */
  readonly onLease?: (sentence: string) => void;
}

export interface Running {
  readonly execution: LocalExecution;
  readonly progress: ProgressTracker;
  /** Whether Prepare has answered: before that, nothing has been started. */
  prepared(): boolean;
  /** The account, however the execution ended, or why there is none. */
  readonly ended: Promise<{ readonly summary: Summary } | NoAccount>;
}

/** The execution ended before Prepare had answered, or the account could not be written. */
export interface NoAccount {
  readonly error: string;
  readonly cause: string;
  /** The run's folder, where the account could not be written: what was done is on record there. */
  readonly unwritten?: Location;
}

/** Names in ARN form, as the definition has them. */
const FUNCTIONS = {
  prepare: 'arn:aws:lambda:local:000000000000:function:prepare',
  process: 'arn:aws:lambda:local:000000000000:function:process',
  processLarge: 'arn:aws:lambda:local:000000000000:function:process-large',
  summarize: 'arn:aws:lambda:local:000000000000:function:summarize',
};

/** Most keys in flight on this machine unless the job says: enough to hide the latency of S3; the CPU has a gate of its own. */
export function defaultConcurrency(): number {
  return Math.max(16, 8 * availableParallelism());
}

/** Starts the execution. */
export function execute(options: ExecuteOptions): Running {
  const { run, input, open, process: processImage } = options;
  const started = Date.now();
  const progress = trackProgress({ doneBefore: options.doneBefore });
  const definition = workflow({ functions: FUNCTIONS });
  let prepared: PreparedState | undefined;
  let lease: Lease | undefined;
  let lost: string | undefined;
  let listed = { items: 0, complete: false };
  let guard: Guard | undefined;
  /** Its keys are met again by the run, which then counts them. */
  let inCanary = false;
  const stop = options.onGuard ?? ((reason: StopReason) => execution.stop(reason));
  let deadline = startDeadline(started, options.deadline, stop);

  const account = async (
    state: PreparedState,
    status: ExecutionStatus,
    error?: string,
    cause?: string,
  ): Promise<Summary> => {
    const folder = folderOf(state);
    const store = open(folder.bucket);
    const all = listed.complete ? { listed: listed.items } : {};
    const end = { status, started, ended: Date.now(), ...all, ...definedOnly({ error, cause }) };
    await writeEnd(store, folder, { ...end, attempts: (await findResultFiles(store, folder)).attempts.length });
    const { default: sharp } = await import('sharp');
    const { user, system } = process.cpuUsage();
    return await writeAccount({
      store,
      folder,
      job: await readJob(store, folder),
      ...end,
      ...(listed.complete ? {} : { listed: listed.items, listingEnded: () => false }),
      cpuMilliseconds: (user + system) / 1000,
      pictures: pictureTools(open, end.ended - started),
      versions: definedOnly({ node: process.versions.node, ...sharp.versions }),
      definition: createHash('sha256').update(canonicalJson(definition)).digest('hex'),
    });
  };

  /** No other process may work on the run meanwhile. */
  function hold(state: PreparedState): Promise<Lease> {
    const { bucket, prefix } = folderOf(state);
    const tell = options.onLease ?? (() => {});
    return takeLease(open(bucket), prefix + LEASE_FILE, {
      onLost(reason) {
        lost = reason;
        tell(`${reason}. Finishing what runs, starting nothing new.`);
        execution.stop({ error: LOST_LEASE_ERROR, cause: reason });
      },
      onUnguarded: () =>
        tell('This S3 server ignores conditional writes: nothing keeps a second process from this run but a look.'),
      onWatching: (holder, seconds) =>
        tell(`The run was being worked on by ${holder}: looking for ${seconds} s whether it still is.`),
    });
  }

  let summary: Summary | undefined;
  const execution = startExecution({
    definition,
    input,
    name: run,
    openStore: open,
    ...(options.continue === undefined ? {} : { continue: options.continue }),
    handlers: {
      [FUNCTIONS.prepare]: async (event) => {
        try {
          const state = await options.prepare(event as PrepareEvent);
          if (isPlanState(state))
            throw invalidJob(['plan: expected a job to run, got true: image-fanout plan makes a plan']);
          lease ??= await hold(state);
          prepared = state;
          guard ??= createGuard({
            guards: state.guards ?? {},
            tariff:
              state.guards?.maxCost === undefined
                ? undefined
                : tariffOf(await readJob(open(state.run.bucket), folderOf(state)), process.env['AWS_REGION']),
            scale: (maxConcurrency) => execution.update({ maxConcurrency }),
            stop,
          });
          if (options.deadline === undefined) deadline = startDeadline(started, state.guards?.deadline, stop);
          return state;
        } catch (error) {
          if (error instanceof FanoutError && error.transient) options.onPrepareFailed(error);
          throw error;
        }
      },
      [FUNCTIONS.process]: (event, context) => processImage(event as ProcessEvent, context),
      [FUNCTIONS.processLarge]: (event, context) => processAgain(processImage, event as OutOfResources, context),
      [FUNCTIONS.summarize]: async (event) => {
        const { accountFailure } = event as SummarizeEvent;
        // On this machine nobody but the account tells what became of the run: without one it has failed.
        if (accountFailure !== undefined) {
          throw Object.assign(new Error(messageOf(accountFailure.Cause)), { name: accountFailure.Error });
        }
        summary = await account(event as PreparedState, 'SUCCEEDED');
        return shortSummary(summary);
      },
    },
    onEvent: (event) => {
      if (event.type === 'mapRunStarted') {
        if (inCanary) progress.anew();
        listed = { items: 0, complete: false };
        inCanary = event.state === CANARY.state;
      } else if (event.type === 'listed') {
        progress.listed(event.items, event.complete);
        listed = event;
      } else if (event.type === 'thresholdExceeded') {
        if (prepared !== undefined) {
          options.onThresholdExceeded({ failed: event.failed, tolerated: toleratedText(prepared) });
        }
      } else if (prepared !== undefined) {
        const outcomes = follow(event, prepared, progress, options.onFailure);
        if (event.type === 'childStarted') guard?.started((event.input as unknown as ProcessEvent).Items.length);
        if (outcomes !== undefined) guard?.ended(outcomes, inCanary);
      }
    },
  });

  async function finish(): ReturnType<() => Running['ended']> {
    const { status, error, cause, mapRun } = await execution.result;
    deadline.clear();
    if (summary !== undefined) return { summary };
    if (prepared === undefined || mapRun === undefined) return { error: error ?? status, cause: cause ?? '' };
    // The account is for the process to write that has the run now.
    if (lost !== undefined) return { error: LOST_LEASE_ERROR, cause: lost, unwritten: folderOf(prepared) };
    try {
      return { summary: await account(prepared, status, error, cause) };
    } catch (thrown) {
      const { name, message } = toFanoutError(thrown);
      return { error: name, cause: message, unwritten: folderOf(prepared) };
    }
  }

  return {
    execution,
    progress,
    prepared: () => prepared !== undefined,
    ended: finish().finally(async () => await lease?.release()),
  };
}

/** The run's folder, from the prepared state. */
export function folderOf({ results }: PreparedState): Location {
  return { bucket: results.bucket, prefix: `${results.prefix}/` };
}

/** Answers what became of the keys of a child that has ended. */
function follow(
  event: ExecutionEvent,
  { reader }: PreparedState,
  progress: ProgressTracker,
  onFailure: ExecuteOptions['onFailure'],
): readonly Outcome[] | undefined {
  if (event.type === 'childStarted') {
    const [first] = (event.input as unknown as ProcessEvent).Items;
    progress.started(event.name, first === undefined ? '' : keyOf(first.item, reader.kind));
  } else if (event.type === 'childReturned') {
    progress.returned(event.name);
  } else if (event.type === 'childEnded') {
    const { Name = '', Status, Input, Output, Error: error, Cause } = event.record;
    const record = {
      status: Status,
      input: Input as unknown as ProcessEvent,
      ...(Output === undefined ? {} : { output: Output as never }),
      ...(error === undefined ? {} : { error }),
      ...(Cause === undefined ? {} : { cause: Cause }),
    };
    const outcomes = outcomesOf(record, reader.kind);
    progress.ended(Name, outcomes);
    for (const outcome of outcomes) if (outcome.status === 'failed') onFailure(outcome);
    return outcomes;
  }
  return undefined;
}

/** What a job tolerates, as the rest of a sentence. */
function toleratedText({ toleratedFailureCount: most, toleratedFailurePercentage: percent }: PreparedState): string {
  const bounds = [
    ...(most < ALL_ITEMS ? [`${most} ${most === 1 ? 'is' : 'are'} tolerated`] : []),
    ...(percent < 100 ? [`${percent} % are tolerated`] : []),
  ];
  return bounds.join(', ');
}

type OutOfResources = ProcessEvent & { readonly outOfResources: { readonly Error: string; readonly Cause: string } };

/**
 * This machine has no larger function: a key that crashed is tried once more, as it may have been the victim of another
 * one, but a key that ran out of time would only do so again.
 */
async function processAgain(processImage: Process, event: OutOfResources, context: { readonly signal: AbortSignal }) {
  const { outOfResources, ...input } = event;
  if (!/Timeout|Timedout/i.test(outOfResources.Error)) return await processImage(input, context);
  const error = new Error(messageOf(outOfResources.Cause));
  error.name = outOfResources.Error;
  throw error;
}

/** The message in a cause, which is Lambda's payload where a function failed, else the message itself. */
export function messageOf(cause: string): string {
  try {
    return (JSON.parse(cause) as { errorMessage?: string }).errorMessage ?? cause;
  } catch {
    return cause;
  }
}
