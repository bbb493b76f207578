// Carries an earlier run on: what is pending or failed, or only what failed, with the same job and the same account.
import { realpath } from 'node:fs/promises';
import { FanoutError } from '../../lambda/contract/errors.ts';
import { formatLocation, isDirectory, type Location } from '../../lambda/contract/location.ts';
import { type Job, parseJob } from '../../lambda/job/job.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { preparedState } from '../../lambda/prepare/prepare.ts';
import { findResultFiles, readJob } from '../../lambda/report/run-folder.ts';
import { SUMMARY_FILE, type Summary } from '../../lambda/report/summary.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { type ExitCode, UsageError } from './command.ts';
import { findRun, isFolder } from './find-run.ts';
import { type JobOptions, jobInput } from './job-options.ts';
import { type How, runHere } from './local-run.ts';
import { sourceChanges } from './source-changes.ts';

export interface ContinueRun {
  /** The run's folder (a path or s3://…), a destination for its latest run, or an id or `latest` together with SRC DST. */
  readonly run: string;
  readonly only: 'unfinished' | 'failed';
  readonly positionals: readonly string[];
  readonly options: JobOptions;
  readonly how: How;
}

/** How a run goes may change when it is carried on; what it does may not, or its account would tell of two jobs. */
const CHANGEABLE = [
  'maxConcurrency',
  'toleratedFailureCount',
  'toleratedFailurePercentage',
  'ramp',
  'breaker',
  'maxCost',
  'deadline',
] as const;

/** Fields that only say where the run is. */
const PLACES = ['source', 'destination', 'results'] as const;

/** Runs what is left. Throws UsageError or InvalidJob; answers the exit code. */
export async function continueRun({ run, only, positionals, options, how }: ContinueRun): Promise<ExitCode> {
  const input = await jobInput(positionals, options);
  const fixed = Object.keys(input).filter((field) => ![...CHANGEABLE, ...PLACES].some((known) => known === field));
  if (fixed.length > 0) {
    throw new UsageError(
      `a run is carried on with its own job: ${fixed.join(', ')} cannot change; start a new run instead`,
    );
  }
  const given = parseJob(input);
  const job = await jobOf(run, given.results ?? given.destination);
  const changed = Object.fromEntries(
    CHANGEABLE.flatMap((field) => (given[field] === undefined ? [] : [[field, changedTo(field, input, given, job)]])),
  );
  const state = preparedState({ ...((await begun(job)) ? withoutCanary(job) : job), ...changed });
  return await runHere(
    {
      run: job.run,
      input: {},
      prepare: () => () => Promise.resolve(state),
      doneBefore: await doneBefore(job),
      meanwhile: (open, signal) => sourceChanges(job, open, signal),
      continue: only === 'failed' ? { only } : {},
    },
    how,
  );
}

function withoutCanary({ canary: _, ...job }: PreparedJob): PreparedJob {
  return job;
}

/** Whether the run has got past its canary: then that has nothing to say any more. */
async function begun({ results }: PreparedJob): Promise<boolean> {
  const stores = openStores();
  try {
    return (await findResultFiles(stores.open(results.bucket), results)).attempts.length > 0;
  } finally {
    await stores.close();
  }
}

/** What is not said of a guard stays what it was. */
function changedTo(field: (typeof CHANGEABLE)[number], input: Record<string, unknown>, given: Job, job: PreparedJob) {
  const before = job[field];
  return typeof before === 'object' ? { ...before, ...(input[field] as object) } : given[field];
}

/** The prepared job of a run. Throws SourceNotFound when there is no run, UsageError when its folder has been moved. */
async function jobOf(run: string, place: Location | undefined): Promise<PreparedJob> {
  const stores = openStores();
  try {
    const folder = await folderOf(run, place, stores.open);
    const job = await readJob(stores.open(folder.bucket), folder);
    if ((await identity(folder)) === (await identity(job.results))) return job;
    // Its result files name each other by their keys, so they are only right where they were written.
    throw new UsageError(
      `expected the run where it was made, ${formatLocation(job.results)}, got ${formatLocation(folder)}`,
    );
  } finally {
    await stores.close();
  }
}

/** Keys done so far, as the account has it; none for a run that was killed before it had one. */
async function doneBefore({ results }: PreparedJob): Promise<number> {
  const stores = openStores();
  try {
    const { body } = await stores.open(results.bucket).read(results.prefix + SUMMARY_FILE);
    const { counts } = JSON.parse(body.toString()) as Summary;
    return counts.succeeded + counts.skipped;
  } catch (error) {
    if (error instanceof FanoutError && error.name === 'SourceNotFound') return 0;
    throw error;
  } finally {
    await stores.close();
  }
}

async function identity(folder: Location): Promise<string> {
  const place = formatLocation(folder);
  return isDirectory(folder) ? await realpath(place).catch(() => place) : place;
}

/** A run's folder as given, a destination's latest run, or by its id (or `latest`) in the results place or the destination: as `report` finds it. */
async function folderOf(run: string, place: Location | undefined, open: OpenStore): Promise<Location> {
  if (isFolder(run)) return await findRun(run, undefined, open);
  if (place === undefined)
    throw new UsageError(
      `expected the folder of the run or its destination, or its id or latest together with SRC DST, got ${run}`,
    );
  return await findRun(run, place, open);
}
