// Prepare, as Lambda runs it: the stack's places are the defaults, and the only ones allowed.
import { Logger } from '@aws-lambda-powertools/logger';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import type { PreparedState, PrepareEvent } from '../job/prepared.ts';
import { createPrepare } from '../prepare/prepare.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const source = parseLocation(env(ENVIRONMENT.source));
const destination = parseLocation(env(ENVIRONMENT.destination));
const results = parseLocation(env(ENVIRONMENT.results));
const prepare = createPrepare({
  open,
  defaults: { source, destination, results, maxConcurrency: Number(env(ENVIRONMENT.maxConcurrency)) },
  allowed: { source: [source], destination: [destination], results: [results] },
});

export async function handler(event: PrepareEvent, context: LambdaContext): Promise<PreparedState> {
  logger.addContext(context);
  logger.appendKeys({ execution: event.execution.name });
  try {
    const state = await prepare(event);
    logger.info('Prepared the job', { job: event.input, reader: state.reader });
    return state;
  } catch (error) {
    logger.error('Refused the job', { job: event.input, error: error as Error });
    throw error;
  }
}
