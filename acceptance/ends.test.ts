// Who subscribed to the topic is told of every end: succeeded, failed, stopped, timed out, and never begun.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { SNSClient, SubscribeCommand, UnsubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { formatLocation } from '../lambda/contract/location.ts';
import { resourcesOf } from './cdk.ts';
import { BROKEN, file, TWENTY } from './images.ts';
import { type Account, account } from './records.ts';
import {
  destination,
  ended,
  eventually,
  executionName,
  folder,
  keys,
  outputs,
  putFile,
  runFolder,
  sfn,
  source,
  start,
} from './stack.ts';

const sqs = new SQSClient({});
const sns = new SNSClient({});
const from = folder(source, 'ends');
const job = (name: string) => ({
  source: formatLocation(from),
  destination: formatLocation(folder(destination, `ends/${name}`)),
  recipe: 'thumbnail',
});

let QueueUrl: string;
let SubscriptionArn: string;
beforeAll(async () => {
  await putFile(from, 'a.gif', file(TWENTY[16] as string));
  await putFile(from, 'b.jpg', file(BROKEN));
  for (let index = 0; index < 4; index++) await putFile(from, `c-${index}.jpg`, file('photos/jolla.jpg'));
  QueueUrl = (
    await sqs.send(new CreateQueueCommand({ QueueName: `image-fanout-acceptance-${Date.now().toString(36)}` }))
  ).QueueUrl as string;
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  const QueueArn = Attributes?.QueueArn as string;
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: QueueArn,
        Condition: { ArnEquals: { 'aws:SourceArn': outputs.TopicArn } },
      },
    ],
  });
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
  const subscribed = await sns.send(
    new SubscribeCommand({
      TopicArn: outputs.TopicArn,
      Protocol: 'sqs',
      Endpoint: QueueArn,
      ReturnSubscriptionArn: true,
    }),
  );
  SubscriptionArn = subscribed.SubscriptionArn as string;
});
afterAll(async () => {
  await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
  await sqs.send(new DeleteQueueCommand({ QueueUrl }));
});

interface Notification {
  readonly Subject: string;
  readonly Message: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly Value: string }>>;
}

function valuesOf(attributes: Notification['MessageAttributes'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, { Value }]) => [name, Value]));
}

const told: Notification[] = [];

/** What the subscriber is told of a run's end with this status; other messages wait for whoever asks. */
async function notification(status: string, arn: string): Promise<Notification> {
  return await eventually(`a notification that ${executionName(arn)} ${status}`, async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
    );
    for (const { Body = '', ReceiptHandle } of Messages) {
      told.push(JSON.parse(Body) as Notification);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return told.find(({ Subject, Message }) => Subject.includes(status) && Message.includes(executionName(arn)));
  });
}

it('succeeded: with the counts, and where the account is', async () => {
  const arn = await start({ ...job('succeeded'), include: ['a.*'] });
  expect(await ended(arn)).toMatchObject({ status: 'SUCCEEDED' });
  const { Subject, Message, MessageAttributes } = await notification('succeeded', arn);
  expect(Subject).toContain('6 of 6 keys done');
  expect(valuesOf(MessageAttributes)).toEqual({
    status: 'succeeded',
    executionStatus: 'SUCCEEDED',
    failed: '0',
    attention: 'no',
  });
  expect(Message).toContain('1 succeeded, 5 skipped, 0 failed, 0 pending');
  expect(Message).toContain(`${formatLocation(runFolder(arn))}`);
});

it('failed: with the first failure and its reason', async () => {
  const arn = await start({ ...job('failed'), maxConcurrency: 1 });
  expect(await ended(arn)).toMatchObject({ status: 'FAILED' });
  const { Message, MessageAttributes } = await notification('stoppedByFailures', arn);
  expect(valuesOf(MessageAttributes)).toEqual({
    status: 'stoppedByFailures',
    executionStatus: 'FAILED',
    failed: '1',
    attention: 'yes',
  });
  expect(Message).toMatch(/First failure:\n {2}ends\/b\.jpg\n {2}[A-Z]\w+: \S/);
  expect(Message).toContain(`image-fanout redrive ${executionName(arn)}`);
});

it('never begun: with all that is wrong with the job', async () => {
  const arn = await start({ ...job('refused'), recipe: 'nope' });
  expect(await ended(arn)).toMatchObject({ status: 'FAILED', error: 'InvalidJob' });
  const { Message } = await notification('InvalidJob', arn);
  expect(Message).toContain('Nothing was started.');
  expect(Message).toContain('nope');
});

it('stopped, and timed out: with an account of what was not done', async () => {
  const arn = await start({ ...job('stopped'), recipe: 'web', exclude: ['b.*'], maxConcurrency: 1 });
  await eventually('the first output', async () => (await keys(folder(destination, 'ends/stopped')))[0]);
  await sfn.send(new StopExecutionCommand({ executionArn: arn }));
  const { stopDate } = await ended(arn);
  const { Message } = await notification('interrupted', arn);
  expect(Message).toMatch(/6 keys: .* [1-9] pending/);

  // Two weeks are too long to wait for: the function that is told of ends is told of one that timed out.
  const report = (await resourcesOf(inject('stackName'), 'AWS::Lambda::Function')).find(([id]) =>
    id.includes('ReportsReport'),
  );
  const detail = {
    executionArn: arn,
    name: executionName(arn),
    status: 'TIMED_OUT',
    startDate: (stopDate as Date).getTime() - 60_000,
    stopDate: (stopDate as Date).getTime(),
    redriveCount: 0,
  };
  const { FunctionError } = await new LambdaClient({}).send(
    new InvokeCommand({ FunctionName: report?.[1], Payload: JSON.stringify({ detail }) }),
  );
  expect(FunctionError).toBeUndefined();
  expect((await notification('timedOut', arn)).Message).toMatch(/6 keys: .* [1-9] pending/);
  const { summary } = (await account(runFolder(arn))) as Account;
  expect(summary).toMatchObject({ status: 'timedOut', balanced: true, counts: { total: 6 } });
});
