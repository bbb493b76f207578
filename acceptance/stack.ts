// The deployed stack as the tests use it: put and get objects, start executions and wait for their end.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { inject } from 'vitest';
import { type Location, parseLocation } from '../lambda/contract/location.ts';

export const outputs = inject('outputs');
export const source = parseLocation(outputs.Source);
export const destination = parseLocation(outputs.Destination);
export const results = parseLocation(outputs.Results);

export const s3 = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
export const sfn = new SFNClient({});

/** A folder of its own in a place, so that tests do not meet each other's objects. */
export function folder(place: Location, name: string): Location {
  return { bucket: place.bucket, prefix: `${place.prefix}${name}/` };
}

export async function put({ bucket, prefix }: Location, name: string, body: Uint8Array | string): Promise<void> {
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: prefix + name,
      Body: typeof body === 'string' ? Buffer.from(body) : body,
    }),
  );
}

export async function putFile(place: Location, name: string, path: string): Promise<void> {
  await put(place, name, await readFile(path));
}

export async function get(bucket: string, key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/** All keys of a place, in S3's order. */
export async function keys({ bucket, prefix }: Location): Promise<string[]> {
  const found: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
    found.push(...Contents.map(({ Key }) => Key as string));
  }
  return found;
}

export async function empty(place: Location): Promise<void> {
  const found = await keys(place);
  for (let at = 0; at < found.length; at += 1000) {
    const Objects = found.slice(at, at + 1000).map((Key) => ({ Key }));
    await s3.send(new DeleteObjectsCommand({ Bucket: place.bucket, Delete: { Objects, Quiet: true } }));
  }
}

/** Starts an execution as the console does, and answers its ARN. */
export async function start(job: unknown, name = `t-${randomUUID()}`): Promise<string> {
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: outputs.StateMachineArn, name, input: JSON.stringify(job) }),
  );
  return executionArn as string;
}

/** Waits until the execution has ended, however. */
export async function ended(executionArn: string): Promise<DescribeExecutionCommandOutput> {
  for (;;) {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== 'RUNNING' && execution.status !== 'PENDING_REDRIVE') return execution;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

export function executionName(arn: string): string {
  return arn.split(':').at(-1) as string;
}

/** The folder of a run in the results. */
export function runFolder(arn: string): Location {
  return { bucket: results.bucket, prefix: `${results.prefix}runs/${executionName(arn)}/` };
}

/** Waits for what comes a little after an execution's end, such as a report: until `look` answers something. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  const latest = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > latest) throw new Error(`expected ${what} within ${seconds} s, got nothing`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Waits until the account of a run has been written after `since`, epoch milliseconds. */
export async function reported(run: Location, since = 0): Promise<void> {
  await eventually(`the account ${run.prefix}summary.json`, async () => {
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: run.bucket, Prefix: `${run.prefix}summary.json` }),
    );
    return Contents.find(({ LastModified }) => (LastModified?.getTime() ?? 0) + 1000 > since);
  });
}
