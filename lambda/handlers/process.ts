// Process image, as Lambda runs it: a log line for each key that failed, a line of metrics for each invocation, all with the run.
import { randomUUID } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import { ENVIRONMENT, env, RESULT_FOLDERS } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import type { Outcome, ProcessResult } from '../contract/outcome.ts';
import { createNotes } from '../guard/notes.ts';
import { setThreadsPerImage } from '../image/sharp.ts';
import { transform } from '../image/transform.ts';
import type { PlanEvent, PreparedJob, ProcessEvent } from '../job/prepared.ts';
import type { PlanAnswer } from '../plan/execution.ts';
import { createProcess } from '../process/process.ts';
import { meter } from './meter.ts';
import { count, publish } from './metrics.ts';
import { runOf } from './run.ts';
import { endOfChild, type LambdaContext, open, TIMES, withinTime } from './runtime.ts';

/** MB: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const MEMORY_OF_A_PROCESSOR = 1769;
/** Of the function's memory, for sources that wait for a processor and outputs that are being written: 265 MB of 1769. */
const SHARE_READ_AHEAD = 0.15;

/** Of the function's time, for listing and for trying. */
const SHARE_PLAN = 0.75;

const logger = new Logger();
const memory = Number(process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? MEMORY_OF_A_PROCESSOR);
const processors = memory / MEMORY_OF_A_PROCESSOR;
// What ran out of memory or time is tried again with all of both.
const oneImage = process.env[ENVIRONMENT.oneImage] === 'true';
if (oneImage) setThreadsPerImage(Math.ceil(processors));
const processImages = createProcess({
  open,
  transform,
  // As many images at once as the function has whole processors: so each has as much memory as in the smallest function.
  imageConcurrency: oneImage ? 1 : Math.max(1, Math.floor(processors)),
  mostBytes: SHARE_READ_AHEAD * memory * 1024 * 1024,
  onOutcome: note,
});
const results = parseLocation(env(ENVIRONMENT.results));
const environment = randomUUID();
const notes = createNotes({
  write: async (run, note) => {
    const key = `${results.prefix}${RESULT_FOLDERS.guards}${run}/${environment}.json`;
    await open(results.bucket).write(key, Buffer.from(JSON.stringify(note)), { contentType: 'application/json' });
  },
});

export async function handler(
  event: ProcessEvent | PlanEvent,
  context: LambdaContext,
): Promise<ProcessResult | PlanAnswer> {
  const used = meter();
  logger.addContext(context);
  if ('plan' in event) return await plan(event, context);
  const run = runOf(event);
  logger.appendKeys({ ...run });
  try {
    const child = endOfChild(event.childStarted);
    return await withinTime(
      context,
      (signal, until) => processImages(event, { signal, used, time: { until, last: child.latest - TIMES.answer } }),
      child,
    );
  } finally {
    publish(run);
    await tellGuard();
  }
}

/** Rare, so loaded only then. It has a little less time than the function, for what it tries last and for its answer. */
async function plan(event: PlanEvent, context: LambdaContext): Promise<PlanAnswer> {
  const { planRun } = await import('../plan/execution.ts');
  const milliseconds = context.getRemainingTimeInMillis() * SHARE_PLAN;
  return await withinTime(context, (signal) =>
    planRun(event.plan, { open, transform, signal, milliseconds, onAws: true }),
  );
}

/** What cannot be told is told with the next key: no image fails for it. */
async function tellGuard(): Promise<void> {
  try {
    await notes.flush();
  } catch (error) {
    logger.warn('Could not tell the guard of the run', { error: error as Error });
  }
}

function note(outcome: Outcome, { run, results, breaker, maxCost, maxConcurrency }: PreparedJob): void {
  count(outcome);
  notes.add({ run, ...(breaker && { breaker }), capped: maxCost !== undefined, maxConcurrency }, outcome);
  const facts = { results: results.prefix, key: outcome.key, outcome };
  if (outcome.status === 'failed') logger.error(`${outcome.error}: ${outcome.message}`, facts);
  else logger.debug(outcome.status, facts);
}
