// The starter, as Lambda runs it for the queues of job files and uploads.
import { Logger } from '@aws-lambda-powertools/logger';
import { ExecutionAlreadyExists, ListExecutionsCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import type { JobInput } from '../job/job.ts';
import { type BatchResponse, createStart, type QueueRecord, UPLOADS } from '../start/start.ts';
import { imagesRead } from './images-read.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const client = new SFNClient({});
const start = createStart({
  open,
  source: parseLocation(env(ENVIRONMENT.source)),
  results: parseLocation(env(ENVIRONMENT.results)),
  images: imagesRead(),
  // Validated when the stack was synthesized.
  uploadsJob: JSON.parse(env(ENVIRONMENT.uploadsJob)) as JobInput,
  startExecution,
  runningUploads,
  onFailure: (messageIds, error) => logger.error('Could not start', { messageIds, error: error as Error }),
});

async function runningUploads(): Promise<number> {
  const { executions = [] } = await client.send(
    new ListExecutionsCommand({
      stateMachineArn: env(ENVIRONMENT.stateMachine),
      statusFilter: 'RUNNING',
      maxResults: 1000,
    }),
  );
  return executions.filter(({ name }) => name?.startsWith(UPLOADS)).length;
}

async function startExecution(name: string, input: unknown): Promise<void> {
  try {
    await client.send(
      new StartExecutionCommand({ stateMachineArn: env(ENVIRONMENT.stateMachine), name, input: JSON.stringify(input) }),
    );
    logger.info('Started', { execution: name });
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
    logger.info('Was started before', { execution: name });
  }
}

export async function handler({ Records }: { Records: QueueRecord[] }, context: LambdaContext): Promise<BatchResponse> {
  logger.addContext(context);
  return await start(Records);
}
