// Process image, as Lambda runs it: a log line for each key that failed, a line of metrics for each invocation, all with the run.
import { Logger } from '@aws-lambda-powertools/logger';
import type { Outcome, ProcessResult } from '../contract/outcome.ts';
import { transform } from '../image/transform.ts';
import type { PreparedJob, ProcessEvent } from '../job/prepared.ts';
import { createProcess } from '../process/process.ts';
import { count, publish } from './metrics.ts';
import { runOf } from './run.ts';
import { endOfChild, type LambdaContext, open, withinTime } from './runtime.ts';

const logger = new Logger();
const processImages = createProcess({ open, transform, imageConcurrency: 1, onOutcome: note });

export async function handler(event: ProcessEvent, context: LambdaContext): Promise<ProcessResult> {
  logger.addContext(context);
  const run = runOf(event);
  logger.appendKeys({ ...run });
  try {
    return await withinTime(context, (signal) => processImages(event, { signal }), endOfChild(event.childStarted));
  } finally {
    publish(run);
  }
}

function note(outcome: Outcome, { results }: PreparedJob): void {
  count(outcome);
  const facts = { results: results.prefix, key: outcome.key, outcome };
  if (outcome.status === 'failed') logger.error(`${outcome.error}: ${outcome.message}`, facts);
  else logger.debug(outcome.status, facts);
}
