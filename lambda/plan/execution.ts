// A plan as an execution: of a prepared job, within a function's time, small enough for an execution's output.
import { definedOnly } from '../contract/defined.ts';
import type { Transform } from '../image/transform.ts';
import type { PreparedJob, PreparedState } from '../job/prepared.ts';
import { decompressed, linesOf } from '../store/content.ts';
import type { OpenStore } from '../store/store.ts';
import { makePlan, type Pages } from './plan.ts';
import type { PlanReport } from './report.ts';

/** Bytes that a state may answer with, less some room: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MOST_ANSWER = 240 * 1024;
/** Characters of a key or a message in an example. */
const MOST_TEXT = 300;
/** Of the time, for listing; the rest is for trying. */
const SHARE_LISTING = 0.5;

/** The output of the execution. */
export interface PlanAnswer {
  readonly run: string;
  /** As of a run: a plan that was made has succeeded. */
  readonly status: 'succeeded';
  readonly executionStatus: 'SUCCEEDED';
  readonly plan: PlanReport;
}

export interface PlanRunOptions {
  readonly open: OpenStore;
  readonly transform: Transform;
  readonly signal?: AbortSignal;
  /** For listing and trying together. Default: no bound. */
  readonly milliseconds?: number;
  /** Keys to try. Default: 200. */
  readonly sample?: number;
  /** Whether this is the image function. Default: false. */
  readonly onAws?: boolean;
  /** The items of any manifest. Default: only listings, keys and JSONL can be gone through. */
  readonly itemsOf?: (job: PreparedJob) => Promise<AsyncIterable<readonly unknown[]>>;
}

/** Makes the plan of the job that Prepare has written. Throws what reading it and what listing throws. */
export async function planRun(
  run: PreparedState['run'],
  { open, transform, signal, milliseconds, sample, onAws = false, itemsOf }: PlanRunOptions,
): Promise<PlanAnswer> {
  const { body } = await open(run.bucket).read(run.key, definedOnly({ signal }));
  const job = JSON.parse(body.toString()) as PreparedJob;
  const listing = milliseconds === undefined ? undefined : milliseconds * SHARE_LISTING;
  const plan = await makePlan({
    ...{ job, open, transform, signal, sample, triedOnAws: onAws },
    pages: async () => valuesOf(itemsOf === undefined ? await itemsIn(job, open) : await itemsOf(job)),
    listMilliseconds: listing,
    sampleMilliseconds: listing,
    region: job.deployment?.region,
    architecture: job.deployment?.architecture,
    memory: job.deployment?.memory,
    // Prepare has lowered it to what there is room for.
    environments: job.maxConcurrencyAsked === undefined ? undefined : job.maxConcurrency,
  });
  return { run: job.run, status: 'succeeded', executionStatus: 'SUCCEEDED', plan: fitting(plan) };
}

async function* valuesOf(items: AsyncIterable<readonly unknown[]>): Pages {
  for await (const page of items) yield page.map((value) => ({ value }));
}

/** The items of what a function can go through by itself. */
async function itemsIn(
  { reader, keys = [] }: PreparedJob,
  open: OpenStore,
): Promise<AsyncIterable<readonly unknown[]>> {
  if (reader.kind === 'LIST') return listed(open, reader);
  if (reader.kind === 'KEYS') return inOnePage(keys);
  return parsed(linesOf(await decompressed(await open(reader.bucket).open(reader.key))));
}

/** The shape of the service's own listing. */
async function* listed(
  open: OpenStore,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
): AsyncGenerator<readonly unknown[]> {
  for await (const page of open(bucket).list(prefix)) {
    yield page.map(({ key, etag, bytes, storageClass }) => ({
      ...{ Key: key, Etag: `"${etag}"`, Size: bytes, StorageClass: storageClass },
    }));
  }
}

async function* inOnePage(keys: readonly unknown[]): AsyncGenerator<readonly unknown[]> {
  yield keys;
}

async function* parsed(pages: AsyncIterable<readonly string[]>): AsyncGenerator<readonly unknown[]> {
  for await (const lines of pages) yield lines.map((line) => JSON.parse(line) as unknown);
}

/** The plan with texts cut short, and without examples where even then it is too large. */
function fitting(plan: PlanReport): PlanReport {
  const short = JSON.parse(JSON.stringify(plan), (_, value: unknown) =>
    typeof value === 'string' && value.length > MOST_TEXT ? `${value.slice(0, MOST_TEXT)}…` : value,
  ) as PlanReport;
  if (Buffer.byteLength(JSON.stringify(short)) <= MOST_ANSWER) return short;
  return {
    ...short,
    collisions: { ...short.collisions, examples: [] },
    lies: { ...short.lies, examples: [] },
    failures: short.failures.map((one) => ({ ...one, examples: [] })),
  };
}
