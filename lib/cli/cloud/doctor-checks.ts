// What `doctor` looks at, one record per check: the call, the permission that it needs, and what the answer means.

import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { formatLocation, type Location } from '../../../lambda/contract/location.ts';
import { printable } from '../../../lambda/report/printable.ts';
import { formatCount } from '../../../lambda/report/units.ts';
import { connectS3 } from '../../../lambda/store/s3-client.ts';
import { isPreconditionFailure } from '../../../lambda/store/s3-errors.ts';
import type { DeployedStack } from './stack.ts';

export interface Check {
  readonly name: string;
  /** The permission that the caller needs for it. */
  readonly actions: readonly string[];
  readonly resource: string;
  /** What is found, in words; a `note` is nothing to repair, but good to know; `failed` is. Throws when the call fails. */
  look(): Promise<string | { readonly note: string } | { readonly failed: string }>;
}

export interface Finding {
  readonly state: 'ok' | 'note' | 'failed';
  readonly name: string;
  readonly detail: string;
  /** The IAM statement that is missing, when it is a permission. */
  readonly statement?: { readonly Effect: 'Allow'; readonly Action: readonly string[]; readonly Resource: string };
}

/** The names that S3, Lambda, Step Functions and KMS give to a missing permission. */
const DENIED = /AccessDenied|Forbidden|NotAuthorized|UnauthorizedOperation/;

/** Does one check. Never throws for what AWS answers. */
export async function findingOf({ name, actions, resource, look }: Check): Promise<Finding> {
  try {
    const found = await look();
    if (typeof found === 'string') return { state: 'ok', name, detail: found };
    return 'note' in found
      ? { state: 'note', name, detail: found.note }
      : { state: 'failed', name, detail: found.failed };
  } catch (error) {
    const { name: kind, message } = error as Error;
    const detail = printable(`${kind}: ${message}`);
    const denied = DENIED.test(kind) || DENIED.test(message);
    // AWS mostly names what is missing itself; it knows better, for example when it is the bucket's KMS key.
    const [, action, target] = /not authorized to perform: (\S+) on resource: "?([^\s"]+)/.exec(message) ?? [];
    const statement = {
      Effect: 'Allow',
      Action: action === undefined ? actions : [action],
      Resource: target ?? resource,
    } as const;
    return {
      state: 'failed',
      name,
      detail,
      ...(denied ? { statement } : {}),
    };
  }
}

/** All checks of a stack, in the order in which a job meets what they look at. */
export function checksOf(stack: DeployedStack): readonly Check[] {
  const s3 = connectS3().client;
  const { source, destination, results } = stack;
  const partition = stack.stateMachineArn.split(':')[1] ?? 'aws';
  return [
    stateMachine(stack),
    listable(s3, source, partition),
    readable(s3, source, partition),
    events(s3, source, partition),
    ...[destination, results].flatMap((place, at) => [
      writable(s3, place, at === 0 ? 'destination' : 'results', partition),
    ]),
    ...[source, destination, results].map((place) => encryption(s3, place, partition)),
    concurrency(stack),
  ];
}

function stateMachine({ stateMachineArn }: DeployedStack): Check {
  return {
    name: 'state machine',
    actions: ['states:DescribeStateMachine'],
    resource: stateMachineArn,
    async look() {
      const { name, status } = await new SFNClient().send(new DescribeStateMachineCommand({ stateMachineArn }));
      return status === 'ACTIVE' ? `${name} is active` : { note: `${name} is ${status}` };
    },
  };
}

function listable(s3: S3Client, { bucket, prefix }: Location, partition: string): Check {
  return {
    name: 'listing of the source',
    actions: ['s3:ListBucket'],
    resource: `arn:${partition}:s3:::${bucket}`,
    async look() {
      const key = await firstKey(s3, { bucket, prefix });
      return `${formatLocation({ bucket, prefix })} can be listed${key === undefined ? ', and is empty' : ''}`;
    },
  };
}

