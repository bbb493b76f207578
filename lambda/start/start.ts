// The starter: what S3 told of new objects in, executions out. Job files start their job, uploads are gathered into one.
import { createHash } from 'node:crypto';
import { OWN_FOLDER, RESULT_FOLDERS } from '../contract/environment.ts';
import { FanoutError } from '../contract/errors.ts';
import { type Location, objectUri } from '../contract/location.ts';
import { IMAGE_GLOB } from '../job/image-glob.ts';
import type { JobInput } from '../job/job.ts';
import type { OpenStore } from '../store/store.ts';

/** An execution's input holds 262,144 bytes: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const MOST_INPUT_BYTES = 256 * 1024;
/** Room for what Prepare adds before the keys walk through the workflow's state, which has the same bound. */
const ROOM = 16 * 1024;

/** A message of the queue: an EventBridge event `Object Created` of S3. */
export interface QueueRecord {
  readonly messageId: string;
  readonly body: string;
}

export interface StartDependencies {
  readonly open: OpenStore;
  readonly source: Location;
  readonly results: Location;
  /** The fields of a job of uploads, but for its keys. */
  readonly uploadsJob: JobInput;
  /** The glob of what the image function reads. Default: all images. */
  readonly images?: string;
  /** Starts an execution; starting one of the same name again must do nothing. */
  readonly startExecution: (name: string, input: unknown) => Promise<void>;
  /** Runs of uploads that go on. Default: not asked. */
  readonly runningUploads?: () => Promise<number>;
  /** Told of what went back to the queue. */
  readonly onFailure?: (messageIds: readonly string[], error: unknown) => void;
}

/** Lambda's answer for a queue: the messages that shall be delivered again. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

interface Created {
  readonly messageId: string;
  readonly bucket: string;
  readonly key: string;
  /** Tells one writing of a key from the next, and is the same when an event is delivered twice. */
  readonly version: string;
}

/**
 * Makes the handler. Each execution is named after the events it was started for, so a batch that is delivered again
 * starts nothing twice. What could not be started goes back to the queue; the rest of the batch does not.
 */
export function createStart(dependencies: StartDependencies) {
  const { source, results, onFailure = () => {} } = dependencies;
  const jobs = results.prefix + RESULT_FOLDERS.jobs;
  return async (records: readonly QueueRecord[]): Promise<BatchResponse> => {
    const failures: string[] = [];
    const attempt = async (messageIds: readonly string[], work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        failures.push(...messageIds);
        onFailure(messageIds, error);
      }
    };
    const created: Created[] = [];
    for (const record of records) {
      await attempt([record.messageId], async () => {
        created.push(createdObject(record));
      });
    }
    const within = ({ bucket, key }: Created, place: Location, prefix: string): boolean =>
      bucket === place.bucket && key.startsWith(prefix) && !key.endsWith('/');
    for (const object of created.filter((one) => within(one, results, jobs))) {
      await attempt([object.messageId], () => startJobFile(object, jobs, dependencies));
    }
    // A self-test's images have runs of their own.
    const own = ({ key }: Created): boolean => key.startsWith(source.prefix + OWN_FOLDER);
    const uploads = created.filter(
      (one) => within(one, source, source.prefix) && !within(one, results, jobs) && !own(one),
    );
    if (uploads.length > 0) {
      await attempt(
        uploads.map(({ messageId }) => messageId),
        () => startUploads(uploads, dependencies),
      );
    }
    return { batchItemFailures: failures.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

async function startJobFile(object: Created, jobs: string, { startExecution }: StartDependencies): Promise<void> {
  const readable = object.key.slice(jobs.length).replace(/\.json$/i, '');
  await startExecution(executionName(readable, [object]), { job: objectUri(object.bucket, object.key) });
}

/** Runs of uploads at once: each takes `maxConcurrency`, and all of them share one function's environments. */
export const MOST_UPLOAD_RUNS = 5;

/** What the names of runs of uploads begin with. */
export const UPLOADS = 'uploads-';

async function startUploads(uploads: readonly Created[], dependencies: StartDependencies): Promise<void> {
  const { open, results, startExecution, runningUploads } = dependencies;
  const running = (await runningUploads?.()) ?? 0;
  if (running >= MOST_UPLOAD_RUNS)
    throw new FanoutError(
      'Throttled',
      `${running} runs of uploads go on: these keys wait in their queue for one to end`,
    );
  // Nobody named these keys: whatever lands below the source is told of.
  const keys = [...new Set(uploads.map(({ key }) => key))].sort();
  const name = executionName('uploads', uploads);
  const uploadsJob = { include: [dependencies.images ?? IMAGE_GLOB], ...dependencies.uploadsJob };
  const inline = { ...uploadsJob, keys };
  if (Buffer.byteLength(JSON.stringify(inline)) <= MOST_INPUT_BYTES - ROOM) return await startExecution(name, inline);
  const key = `${results.prefix}${RESULT_FOLDERS.manifests}uploads/${name}.json`;
  // The name follows from the keys: whoever writes this again writes the same bytes.
  await open(results.bucket).write(key, Buffer.from(JSON.stringify(keys)), { contentType: 'application/json' });
  await startExecution(name, { ...uploadsJob, manifest: objectUri(results.bucket, key) });
}

/** At most 80 of the characters that an execution's name may hold: readable, and the same for the same events in any order. */
function executionName(readable: string, objects: readonly Created[]): string {
  const events = [...new Set(objects.map(({ bucket, key, version }) => JSON.stringify([bucket, key, version])))].sort();
  const digest = createHash('sha256').update(events.join('\n')).digest('hex').slice(0, 32);
  const letters = readable.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^-+|-+$/g, '');
  return `${letters.slice(0, 40) || 'job'}-${digest}`;
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
function createdObject({ messageId, body }: QueueRecord): Created {
  const event = parsed(body) as {
    source?: unknown;
    'detail-type'?: unknown;
    detail?: {
      bucket?: { name?: unknown };
      object?: { key?: unknown; 'version-id'?: unknown; sequencer?: unknown; etag?: unknown };
    };
  } | null;
  const object = event?.detail?.object;
  const bucket = event?.detail?.bucket?.name;
  if (event?.['detail-type'] !== 'Object Created' || typeof bucket !== 'string' || typeof object?.key !== 'string') {
    throw new FanoutError('InvalidJob', `expected an event "Object Created" of S3, got ${body.slice(0, 200)}`);
  }
  const version = object.sequencer ?? object['version-id'] ?? object.etag ?? '';
  return { messageId, bucket, key: object.key, version: String(version) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
