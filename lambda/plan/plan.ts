// A plan: counts all keys, tries some of them for real, and tells what the rest will take, with the spread that the sample justifies.
import pLimit from 'p-limit';
import { toFanoutError } from '../contract/errors.ts';
import { isDirectory } from '../contract/location.ts';
import { chanceFrom } from '../estimate/chance.ts';
import type { Transform } from '../image/transform.ts';
import type { Item } from '../job/item.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { openContext } from '../process/process.ts';
import { type JobContext, whyToMake } from '../process/up-to-date.ts';
import type { OpenStore } from '../store/store.ts';
import { takeCensus } from './census.ts';
import type { PlanReport } from './report.ts';
import { draw, inTurns } from './strata.ts';
import { reportOf, type TellOptions } from './tell.ts';
import { type Trial, tryOut } from './trial.ts';

/** The pages of a job's listing. */
export type Pages = AsyncIterable<readonly { readonly value: unknown }[]>;

export interface PlanOptions extends TellOptions {
  readonly job: PreparedJob;
  readonly open: OpenStore;
  readonly transform: Transform;
  readonly pages: () => Pages | Promise<Pages>;
  /** Keys to try. Default: 200. */
  readonly sample?: number | undefined;
  /** Milliseconds that trying them may take: what has been tried by then is the sample. Default: no bound. */
  readonly sampleMilliseconds?: number | undefined;
  /** Stops listing after so many keys. Default: at the end. */
  readonly mostListed?: number | undefined;
  /** Milliseconds that listing may take. Default: no bound. */
  readonly listMilliseconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PlanProgress) => void) | undefined;
}

/** How far a plan is. */
export interface PlanProgress {
  readonly listed: number;
  readonly tried: number;
  readonly drawn: number;
}

const SAMPLE = 200;
/** Looks at once, where all keys are looked at. */
const LOOKS_AT_ONCE = 32;

/** Makes the plan of a prepared job. Writes nothing but temporary files. Throws what listing throws, and the signal's reason. */
export async function makePlan(options: PlanOptions): Promise<PlanReport> {
  const { job, open, transform, seed = 1, sample = SAMPLE, signal = new AbortController().signal } = options;
  const chance = chanceFrom(seed);
  const context = await openContext(job, open, signal);
  const progress = { listed: 0, tried: 0, drawn: 0 };
  const tell = (news: Partial<PlanProgress>) => options.onProgress?.(Object.assign(progress, news));
  const looked = await looksOf(context, signal);
  const census = await takeCensus(await options.pages(), {
    ...{ context, chance, room: sample, most: options.mostListed, isUpToDate: looked.isUpToDate },
    until: options.listMilliseconds === undefined ? undefined : Date.now() + options.listMilliseconds,
    onKeys: (listed) => tell({ listed }),
  });
  const drawn = draw(census.strata, sample, chance);
  const turns = inTurns(drawn);
  tell({ drawn: turns.length });
  const seen: { readonly size: number; readonly sampled: Trial[] }[] = drawn.map(({ keys }) => ({
    size: keys,
    sampled: [],
  }));
  const begun = performance.now();
  for (const { stratum, candidate } of turns) {
    if (performance.now() - begun > (options.sampleMilliseconds ?? Number.POSITIVE_INFINITY)) break;
    signal.throwIfAborted();
    // One at a time: the CPU time of the process is the key's then.
    seen[stratum]?.sampled.push(await tryOut(context, candidate.value, transform, signal));
    tell({ tried: progress.tried + 1 });
  }
  const seconds = (performance.now() - begun) / 1000;
  return reportOf(options, { job, census, drawn, seen, exact: looked.exact, seconds });
}

/** Whether each key can be looked at for little, or need not be: nothing is there, or nothing that is there counts. */
async function looksOf(
  context: JobContext,
  signal: AbortSignal,
): Promise<{
  readonly exact: boolean;
  readonly isUpToDate?: (item: Item) => Promise<boolean>;
}> {
  const { job } = context;
  if (job.existing !== 'skip' || !(await hasAny(context, signal))) return { exact: true };
  if (!isDirectory(job.destination)) return { exact: false };
  const limit = pLimit(LOOKS_AT_ONCE);
  return { exact: true, isUpToDate: (item) => limit(() => isDone(context, item, signal)) };
}

async function isDone(context: JobContext, item: Item, signal: AbortSignal): Promise<boolean> {
  try {
    return (await whyToMake(context, item, signal)).length === 0;
  } catch {
    // Trying it tells why it cannot be looked at.
    signal.throwIfAborted();
    return false;
  }
}

/** Whether there is anything below the destination; taken for so where nobody may list it. */
async function hasAny({ job, destination }: JobContext, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const page of destination.list(job.destination.prefix, { atMost: 1, signal })) {
      if (page.length > 0) return true;
    }
    return false;
  } catch (error) {
    const { name } = toFanoutError(error);
    // A directory that is not there yet is made by the run; a bucket is not.
    if (name === 'BucketNotFound' && isDirectory(job.destination)) return false;
    if (name === 'AccessDenied') return true;
    throw error;
  }
}