function readable(s3: S3Client, { bucket, prefix }: Location, partition: string): Check {
  return {
    name: 'reading of the source',
    actions: ['s3:GetObject'],
    resource: `arn:${partition}:s3:::${bucket}/${prefix}*`,
    async look() {
      const Key = await firstKey(s3, { bucket, prefix });
      if (Key === undefined) return { note: 'there is no object to try it with' };
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, Range: 'bytes=0-0' }));
      await Body?.transformToByteArray();
      return `${printable(Key)} can be read`;
    },
  };
}

/** The first of the first keys that has a byte to read: folder markers have none. */
async function firstKey(s3: S3Client, { bucket, prefix }: Location): Promise<string | undefined> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 10 }));
  return Contents.find(({ Size = 0 }) => Size > 0)?.Key;
}

function events(s3: S3Client, { bucket }: Location, partition: string): Check {
  return {
    name: 'events of the source',
    actions: ['s3:GetBucketNotification'],
    resource: `arn:${partition}:s3:::${bucket}`,
    async look() {
      const { EventBridgeConfiguration } = await s3.send(
        new GetBucketNotificationConfigurationCommand({ Bucket: bucket }),
      );
      if (EventBridgeConfiguration !== undefined) return `${bucket} sends its events to EventBridge`;
      return { note: `${bucket} sends no events to EventBridge, so uploads start no run` };
    },
  };
}

function writable(s3: S3Client, { bucket, prefix }: Location, name: string, partition: string): Check {
  const Key = `${prefix}.image-fanout/doctor`;
  return {
    name,
    actions: ['s3:PutObject', 's3:DeleteObject'],
    resource: `arn:${partition}:s3:::${bucket}/${prefix}*`,
    async look() {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.alloc(0) }));
      const conditional = new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.alloc(0), IfNoneMatch: '*' });
      const kept = await s3.send(conditional).then(
        () => false,
        (error: unknown) => {
          if (isPreconditionFailure(error)) return true;
          throw error;
        },
      );
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
      const place = formatLocation({ bucket, prefix });
      if (kept) return `${place} can be written, and keeps conditional writes`;
      throw new Error(
        `${place} can be written, but ignores If-None-Match: two runs at the same keys would lose outputs in silence`,
      );
    },
  };
}

function encryption(s3: S3Client, { bucket }: Location, partition: string): Check {
  return {
    name: `encryption of ${bucket}`,
    actions: ['s3:GetEncryptionConfiguration'],
    resource: `arn:${partition}:s3:::${bucket}`,
    async look() {
      const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket: bucket }));
      const rule = ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
      if (rule?.KMSMasterKeyID === undefined) return "S3's own keys";
      return { note: `${rule.KMSMasterKeyID}: the functions' roles need kms:Decrypt and kms:GenerateDataKey there` };
    },
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html */
function concurrency({ processFunctionName, maxConcurrency }: DeployedStack): Check {
  return {
    name: 'concurrency',
    actions: ['lambda:GetAccountSettings', 'lambda:GetFunctionConcurrency'],
    resource: '*',
    async look() {
      const lambda = new LambdaClient();
      const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand());
      const { ReservedConcurrentExecutions: reserved } = await lambda.send(
        new GetFunctionConcurrencyCommand({ FunctionName: processFunctionName }),
      );
      const room = reserved ?? AccountLimit?.UnreservedConcurrentExecutions ?? 0;
      const whose =
        reserved === undefined ? 'the account leaves to all functions' : 'are reserved for the image function';
      const detail = `${formatCount(room)} ${whose}, a run takes ${formatCount(maxConcurrency)} unless its job says otherwise`;
      if (room >= maxConcurrency) return detail;
      return {
        failed: `${detail}: a run gets no more than ${formatCount(room)}; deploy with -c image-fanout:maxConcurrency=${room}, or ask for more in Service Quotas (Lambda, Concurrent executions)`,
      };
    },
  };
}
