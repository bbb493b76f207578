// Prepare, as Lambda runs it: the stack's places are the defaults, and the only ones allowed.
import { Logger } from '@aws-lambda-powertools/logger';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ENVIRONMENT, env, RESULT_FOLDERS } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import type { Used } from '../contract/used.ts';
import type { Watching } from '../guard/watch.ts';
import type { PlanState, PreparedState, PrepareEvent } from '../job/prepared.ts';
import { createPrepare } from '../prepare/prepare.ts';
import { imagesRead } from './images-read.ts';
import { meter } from './meter.ts';
import { roomOf } from './room.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
// Short: the room is good to know, and not worth a wait.
const lambda = new LambdaClient({ maxAttempts: 2, requestHandler: { requestTimeout: 3000, connectionTimeout: 1000 } });
const machine = new SFNClient({});
const source = parseLocation(env(ENVIRONMENT.source));
const destination = parseLocation(env(ENVIRONMENT.destination));
const results = parseLocation(env(ENVIRONMENT.results));
// Nobody may write elsewhere in the results.
const runs = { bucket: results.bucket, prefix: results.prefix + RESULT_FOLDERS.runs };
/** Of the invocation that is under way: an environment has one at a time. */
let used: () => Used;
const prepare = createPrepare({
  open,
  defaults: {
    source,
    destination,
    results,
    maxConcurrency: Number(env(ENVIRONMENT.maxConcurrency)),
    images: imagesRead(),
  },
  allowed: { source: [source], destination: [destination], results: [runs] },
  room,
  deployment: () => ({
    region: env('AWS_REGION'),
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    memory: Number(env(ENVIRONMENT.memory)),
    prepare: used(),
  }),
  // The function has two minutes in all.
  listMilliseconds: 80_000,
  startGuard,
});

/** Under the run's own name: Prepare may be tried again. */
async function startGuard(execution: string, since: string): Promise<void> {
  const input: Watching = { execution, since };
  const name = execution.split(':').at(-1);
  try {
    await machine.send(
      new StartExecutionCommand({ stateMachineArn: env(ENVIRONMENT.guard), name, input: JSON.stringify(input) }),
    );
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}

/** A deployment that may not ask is served all the same: what is throttled then is tried again. */
async function room(): Promise<number | undefined> {
  try {
    return await roomOf(lambda, env(ENVIRONMENT.processFunction));
  } catch (error) {
    logger.warn('Could not ask for the concurrency of the image function', { error: error as Error });
    return undefined;
  }
}

export async function handler(event: PrepareEvent, context: LambdaContext): Promise<PreparedState | PlanState> {
  used = meter();
  logger.addContext(context);
  logger.appendKeys({ execution: event.execution.name });
  try {
    const state = await prepare(event);
    logger.info('Prepared the job', { job: event.input, ...state });
    return state;
  } catch (error) {
    logger.error('Refused the job', { job: event.input, error: error as Error });
    throw error;
  }
}
