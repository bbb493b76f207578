// The report on an execution's end, as Lambda runs it on Step Functions' status events.
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ENVIRONMENT, env } from '../contract/environment.ts';
import { parseLocation } from '../contract/location.ts';
import { METRICS } from '../contract/metrics.ts';
import { type Attributes, createEnded, type InParts, type StatusChange, type Told } from '../report/ended.ts';
import type { PartsInput } from '../report/parts/actions.ts';
import { itemCountsOf } from './map-run.ts';
import { meter } from './meter.ts';
import { type LambdaContext, open, withinTime } from './runtime.ts';

/** Milliseconds kept to ask for the counts and to tell the topic, when the account takes more time than there is. */
const TO_TELL = 30_000;

const logger = new Logger();
const topic = new SNSClient({});
// Short to connect: in a VPC without a way there, the counts are not worth a wait.
const machine = new SFNClient({ requestHandler: { connectionTimeout: 2000 } });
const metrics = new Metrics({ defaultDimensions: { [METRICS.stackDimension]: env(ENVIRONMENT.stack) } });
const ended = createEnded({
  open,
  results: parseLocation(env(ENVIRONMENT.results)),
  notify,
  parts: {
    stateMachine: env(ENVIRONMENT.accountMachine),
    wholeBytes: Number(env(ENVIRONMENT.wholeAccountBytes)),
    start: startParts,
  },
  itemCounts: (arn) => itemCountsOf(machine, arn),
});

async function startParts(name: string, input: PartsInput): Promise<void> {
  const stateMachineArn = env(ENVIRONMENT.accountMachine);
  try {
    await machine.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
  } catch (error) {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  }
}

async function notify(Subject: string, Message: string, attributes: Attributes): Promise<string | undefined> {
  const { status, executionStatus, failed, attention } = attributes;
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const MessageAttributes = {
    status: text(status),
    executionStatus: text(executionStatus),
    failed: { DataType: 'Number', StringValue: String(failed) },
    attention: text(attention),
  };
  const { MessageId } = await topic.send(
    new PublishCommand({ TopicArn: env(ENVIRONMENT.topic), Subject, Message, MessageAttributes }),
  );
  metrics.addMetric(METRICS.failedKeys, MetricUnit.Count, failed);
  metrics.publishStoredMetrics();
  return MessageId;
}

export async function handler(event: StatusChange, context: LambdaContext): Promise<Told | InParts> {
  const used = meter();
  logger.addContext(context);
  logger.appendKeys({ execution: event.detail.name });
  const latest = Date.now() + context.getRemainingTimeInMillis() - TO_TELL;
  const whose = "the function's but for what it takes to tell of the end";
  const told = await withinTime(context, (signal) => ended(event, signal, used), { latest, whose });
  if ('account' in told) logger.info('Started the account in parts', { told });
  else logger.info('Told how the run ended', { told });
  return told;
}
