// Runs that S3 starts: a stack on an existing bucket, whose triggers an update turns on; and whom its ends are told.
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  paginateListExecutions,
} from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Location, parseLocation } from '../lambda/contract/location.ts';
import { type Deployed, deleteBucket, deployStack, resourcesOf } from './cdk.ts';
import { file, TWENTY } from './images.ts';
import { eventually, keys, put, putFile, s3, sfn } from './stack.ts';

// All three places in one bucket: so every output and every result file is an event too, and must start nothing.
const bucket = `image-fanout-acceptance-${Date.now().toString(36)}`;
const place = (prefix: string): Location => parseLocation(`s3://${bucket}/${prefix}`);
const [source, destination, results] = [place('in/'), place('out/'), place('acc/')] as const;
const sqs = new SQSClient({});
const IMAGE = file(TWENTY[16] as string);
let stack: Deployed;
let queues: { uploads: string; deadLetters: string; jobFilesDeadLetters: string };

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const places = { source: `s3://${bucket}/in/`, destination: `s3://${bucket}/out/`, results: `s3://${bucket}/acc/` };
  stack = await deployStack('Triggers', places);
  await putFile(source, 'before.gif', IMAGE);
  await stack.update({
    jobFiles: 'true',
    uploads: 'true',
    uploadsWindowSeconds: '3',
    uploadsJob: JSON.stringify({ recipe: 'thumbnail', toleratedFailurePercentage: 100 }),
  });
  queues = await findQueues(stack.name);
});
afterAll(async () => {
  await stack?.remove();
  await deleteBucket(bucket);
});

async function findQueues(stackName: string): Promise<typeof queues> {
  const found = await resourcesOf(stackName, 'AWS::SQS::Queue');
  const named = (part: RegExp): string => found.find(([name]) => part.test(name))?.[1] as string;
  return {
    uploads: named(/TriggersUploads[0-9A-F]{8}$/),
    deadLetters: named(/UploadsDeadLetters/),
    jobFilesDeadLetters: named(/JobFilesDeadLetters/),
  };
}

/** All executions of the stack whose names begin so. */
async function executions(prefix: string): Promise<DescribeExecutionCommandOutput[]> {
  const found: DescribeExecutionCommandOutput[] = [];
  const { StateMachineArn: stateMachineArn } = stack.outputs;
  for await (const { executions: page = [] } of paginateListExecutions({ client: sfn }, { stateMachineArn })) {
    for (const { name = '', executionArn } of page) {
      if (name.startsWith(prefix)) found.push(await sfn.send(new DescribeExecutionCommand({ executionArn })));
    }
  }
  return found;
}

/** Waits until this many executions of the name have ended, and then a while for those that should not be. */
async function settled(prefix: string, count: number): Promise<DescribeExecutionCommandOutput[]> {
  await eventually(`${count} executions ${prefix}…`, async () => {
    const found = await executions(prefix);
    return found.length >= count && found.every(({ status }) => status !== 'RUNNING') ? true : undefined;
  });
  await new Promise((resolve) => setTimeout(resolve, 8000));
  return await executions(prefix);
}

const keysOf = ({ input = '' }: DescribeExecutionCommandOutput): string[] =>
  (JSON.parse(input) as { keys: string[] }).keys;

function event(key: string, sequencer: string): string {
  const detail = { version: '0', bucket: { name: bucket }, object: { key, size: 1, etag: 'x', sequencer } };
  return JSON.stringify({ source: 'aws.s3', 'detail-type': 'Object Created', detail });
}

async function deliver(...bodies: string[]): Promise<void> {
  const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: queues.uploads, Entries }));
}

it('what was there before the triggers starts nothing', async () => {
  expect(await executions('')).toEqual([]);
});

it('a job file starts its job, with the job file as its input', async () => {
  const key = `${results.prefix}jobs/nightly.json`;
  await put(results, 'jobs/nightly.json', JSON.stringify({ recipe: 'thumbnail', maxConcurrency: 2 }));
  const [execution, ...others] = await settled('nightly-', 1);
  expect(others).toEqual([]);
  expect(JSON.parse(execution?.input ?? '')).toEqual({ job: `s3://${bucket}/${key}` });
  expect(execution, execution?.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect(JSON.parse(execution?.output ?? '')).toMatchObject({ counts: { total: 1, succeeded: 1 } });
});

it('a burst of fifty uploads is gathered: each key in one run, few runs, all outputs', async () => {
  const names = Array.from({ length: 50 }, (_, index) => `burst/${String(index).padStart(2, '0')}.gif`);
  await Promise.all(names.map((name) => putFile(source, name, IMAGE)));
  const wanted = names.map((name) => source.prefix + name);
  await eventually('a run for each upload', async () => {
    const found = (await executions('uploads-')).flatMap(keysOf);
    return wanted.every((key) => found.includes(key)) ? true : undefined;
  });
  const runs = await settled('uploads-', 1);
  expect(runs.flatMap(keysOf).sort()).toEqual(wanted);
  expect(runs.length).toBeLessThanOrEqual(10);
  for (const run of runs) expect(run, run.cause).toMatchObject({ status: 'SUCCEEDED' });
  expect((await keys(destination)).filter((key) => key.includes('/burst/'))).toHaveLength(50);
});

describe('an event that is delivered twice', () => {
  it('in one batch is one key of one run', async () => {
    const before = (await executions('uploads-')).length;
    const once = event('in/burst/00.gif', '0A');
    await deliver(once, once, event('in/burst/01.gif', '0B'));
    const runs = await settled('uploads-', before + 1);
    expect(runs).toHaveLength(before + 1);
    expect(runs.map((run) => keysOf(run).join())).toContain('in/burst/00.gif,in/burst/01.gif');
  });

  it('in another batch starts no run of its own', async () => {
    const before = (await executions('uploads-')).length;
    await deliver(event('in/burst/02.gif', '0C'));
    expect(await settled('uploads-', before + 1)).toHaveLength(before + 1);
    await deliver(event('in/burst/02.gif', '0C'));
    expect(await settled('uploads-', before + 1)).toHaveLength(before + 1);
  });
});

it('nothing of all this is left in a queue', async () => {
  for (const QueueUrl of Object.values(queues)) {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    expect(Attributes, QueueUrl).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    });
  }
});
