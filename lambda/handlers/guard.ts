// The guard, as Lambda runs it for a run that has one: looks until the run is over, or its own time is.
import { Logger } from '@aws-lambda-powertools/logger';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListMapRunsCommand,
  SFNClient,
  StopExecutionCommand,
  UpdateMapRunCommand,
} from '@aws-sdk/client-sfn';
import { ENVIRONMENT, env, RESULT_FOLDERS } from '../contract/environment.ts';
import { type Location, parseLocation } from '../contract/location.ts';
import { pricesOf } from '../estimate/prices.ts';
import { priorOf } from '../estimate/prior.ts';
import type { Note } from '../guard/notes.ts';
import { guardsOf } from '../guard/of-job.ts';
import type { Deployed } from '../guard/spent.ts';
import { type MapRunLook, type Watched, type Watching, watch } from '../guard/watch.ts';
import type { PreparedJob } from '../job/prepared.ts';
import { readElsewhere, readJob } from '../report/run-folder.ts';
import { type LambdaContext, open } from './runtime.ts';

/** Milliseconds that an invocation keeps to answer in. */
const TO_ANSWER = 15_000;

const logger = new Logger();
const client = new SFNClient({ maxAttempts: 8 });
const results = parseLocation(env(ENVIRONMENT.results));

/** EventBridge's event of a redrive. */
interface Redriven {
  readonly time: string;
  readonly detail: { readonly executionArn: string };
}

export async function handler(input: Watching | Redriven, context: LambdaContext): Promise<Watched> {
  logger.addContext(context);
  const event: Watching =
    'detail' in input ? { execution: input.detail.executionArn, since: input.time, redrive: true } : input;
  const { execution } = event;
  const run = execution.split(':').at(-1) ?? '';
  logger.appendKeys({ execution: run });
  const job = await jobOf(run);
  const latest = Date.now() + context.getRemainingTimeInMillis() - TO_ANSWER;
  const notes: Location = { bucket: results.bucket, prefix: `${results.prefix}${RESULT_FOLDERS.guards}${run}/` };
  return await watch(
    event,
    {
      guards: guardsOf(job),
      outputs: priorOf(job.recipe).outputs,
      deployed: deployedOf(job),
      mapRun: () => newestMapRun(execution),
      describe,
      isRunning: async () => {
        const { status } = await client.send(new DescribeExecutionCommand({ executionArn: execution }));
        return status === 'RUNNING' || status === 'PENDING_REDRIVE';
      },
      update: async (mapRunArn, maxConcurrency) => {
        await client.send(new UpdateMapRunCommand({ mapRunArn, maxConcurrency }));
        logger.info('Let the run grow', { maxConcurrency });
      },
      stop: async (error, cause) => {
        await client.send(new StopExecutionCommand({ executionArn: execution, error, cause }));
        logger.warn('Stopped the run', { error, cause });
      },
      notes: () => notesIn(notes),
    },
    latest,
  );
}

/** Prepare has noted it; a deployment of before has not, and is taken for the usual one. */
function deployedOf({ deployment }: PreparedJob): Deployed {
  const { memory = 1769, architecture = 'arm64', region = env('AWS_REGION') } = deployment ?? {};
  return { memory, architecture, prices: pricesOf(region).prices };
}

async function jobOf(run: string): Promise<PreparedJob> {
  const usual = { bucket: results.bucket, prefix: `${results.prefix}${RESULT_FOLDERS.runs}${run}/` };
  const folder = (await readElsewhere(open(usual.bucket), usual)) ?? usual;
  return await readJob(open(folder.bucket), folder);
}

/** ListMapRuns is eventually consistent: one that has just begun may not be told yet. */
async function newestMapRun(executionArn: string): Promise<string | undefined> {
  const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
  const begun = (date: Date | undefined) => date?.getTime() ?? 0;
  return mapRuns.toSorted((a, b) => begun(b.startDate) - begun(a.startDate))[0]?.mapRunArn;
}

async function describe(mapRunArn: string): Promise<MapRunLook> {
  const {
    status,
    maxConcurrency = 0,
    itemCounts,
    executionCounts,
  } = await client.send(new DescribeMapRunCommand({ mapRunArn }));
  const { succeeded = 0, failed = 0, timedOut = 0, running = 0 } = itemCounts ?? {};
  const { total = 0, pending = 0, pendingRedrive = 0, running: children = 0 } = executionCounts ?? {};
  return {
    running: status === 'RUNNING',
    succeeded: status === 'SUCCEEDED',
    maxConcurrency,
    items: { succeeded, failed: failed + timedOut, running },
    children: { started: total - pending - pendingRedrive, running: children },
  };
}

/** Notes read so far, by key and ETag: most are what they were at the last look. */
const known = new Map<string, { readonly etag: string; readonly note: Note }>();

async function notesIn({ bucket, prefix }: Location): Promise<readonly Note[]> {
  const store = open(bucket);
  const found: Note[] = [];
  for await (const page of store.list(prefix)) {
    for (const { key, etag } of page) {
      let told = known.get(key);
      if (told?.etag !== etag) {
        told = { etag, note: JSON.parse((await store.read(key)).body.toString()) as Note };
        known.set(key, told);
      }
      found.push(told.note);
    }
  }
  return found;
}
