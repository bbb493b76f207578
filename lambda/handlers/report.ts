// The report on an execution's end, as Lambda runs it on Step Functions' status events.
import { Logger } from '@aws-lambda-powertools/logger';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import { createEnded, type StatusChange, type Told } from '../report/ended.ts';
import { type LambdaContext, open } from './runtime.ts';

const logger = new Logger();
const client = new SNSClient({});
const ended = createEnded({ open, results: parseLocation(env(ENVIRONMENT.results)), notify });

async function notify(Subject: string, Message: string): Promise<void> {
  await client.send(new PublishCommand({ TopicArn: env(ENVIRONMENT.topic), Subject, Message }));
}

export async function handler(event: StatusChange, context: LambdaContext): Promise<Told> {
  logger.addContext(context);
  logger.appendKeys({ execution: event.detail.name });
  const told = await ended(event);
  logger.info('Told how the run ended', { told });
  return told;
}
