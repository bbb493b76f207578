// What may start a run besides a plain job: a job file's location, or S3's own event of an object.
import { FanoutError } from '../contract/errors.ts';
import { parseObject } from '../contract/location.ts';
import { parseJson } from '../contract/text.ts';
import { IMAGE_GLOB } from '../job/image-glob.ts';
import { invalidJob } from '../job/job.ts';
import type { OpenStore } from '../store/store.ts';

/** Job files are written by people; more than this is a mistake, and more than an execution's input may hold. */
const MOST_JOB_BYTES = 1024 * 1024;

/** The job as a person would write it and, when an object's event stands for it, the bucket that the event is of. */
export interface Started {
  readonly job: unknown;
  readonly bucket?: string;
}

/**
 * Turns the execution's input into a job as a person would write it: `{"job": "s3://bucket/jobs/x.json"}` is replaced by the
 * file's content, an EventBridge event `Object Created` by a job with that one key; anything else is the job itself.
 * Throws InvalidJob when the job file is missing or no JSON.
 */
export async function jobOf(input: unknown, open: OpenStore, images = IMAGE_GLOB): Promise<Started> {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return { job: input };
  const fields = input as Record<string, unknown>;
  if (typeof fields['job'] === 'string') {
    const others = Object.keys(fields).filter((name) => name !== 'job' && !CONVENTIONS.includes(name));
    if (others.length > 0)
      throw invalidJob([`${others.join(', ')}: unexpected beside "job", expected all fields in the job file`]);
    return { job: withoutConventions(await jobFile(fields['job'], open)) };
  }
  const created = objectCreated(fields);
  return created === undefined
    ? { job: withoutConventions(input) }
    : { job: { keys: [created.key], include: [images] }, bucket: created.bucket };
}

/** What AWS and editors put beside the fields of a JSON document, and what says nothing to the job. */
const CONVENTIONS = ['$schema', 'Comment', 'AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID'];

function withoutConventions(job: unknown): unknown {
  if (job === null || typeof job !== 'object' || Array.isArray(job)) return job;
  return Object.fromEntries(Object.entries(job).filter(([name]) => !CONVENTIONS.includes(name)));
}

/** Bucket and key of an EventBridge event `Object Created`; undefined for anything else. Keys in these events are not URL-encoded. */
function objectCreated(event: Record<string, unknown>): { readonly bucket: string; readonly key: string } | undefined {
  if (event['source'] !== 'aws.s3' || event['detail-type'] !== 'Object Created') return undefined;
  const detail = event['detail'] as { bucket?: { name?: unknown }; object?: { key?: unknown } } | undefined;
  const bucket = detail?.bucket?.name;
  const key = detail?.object?.key;
  return typeof bucket === 'string' && typeof key === 'string' ? { bucket, key } : undefined;
}

async function jobFile(text: string, open: OpenStore): Promise<unknown> {
  const { bucket, key } = located(text);
  let body: Buffer;
  try {
    ({ body } = await open(bucket).read(key, { maxBytes: MOST_JOB_BYTES }));
  } catch (error) {
    if (error instanceof FanoutError && !error.transient)
      throw invalidJob([`job: expected a readable job file, got ${text}: ${error.message}`]);
    throw error;
  }
  try {
    return parseJson(body.toString());
  } catch (error) {
    throw invalidJob([`job: expected JSON in ${text}, got ${(error as Error).message}`]);
  }
}

function located(text: string): { bucket: string; key: string } {
  try {
    return parseObject(text);
  } catch (error) {
    throw invalidJob([`job: ${(error as Error).message}`]);
  }
}
